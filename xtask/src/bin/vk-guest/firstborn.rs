//! Process 1 of a new pid namespace, made by clone3(2) alone, that acts by its first instructions.
//!
//! The child has this process's memory and threads' locks, but none of its threads: it does
//! nothing but system calls.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;

use crate::calls::wait_for;

/// How much of a file the child reads.
const TEXT_MAX: usize = 64;

/// A child that waits for its end.
#[derive(Debug)]
pub(crate) struct Firstborn {
    pid: i32,
    seen: Seen,
}

/// What the child saw before anything else, as it goes through the pipe.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Seen {
    text: [u8; TEXT_MAX],
    text_len: i64,
    map_errno: i32,
}

impl Seen {
    const NOTHING: Self = Self {
        text: [0; TEXT_MAX],
        text_len: 0,
        map_errno: 0,
    };
}

impl Firstborn {
    /// Makes one that reads the file `path` and maps `map_bytes`, first thing.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn make(path: &CStr, map_bytes: usize) -> io::Result<Self> {
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let pid = clone_first(path, map_bytes, &writer)?;
        drop(writer);
        let mut child = Self {
            pid,
            seen: Seen::NOTHING,
        };
        child.seen = hear(&reader)?;
        Ok(child)
    }

    /// Makes one that reads the file `path` in a namespace below one of which the `nth` allocation, or
    /// copy from user space, fails; those are two and one below what [`enter`](crate::calls::enter) was
    /// given. It is the process outside of both that is returned, and that gets the faults.
    ///
    /// # Errors
    ///
    /// The kernel's, or that the fault left no namespace.
    pub(crate) fn make_below_fault(path: &CStr, nth: u32) -> io::Result<Self> {
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let nth = nth.to_string();
        let raw = writer.as_raw_fd();
        let pid = clone_into(0, || bears_below_fault(path, nth.as_bytes(), raw))?;
        drop(writer);
        let mut child = Self {
            pid,
            seen: Seen::NOTHING,
        };
        child.seen = hear(&reader)?;
        Ok(child)
    }

    /// Returns its number, as the host counts.
    pub(crate) fn pid(&self) -> u32 {
        self.pid.unsigned_abs()
    }

    /// Returns what it read.
    ///
    /// # Errors
    ///
    /// It could not.
    pub(crate) fn text(&self) -> io::Result<String> {
        let Ok(len) = usize::try_from(self.seen.text_len) else {
            return Err(io::Error::other("the first process could not read"));
        };
        let text = &self.seen.text[..len.min(TEXT_MAX)];
        Ok(String::from_utf8_lossy(text).trim().to_owned())
    }

    /// Returns the error of its mapping, if there was one.
    pub(crate) fn map_errno(&self) -> Option<i32> {
        (self.seen.map_errno != 0).then_some(self.seen.map_errno)
    }

    /// Lets it end, and waits for that.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.ends()
    }

    fn ends(&mut self) -> io::Result<()> {
        if self.pid == 0 {
            return Ok(());
        }
        let pid = std::mem::take(&mut self.pid);
        // SAFETY: A child of ours that nobody has waited for: no other process has this number.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        wait_for(pid).map(|_| ())
    }
}

impl Drop for Firstborn {
    fn drop(&mut self) {
        if let Err(error) = self.ends() {
            eprintln!("vk-guest: a first process: {error}");
        }
    }
}

fn clone_first(path: &CStr, map_bytes: usize, writer: &OwnedFd) -> io::Result<i32> {
    let writer = writer.as_raw_fd();
    clone_into(libc::CLONE_NEWPID, || acts(path, map_bytes, writer))
}

/// Makes a process that lives `life`: nothing but system calls, on values made before.
fn clone_into(flags: libc::c_int, life: impl FnOnce()) -> io::Result<i32> {
    // SAFETY: All-zero is what clone3(2) takes for "nothing more".
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = flags as u64;
    arguments.exit_signal = libc::SIGCHLD as u64;
    // SAFETY: Without CLONE_VM the child has memory of its own, and `life` is as documented.
    let result = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw mut arguments,
            size_of::<libc::clone_args>(),
        )
    };
    match result {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            life();
            // SAFETY: No memory; nothing of the process that was copied is run or flushed.
            unsafe { libc::_exit(1) }
        }
        pid => Ok(pid as i32),
    }
}

