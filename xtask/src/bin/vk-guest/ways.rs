//! The ways by which a process comes to committed memory, besides a plain mmap(2).

#![allow(unsafe_code)]

use std::io;
use std::ptr;

use anyhow::{bail, Context, Result};

use crate::calls::{fork, Fork};
use crate::door::{errno_name, number};

/// A way to more memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// mmap(2) that asks not to be charged.
    Noreserve,
    /// A shared mapping, whose whole size is charged when it is made.
    Shared,
    /// A System V segment.
    Segment,
    /// The same, asking not to be charged.
    SegmentNoreserve,
    /// brk(2).
    Brk,
    /// mprotect(2) of what could not be written to.
    Mprotect,
    /// mremap(2).
    Mremap,
    /// The stack, which grows when it is touched.
    Stack,
    /// Huge pages, of which none is reserved.
    Huge,
    /// A System V segment of them.
    HugeSegment,
    /// mmap(2) of a task that shares the memory of its parent.
    CloneVm,
}

const WAYS: [(&str, Way); 11] = [
    ("noreserve", Way::Noreserve),
    ("shared", Way::Shared),
    ("segment", Way::Segment),
    ("segment-noreserve", Way::SegmentNoreserve),
    ("brk", Way::Brk),
    ("mprotect", Way::Mprotect),
    ("mremap", Way::Mremap),
    ("stack", Way::Stack),
    ("huge", Way::Huge),
    ("huge-segment", Way::HugeSegment),
    ("clone-vm", Way::CloneVm),
];

impl Way {
    /// Returns the one of that name.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let found = WAYS.iter().find(|(its, _)| *its == name);
        found
            .map(|(_, way)| *way)
            .with_context(|| format!("no way {name:?}"))
    }

    /// Takes it to so many bytes, for good; `ok`, or the name of the error.
    ///
    /// # Errors
    ///
    /// Something else did not work.
    pub(crate) fn takes(self, bytes: usize) -> Result<String> {
        let passed = match self {
            Self::Noreserve => map(bytes, libc::MAP_PRIVATE | libc::MAP_NORESERVE).map(|_| ()),
            Self::Shared => map(bytes, libc::MAP_SHARED).map(|_| ()),
            Self::Segment => segment(bytes, 0),
            Self::SegmentNoreserve => segment(bytes, libc::SHM_NORESERVE),
            Self::Brk => brk(bytes),
            Self::Mprotect => mprotect(bytes),
            Self::Mremap => mremap(bytes),
            Self::Stack => return stack(bytes),
            Self::Huge => {
                let flags = libc::MAP_PRIVATE | libc::MAP_NORESERVE | libc::MAP_HUGETLB;
                map(bytes, flags).map(|_| ())
            }
            Self::HugeSegment => segment(bytes, libc::SHM_NORESERVE | libc::SHM_HUGETLB),
            Self::CloneVm => clone_vm(bytes),
        };
        Ok(passed.map_or_else(|error| errno_name(number(error)), |()| "ok".to_owned()))
    }
}

fn checked(result: isize) -> io::Result<()> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn map(bytes: usize, flags: i32) -> io::Result<*mut u8> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    map_as(bytes, flags, protection)
}

fn map_as(bytes: usize, flags: i32, protection: i32) -> io::Result<*mut u8> {
    let flags = flags | libc::MAP_ANONYMOUS;
    // SAFETY: A new mapping at an address that the kernel chooses touches nothing that exists.
    let at = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
    checked(at as isize).map(|()| at.cast())
}

fn segment(bytes: usize, flags: i32) -> io::Result<()> {
    // SAFETY: Makes an object; nothing is mapped.
    let id = unsafe { libc::shmget(libc::IPC_PRIVATE, bytes, flags | libc::IPC_CREAT | 0o600) };
    checked(id as isize)?;
    // Gone with whoever has it attached: nobody.
    // SAFETY: Our own segment, of which nothing is mapped.
    checked(unsafe { libc::shmctl(id, libc::IPC_RMID, ptr::null_mut()) } as isize)
}

fn brk(bytes: usize) -> io::Result<()> {
    // SAFETY: The allocator sees a break that has moved and goes on behind it.
    checked(unsafe { libc::sbrk(bytes as isize) } as isize)
}

fn mprotect(bytes: usize) -> io::Result<()> {
    let at = map_as(bytes, libc::MAP_PRIVATE, libc::PROT_READ)?;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: Our own mapping, to which nobody has a reference.
    checked(unsafe { libc::mprotect(at.cast(), bytes, protection) } as isize)
}

fn mremap(bytes: usize) -> io::Result<()> {
    const BEFORE_BYTES: usize = 1 << 20;
    let at = map(BEFORE_BYTES, libc::MAP_PRIVATE)?;
    // SAFETY: Our own mapping, to which nobody has a reference.
    let at = unsafe { libc::mremap(at.cast(), BEFORE_BYTES, bytes, libc::MREMAP_MAYMOVE) };
    checked(at as isize)
}

/// A refusal is a signal there, so a child goes.
fn stack(bytes: usize) -> Result<String> {
    match fork()? {
        Fork::Child => {
            grows_stack(bytes);
            std::process::exit(0)
        }
        Fork::Parent(child) => {
            let mut status = 0;
            // SAFETY: `status` is where the call may write.
            checked(unsafe { libc::waitpid(child, &raw mut status, 0) } as isize)?;
            match status {
                0 => Ok("ok".to_owned()),
                _ if libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSEGV => {
                    Ok("SIGSEGV".to_owned())
                }
                _ => bail!("a child ended with {status:#x}"),
            }
        }
    }
}

/// Lets the stack be so many bytes deep. A refusal is a signal, by which this process ends.
pub(crate) fn grows_stack(bytes: usize) {
    // Not to print what the standard library makes of it.
    // SAFETY: The default action for a signal.
    unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
    deeper(bytes);
}

#[inline(never)]
fn deeper(bytes: usize) -> u8 {
    const STEP_BYTES: usize = 8 << 10;
    let mut frame = [0_u8; STEP_BYTES];
    std::hint::black_box(&mut frame);
    match bytes.checked_sub(STEP_BYTES) {
        Some(rest) => deeper(rest).wrapping_add(std::hint::black_box(&frame)[0]),
        None => 0,
    }
}

extern "C" fn maps_as_child(bytes: *mut libc::c_void) -> i32 {
    match map(bytes as usize, libc::MAP_PRIVATE) {
        Ok(_) => 0,
        Err(error) => error.raw_os_error().unwrap_or(255),
    }
}

fn clone_vm(bytes: usize) -> io::Result<()> {
    const STACK_BYTES: usize = 256 << 10;
    let stack = map(STACK_BYTES, libc::MAP_PRIVATE)?.wrapping_add(STACK_BYTES);
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: The child runs on a stack of its own while this task waits, makes one call of the
    // system that touches nothing of ours, and ends.
    let child = unsafe { libc::clone(maps_as_child, stack.cast(), flags, bytes as *mut _) };
    checked(child as isize)?;
    let mut status = 0;
    // SAFETY: `status` is where the call may write.
    checked(unsafe { libc::waitpid(child, &raw mut status, 0) } as isize)?;
    match libc::WEXITSTATUS(status) {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}
