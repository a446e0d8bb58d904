//! The kernel's never-reused id of a namespace.

use std::fs::File;
use std::io;

use rustix::ioctl::{ioctl, opcode, Getter, Opcode};

/// The id of the host's pid namespace: `PID_NS_INIT_ID` in include/uapi/linux/nsfs.h.
pub(crate) const HOST: u64 = 4;

/// `NS_GET_ID` in include/uapi/linux/nsfs.h.
#[doc(alias = "NS_GET_ID")]
const GET_ID: Opcode = opcode::read::<u64>(0xb7, 13);

/// Returns the id of the namespace that `file`, one of `/proc/N/ns`, stands for.
///
/// # Errors
///
/// `ENOTTY`: `file` is something else, or the kernel has no such ids.
pub(crate) fn of(file: &File) -> io::Result<u64> {
    // SAFETY: `NS_GET_ID` writes one u64 and reads nothing.
    let get_id = unsafe { Getter::<GET_ID, u64>::new() };
    // SAFETY: The fd is open while `file` is borrowed; another driver that knows the number 0xb7/13 as reading a
    // u64 writes no more than that.
    Ok(unsafe { ioctl(file, get_id) }?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_what_the_header_says() {
        // _IOR(0xb7, 13, __u64) as a C compiler for x86-64 has it.
        assert_eq!(GET_ID, 0x8008_b70d);
    }

    #[test]
    fn refuses_what_is_no_namespace() {
        let file = File::open("/dev/null").unwrap();
        let errno = of(&file).unwrap_err().raw_os_error();
        assert_eq!(errno, Some(rustix::io::Errno::NOTTY.raw_os_error()));
    }

    #[test]
    fn one_namespace_has_one_id() {
        let id = |path| of(&File::open(path).unwrap());
        match id("/proc/self/ns/pid") {
            Ok(own) => {
                assert_eq!(own, id("/proc/thread-self/ns/pid").unwrap());
                assert_ne!(own, id("/proc/self/ns/mnt").unwrap());
            }
            // Kernels before NS_GET_ID.
            Err(e) => assert_eq!(e.raw_os_error(), Some(25)),
        }
    }
}
