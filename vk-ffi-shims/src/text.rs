//! The buffers of files below `/proc/sys` and `/sys`.

use core::ffi::{c_int, c_ulong, c_void};

/// The kernel buffer that a handler of a proc file is given: `buffer`, `*lenp` and `*ppos`.
#[derive(Debug)]
pub struct Buffer<'a> {
    bytes: &'a mut [u8],
    len: &'a mut c_ulong,
    pos: &'a mut i64,
    is_write: bool,
}

impl<'a> Buffer<'a> {
    /// Makes one of a hooked handler's arguments.
    ///
    /// # Safety
    ///
    /// - `lenp` and `ppos` are valid and not aliased until the handler returns.
    /// - `buffer` is a kernel buffer of `*lenp` bytes, initialised (`kvzalloc`), likewise.
    #[doc(hidden)]
    pub unsafe fn from_raw(
        write: c_int,
        buffer: *mut c_void,
        lenp: *mut c_ulong,
        ppos: *mut i64,
    ) -> Self {
        // SAFETY: By the contract of this function.
        let len = unsafe { &mut *lenp };
        // SAFETY: By the contract of this function.
        let pos = unsafe { &mut *ppos };
        // SAFETY: By the contract of this function.
        let bytes = unsafe { core::slice::from_raw_parts_mut(buffer.cast::<u8>(), *len as usize) };
        Self {
            bytes,
            len,
            pos,
            is_write: write != 0,
        }
    }

    /// Tells whether the file is written to.
    pub fn is_write(&self) -> bool {
        self.is_write
    }

    /// Returns the file position.
    pub fn pos(&self) -> u64 {
        self.pos.unsigned_abs()
    }

    /// Returns what was written, or the room for what is read.
    pub fn bytes(&mut self) -> &mut [u8] {
        self.bytes
    }

    /// Ends the call: `used` bytes were read or written, the position is `pos`.
    pub fn finish(self, used: usize, pos: u64) {
        *self.len = used.min(self.bytes.len()) as c_ulong;
        *self.pos = i64::try_from(pos).unwrap_or(i64::MAX);
    }
}

/// The page that a `show` method of sysfs fills.
#[derive(Debug)]
pub struct Text<'a>(&'a mut [u8; 4096]);

impl Text<'_> {
    /// Makes one of a hooked function's argument.
    ///
    /// # Safety
    ///
    /// `buffer` is a page, initialised, not aliased until the handler returns.
    #[doc(hidden)]
    pub unsafe fn from_raw(buffer: *mut c_void) -> Self {
        // SAFETY: By the contract of this function.
        Self(unsafe { &mut *buffer.cast() })
    }

    /// Writes `text`, which is what the file shows; returns its length, as `show` does.
    pub fn emit(self, text: &str) -> i64 {
        let bytes = text.as_bytes();
        let Some(room) = self.0.get_mut(..bytes.len()) else {
            return 0;
        };
        room.copy_from_slice(bytes);
        bytes.len() as i64
    }
}
