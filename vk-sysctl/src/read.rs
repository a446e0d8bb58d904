//! What a read of a parameter's file shows.

use core::fmt::{self, Write};

use crate::Value;

/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// The bytes written to the buffer.
    pub written: usize,
    /// The file position afterwards.
    pub pos: u64,
}

/// Writes `value` and a newline into `out`, as the kernel's handlers do for a read at `pos`.
///
/// What does not fit is cut off and cannot be read later: any position but 0 is the end of the
/// file.
///
/// # Examples
///
/// ```
/// use vk_sysctl::{read_text, Value};
///
/// let mut out = [0; 8];
/// let read = read_text(Value::Int(50), 0, &mut out);
/// assert_eq!(&out[..read.written], b"50\n");
/// assert_eq!(read_text(Value::Int(50), read.pos, &mut out).written, 0);
/// ```
pub fn read_text(value: Value, pos: u64, out: &mut [u8]) -> Read {
    let mut cursor = Cursor { left: out, used: 0 };
    if pos == 0 {
        // A full buffer ends the text early and is no error.
        let _ = writeln!(cursor, "{value}");
    }
    let written = cursor.used;
    Read {
        written,
        pos: pos.saturating_add(written as u64),
    }
}

struct Cursor<'a> {
    left: &'a mut [u8],
    used: usize,
}

impl Write for Cursor<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            let (slot, left) = core::mem::take(&mut self.left)
                .split_first_mut()
                .ok_or(fmt::Error)?;
            *slot = byte;
            self.left = left;
            self.used = self.used.wrapping_add(1);
        }
        Ok(())
    }
}
