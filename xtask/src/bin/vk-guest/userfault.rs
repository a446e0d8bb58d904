//! userfaultfd(2): whoever has the descriptor fills memory of the process that made it.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::ioctl::{ioctl, opcode, Updater};
use rustix::mm::{userfaultfd, UserfaultfdFlags};

use crate::mapping::Mapping;

/// The group of its requests: `UFFDIO` in include/uapi/linux/userfaultfd.h.
const GROUP: u8 = 0xaa;

/// The version of its interface: `UFFD_API`.
const API: u64 = 0xaa;

/// Faults on pages that are not there: `UFFDIO_REGISTER_MODE_MISSING`.
const MISSING: u64 = 1;

/// `struct uffdio_api`.
#[repr(C)]
struct Handshake {
    api: u64,
    features: u64,
    ioctls: u64,
}

/// `struct uffdio_register`.
#[repr(C)]
struct Registration {
    start: u64,
    len: u64,
    mode: u64,
    ioctls: u64,
}

/// `struct uffdio_copy`.
#[repr(C)]
struct Copy {
    to: u64,
    from: u64,
    len: u64,
    mode: u64,
    copied: i64,
}

/// What fills the missing pages of a process's memory.
#[derive(Debug)]
pub(crate) struct Userfault(OwnedFd);

impl Userfault {
    /// Makes one that fills what is missing of `mapping`.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn new(mapping: &Mapping) -> Result<Self, Errno> {
        // SAFETY: Only the checks write through it, to ranges of a `Mapping`, of which no reference
        // exists.
        let file = unsafe { userfaultfd(UserfaultfdFlags::CLOEXEC) }?;
        let mut handshake = Handshake {
            api: API,
            features: 0,
            ioctls: 0,
        };
        // SAFETY: The request takes and fills a `struct uffdio_api`.
        let request = unsafe {
            Updater::<{ opcode::read_write::<Handshake>(GROUP, 0x3f) }, _>::new(&mut handshake)
        };
        // SAFETY: As above.
        unsafe { ioctl(&file, request) }?;
        let mut registration = Registration {
            start: mapping.address(),
            len: mapping.len_bytes() as u64,
            mode: MISSING,
            ioctls: 0,
        };
        // SAFETY: The request takes and fills a `struct uffdio_register`.
        let request = unsafe {
            Updater::<{ opcode::read_write::<Registration>(GROUP, 0) }, _>::new(&mut registration)
        };
        // SAFETY: As above; the range is a mapping of this process.
        unsafe { ioctl(&file, request) }?;
        Ok(Self(file))
    }

    /// Puts copies of `bytes` to the address `to` of the process that made this, by UFFDIO_COPY.
    ///
    /// # Errors
    ///
    /// The kernel's, or that not all was copied.
    pub(crate) fn copy(&self, to: u64, bytes: &[u8]) -> io::Result<()> {
        let mut copy = Copy {
            to,
            from: bytes.as_ptr() as u64,
            len: bytes.len() as u64,
            mode: 0,
            copied: 0,
        };
        // SAFETY: The request takes and fills a `struct uffdio_copy`.
        let request =
            unsafe { Updater::<{ opcode::read_write::<Copy>(GROUP, 3) }, _>::new(&mut copy) };
        // SAFETY: `from` is `bytes`, which is only read; `to` is memory of another process, where the
        // kernel fills only what is missing in a range that was registered.
        unsafe { ioctl(&self.0, request) }?;
        match copy.copied {
            all if all as usize == bytes.len() => Ok(()),
            some => Err(io::Error::other(format!("{some} bytes were copied"))),
        }
    }
}

impl From<OwnedFd> for Userfault {
    fn from(file: OwnedFd) -> Self {
        Self(file)
    }
}

impl AsFd for Userfault {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
