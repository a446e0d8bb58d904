//! The identity of a pid namespace.

#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsRawFd;

use anyhow::{ensure, Context, Result};

/// `NS_GET_ID` of include/uapi/linux/nsfs.h: `_IOR(0xb7, 13, __u64)`.
const NS_GET_ID: libc::Ioctl = 0x8008_b70d_u32 as libc::Ioctl;

/// Returns the never-reused number of the pid namespace of the process `pid`.
///
/// # Errors
///
/// There is no such process, or the kernel cannot tell.
pub(crate) fn id_of(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/ns/pid");
    let file = File::open(&path).with_context(|| format!("cannot open {path}"))?;
    let mut id: u64 = 0;
    // SAFETY: The request writes one `u64` to where its argument points; `id` is one.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), NS_GET_ID, &raw mut id) };
    ensure!(
        result == 0,
        "NS_GET_ID of {path}: {}",
        std::io::Error::last_os_error()
    );
    Ok(id)
}
