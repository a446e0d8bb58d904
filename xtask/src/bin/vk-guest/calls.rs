//! System calls for which there is no safe form elsewhere.

#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use crate::scout::MapOp;

/// What a name space is about: the flag of clone(2), unshare(2) and setns(2).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) enum Space {
    /// Process numbers.
    Pid,
    /// Users and their capabilities.
    User,
    /// Mounts.
    Mount,
}

impl Space {
    fn flag(self) -> i32 {
        match self {
            Self::Pid => libc::CLONE_NEWPID,
            Self::User => libc::CLONE_NEWUSER,
            Self::Mount => libc::CLONE_NEWNS,
        }
    }
}

/// Where a fork has returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fork {
    /// In the process that forked; the child's number as its own name space has it.
    Parent(i32),
    /// In the new process.
    Child,
}

/// Forks this process, which must have one thread only.
///
/// # Errors
///
/// The kernel's, or that there are more threads: the child would find their locks taken for ever.
pub(crate) fn fork() -> io::Result<Fork> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("a process with threads must not fork"));
    }
    // SAFETY: There is one thread, so the child has all that the locks of this process need.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(pid)),
    }
}

/// Takes a swap file or device away, by swapoff(2).
///
/// # Errors
///
/// The kernel's.
pub(crate) fn swapoff(path: &str) -> io::Result<()> {
    let path = CString::new(path)?;
    // SAFETY: A string that ends with a zero.
    match unsafe { libc::swapoff(path.as_ptr()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Forks into new name spaces at once, by clone3(2).
///
/// # Errors
///
/// As [`fork`].
pub(crate) fn clone3(spaces: &[Space]) -> io::Result<Fork> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("a process with threads must not fork"));
    }
    // SAFETY: All-zero is what clone3(2) takes for "nothing more".
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    let flags = spaces.iter().fold(0, |flags, space| flags | space.flag());
    arguments.flags = flags as u64;
    arguments.exit_signal = libc::SIGCHLD as u64;
    // SAFETY: There is one thread, and without CLONE_VM the child has memory of its own: as fork(2).
    let result = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw mut arguments,
            size_of::<libc::clone_args>(),
        )
    };
    match result {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(pid as i32)),
    }
}

/// Waits for a child to end; returns its exit status, 128 and more for a signal.
///
/// # Errors
///
/// There is no such child.
pub(crate) fn wait_for(pid: i32) -> io::Result<i32> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is an `int` of ours.
        match unsafe { libc::waitpid(pid, &raw mut status, 0) } {
            -1 => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
            _ if libc::WIFEXITED(status) => return Ok(libc::WEXITSTATUS(status)),
            _ => return Ok(128 + libc::WTERMSIG(status)),
        }
    }
}

/// Leaves a name space; of process numbers, for the children to come.
///
/// # Errors
///
/// The kernel's.
pub(crate) fn unshare(space: Space) -> io::Result<()> {
    // SAFETY: Neither flag touches memory or descriptors of this process.
    result(unsafe { libc::unshare(space.flag()) })
}

/// Enters the name space behind `file`; one of process numbers, for the children to come.
///
/// # Errors
///
/// The kernel's.
pub(crate) fn enter(file: BorrowedFd<'_>, space: Space) -> io::Result<()> {
    // SAFETY: As for `unshare`; the descriptor is open.
    result(unsafe { libc::setns(file.as_raw_fd(), space.flag()) })
}

/// Writes `bytes` to the address `to` of another process.
///
/// # Errors
///
/// The kernel's, or that not all was written.
pub(crate) fn write_to_process(pid: u32, to: u64, bytes: &[u8]) -> io::Result<()> {
    let local = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let remote = libc::iovec {
        iov_base: to as *mut libc::c_void,
        iov_len: bytes.len(),
    };
    // SAFETY: `local` is `bytes`, which is only read; `remote` is memory of another process, which
    // the kernel checks.
    let written = unsafe {
        libc::process_vm_writev(pid as i32, &raw const local, 1, &raw const remote, 1, 0)
    };
    match written {
        -1 => Err(io::Error::last_os_error()),
        all if all as usize == bytes.len() => Ok(()),
        some => Err(io::Error::other(format!("only {some} bytes were written"))),
    }
}