/// A life in which a namespace is made while an allocation fails, and in that another one. A new process
/// gets no more faults.
fn bears_below_fault(path: &CStr, nth: &[u8], writer: i32) {
    // SAFETY: System calls on this process's own memory; nothing here allocates.
    let file = unsafe { libc::open(c"/proc/thread-self/fail-nth".as_ptr(), libc::O_WRONLY) };
    // SAFETY: As above.
    unsafe { libc::write(file, nth.as_ptr().cast(), nth.len()) };
    let outer = clone_into(libc::CLONE_NEWPID, || {
        let inner = clone_into(libc::CLONE_NEWPID, || acts(path, 0, writer));
        stays_for(inner.is_ok(), writer);
    });
    stays_for(outer.is_ok(), writer);
}

/// Waits for its end, if there is a child to live for; that one alone may write.
fn stays_for(has_child: bool, writer: i32) {
    // SAFETY: System calls without memory; the descriptor is this process's own copy.
    unsafe { libc::close(writer) };
    // SAFETY: As above.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    if has_child {
        loop {
            // SAFETY: As above.
            unsafe { libc::pause() };
        }
    }
}

/// The child's life.
#[expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a few system calls in a row, one proof for all"
)]
fn acts(path: &CStr, map_bytes: usize, writer: i32) -> ! {
    let mut seen = Seen::NOTHING;
    // SAFETY: System calls on this process's own memory and descriptors; nothing here allocates.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_RDONLY);
        seen.text_len = libc::read(file, seen.text.as_mut_ptr().cast(), TEXT_MAX) as i64;
        if map_bytes != 0 {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            let mapped = libc::mmap(ptr::null_mut(), map_bytes, protection, flags, -1, 0);
            if mapped == libc::MAP_FAILED {
                seen.map_errno = *libc::__errno_location();
            }
        }
        let bytes = (&raw const seen).cast();
        libc::write(writer, bytes, size_of::<Seen>());
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        loop {
            libc::pause();
        }
    }
}

fn hear(reader: &OwnedFd) -> io::Result<Seen> {
    let mut seen = Seen::NOTHING;
    let bytes = (&raw mut seen).cast::<u8>();
    // SAFETY: `seen` is plain numbers, writable for its whole size; less than a page goes through
    // a pipe at once.
    let len = unsafe { libc::read(reader.as_raw_fd(), bytes.cast(), size_of::<Seen>()) };
    match len {
        -1 => Err(io::Error::last_os_error()),
        len if len as usize == size_of::<Seen>() => Ok(seen),
        _ => Err(io::Error::other("the first process said nothing")),
    }
}

/// Acts likewise in a process of a new pid namespace that shares this one's memory, as vfork(2)
/// and CLONE_VM give it; returns what it read and the error of its mapping.
///
/// # Errors
///
/// The kernel's.
#[expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a few system calls in a row, one proof for all"
)]
pub(crate) fn act_in_shared_memory(
    path: &CStr,
    map_bytes: usize,
) -> io::Result<(String, Option<i32>)> {
    const STACK_BYTES: usize = 64 << 10;
    let mut stack = vec![0_u128; STACK_BYTES / size_of::<u128>()];
    let mut shared = Shared {
        path: path.as_ptr(),
        map_bytes,
        seen: Seen::NOTHING,
    };
    let flags = libc::CLONE_NEWPID | libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: The stack and `shared` are this process's; CLONE_VFORK keeps this thread, whose
    // they are, waiting until the child has ended.
    let pid = unsafe {
        let top = stack.as_mut_ptr().add(stack.len());
        libc::clone(acts_shared, top.cast(), flags, (&raw mut shared).cast())
    };
    if pid == -1 {
        return Err(io::Error::last_os_error());
    }
    wait_for(pid)?;
    let child = Firstborn {
        pid: 0,
        seen: shared.seen,
    };
    Ok((child.text()?, child.map_errno()))
}

/// What both processes have.
struct Shared {
    path: *const libc::c_char,
    map_bytes: usize,
    seen: Seen,
}

#[expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a few system calls in a row, one proof for all"
)]
extern "C" fn acts_shared(shared: *mut libc::c_void) -> libc::c_int {
    let shared = shared.cast::<Shared>();
    // SAFETY: The caller's, who waits; nothing here allocates, and what is mapped is unmapped.
    unsafe {
        let seen = &raw mut (*shared).seen;
        let file = libc::open((*shared).path, libc::O_RDONLY);
        (*seen).text_len = libc::read(file, (&raw mut (*seen).text).cast(), TEXT_MAX) as i64;
        libc::close(file);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let bytes = (*shared).map_bytes;
        let mapped = libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0);
        if mapped == libc::MAP_FAILED {
            (*seen).map_errno = *libc::__errno_location();
        } else {
            libc::munmap(mapped, bytes);
        }
    }
    0
}