/// Writes `bytes` and as many more, which cannot be read, by one write(2).
///
/// # Errors
///
/// The kernel's; what it took otherwise is its result.
#[expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "a few system calls in a row, one proof for all"
)]
pub(crate) fn write_past_the_end(file: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    const PAGE_BYTES: usize = 4096;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: A new mapping at an address that the kernel chooses touches nothing that exists.
    let pages = unsafe { libc::mmap(ptr::null_mut(), 2 * PAGE_BYTES, protection, flags, -1, 0) };
    if pages == libc::MAP_FAILED || bytes.len() > PAGE_BYTES {
        return Err(io::Error::last_os_error());
    }
    let pages = pages.cast::<u8>();
    let start = pages.wrapping_add(PAGE_BYTES - bytes.len());
    // SAFETY: The bytes fit before the end of the first page; both pages are ours alone, and the
    // kernel, which finds the second closed, only reads.
    unsafe {
        ptr::copy_nonoverlapping(bytes.as_ptr(), start, bytes.len());
        libc::mprotect(
            pages.wrapping_add(PAGE_BYTES).cast(),
            PAGE_BYTES,
            libc::PROT_NONE,
        );
        let written = libc::write(file.as_raw_fd(), start.cast(), 2 * bytes.len());
        let error = io::Error::last_os_error();
        libc::munmap(pages.cast(), 2 * PAGE_BYTES);
        match written {
            -1 => Err(error),
            written => Ok(written as usize),
        }
    }
}

/// Maps a page at `address`, where nothing is, and unmaps it.
///
/// # Errors
///
/// The kernel's.
#[expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "two system calls in a row, one proof for both"
)]
pub(crate) fn maps_page_at(address: usize) -> io::Result<()> {
    const PAGE_BYTES: usize = 4096;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: With MAP_FIXED_NOREPLACE nothing that exists is touched; what is unmapped is the new
    // page.
    unsafe {
        let page = libc::mmap(address as *mut _, PAGE_BYTES, libc::PROT_READ, flags, -1, 0);
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        result(libc::munmap(page, PAGE_BYTES))
    }
}

/// Does `op` with mappings of its own while the process has `count` mappings in all.
///
/// # Errors
///
/// The kernel's, of `op` or of the mappings that make up the number.
pub(crate) fn at_map_count(count: usize, op: MapOp) -> io::Result<()> {
    const PAGES: usize = 3;
    let mut filler = Vec::with_capacity(count);
    // Of a kind that nothing else here is, which it could be one mapping with.
    let all = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
    let subject = pages(ptr::null_mut(), PAGES, all, 0)?;
    let have = map_count()?;
    let filled = (have..count).try_for_each(|nth| {
        // Neighbours of one kind would be one mapping; `op` makes pages to read.
        let protection = [libc::PROT_WRITE, libc::PROT_NONE][nth % 2];
        filler.push(pages(ptr::null_mut(), 1, protection, 0)?);
        Ok(())
    });
    let seen = map_count()?;
    let done = filled.and_then(|()| match seen == count {
        true => does(subject, op),
        false => Err(io::Error::from_raw_os_error(libc::EDOM)),
    });
    for page in filler {
        unmaps(page, 1)?;
    }
    unmaps(subject, PAGES)?;
    done
}

/// Maps a page for good that is a mapping of its own, whatever is next to it.
///
/// # Errors
///
/// The kernel's.
pub(crate) fn maps_page_apart() -> io::Result<()> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let nth = COUNT.fetch_add(1, Ordering::Relaxed);
    let protection = [libc::PROT_READ, libc::PROT_NONE][nth % 2];
    pages(ptr::null_mut(), 1, protection, 0).map(|_| ())
}

/// How many mappings this process has: all but the page of system calls, which is the kernel's.
fn map_count() -> io::Result<usize> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    let own = maps.lines().filter(|line| !line.ends_with("[vsyscall]"));
    Ok(own.count())
}

const PAGE_BYTES: usize = 4096;

/// Does `op` with a mapping of three pages.
fn does(subject: *mut u8, op: MapOp) -> io::Result<()> {
    let middle = subject.wrapping_add(PAGE_BYTES);
    match op {
        MapOp::Map => unmaps(pages(ptr::null_mut(), 1, libc::PROT_EXEC, 0)?, 1),
        MapOp::MapOver => pages(middle, 1, libc::PROT_READ, libc::MAP_FIXED).map(|_| ()),
        MapOp::UnmapMiddle => unmaps(middle, 1),
        MapOp::UnmapEnd => unmaps(middle.wrapping_add(PAGE_BYTES), 1),
        MapOp::Protect => protects(subject),
        MapOp::Brk => grows_heap(),
        MapOp::Resize => grows(subject),
    }
}

fn protects(page: *mut u8) -> io::Result<()> {
    // SAFETY: A page of our own mapping, which nobody reads or writes.
    result(unsafe { libc::mprotect(page.cast(), PAGE_BYTES, libc::PROT_READ) })
}

fn grows_heap() -> io::Result<()> {
    // SAFETY: What is added to the heap is given back at once; nobody else uses it meanwhile, as
    // there is one thread.
    match unsafe { libc::sbrk(PAGE_BYTES as isize) } {
        end if end as isize == -1 => Err(io::Error::last_os_error()),
        _ => {
            // SAFETY: As above.
            unsafe { libc::sbrk(-(PAGE_BYTES as isize)) };
            Ok(())
        }
    }
}

/// Lets a mapping of three pages grow to four, where the kernel likes, and shrink again.
fn grows(from: *mut u8) -> io::Result<()> {
    let (three, four) = (3 * PAGE_BYTES, 4 * PAGE_BYTES);
    // SAFETY: A mapping of ours that nobody reads or writes.
    let grown = unsafe { libc::mremap(from.cast(), three, four, libc::MREMAP_MAYMOVE) };
    match grown {
        libc::MAP_FAILED => Err(io::Error::last_os_error()),
        grown => unmaps(grown.cast(), 4),
    }
}

fn pages(at: *mut u8, count: usize, protection: i32, flags: i32) -> io::Result<*mut u8> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags;
    // SAFETY: New at an address that the kernel chooses, or over a page of our own mapping that nobody
    // reads or writes.
    let made = unsafe { libc::mmap(at.cast(), count * PAGE_BYTES, protection, flags, -1, 0) };
    match made {
        libc::MAP_FAILED => Err(io::Error::last_os_error()),
        made => Ok(made.cast()),
    }
}

fn unmaps(at: *mut u8, count: usize) -> io::Result<()> {
    // SAFETY: Pages that `pages` mapped for us, which nobody reads or writes.
    result(unsafe { libc::munmap(at.cast(), count * PAGE_BYTES) })
}

/// Returns the size of the kernel log: syslog(2), `SYSLOG_ACTION_SIZE_BUFFER`.
///
/// # Errors
///
/// The kernel's.
pub(crate) fn log_size() -> io::Result<usize> {
    const SIZE_BUFFER: i32 = 10;
    // SAFETY: This action takes no buffer.
    match unsafe { libc::klogctl(SIZE_BUFFER, ptr::null_mut(), 0) } {
        -1 => Err(io::Error::last_os_error()),
        size => Ok(size as usize),
    }
}

fn result(result: i32) -> io::Result<()> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_threads_does_not_fork() {
        // The test harness has a thread for each test.
        assert!(fork().is_err());
    }

    #[test]
    fn writes_to_memory_by_its_address() -> io::Result<()> {
        let mut place = [0_u8; 4];
        let address = (&raw mut place) as u64;
        write_to_process(std::process::id(), address, b"here")?;
        assert_eq!(std::hint::black_box(place), *b"here");
        Ok(())
    }
}
