//! What kernel parameters limit: asked for, and given back.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::io::fcntl_dupfd_cloexec;
use rustix::mount::{mount, mount_change, MountFlags, MountPropagationFlags};
use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size, pipe};
use rustix::process::{kill_process, setrlimit, Pid, Resource, Rlimit, Signal};

use super::order::Ask;
use crate::calls::{self, fork, unshare, wait_for, Fork, Space};

/// Asks for it; returns what it came to.
///
/// # Errors
///
/// The kernel's.
pub(super) fn asks(ask: Ask) -> io::Result<String> {
    match ask {
        Ask::PageAt(address) => calls::maps_page_at(address)?,
        Ask::LogSize => return calls::log_size().map(|size| size.to_string()),
        Ask::Maps(count, op) => calls::at_map_count(count, op)?,
        Ask::Nofile(limit) => setrlimit(Resource::Nofile, limits(limit))?,
        Ask::Descriptor(number) => return descriptor(number),
        Ask::PipeBytes(bytes) => return pipe_of(bytes),
        Ask::Pipes(count) => return pipes(count),
        Ask::Mounts(count) => return mounts(count),
        Ask::Opens(count) => return opens(count),
        Ask::Forks(count) => return forks(count),
        Ask::Hammer(seconds) => hammer(Duration::from_secs(seconds))?,
    }
    Ok(String::new())
}

fn limits(limit: u64) -> Rlimit {
    Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    }
}

fn descriptor(number: i32) -> io::Result<String> {
    let file = File::open("/proc/self/stat")?;
    let copy = fcntl_dupfd_cloexec(&file, number)?;
    drop(copy);
    Ok(String::new())
}

fn opens(count: usize) -> io::Result<String> {
    let mut files = Vec::new();
    for _ in 0..count {
        match File::open("/proc/version") {
            Ok(file) => files.push(file),
            Err(error) if error.raw_os_error() == Some(libc::ENFILE) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(files.len().to_string())
}

fn pipe_of(bytes: usize) -> io::Result<String> {
    let (reader, _writer) = pipe()?;
    fcntl_setpipe_size(&reader, bytes)?;
    Ok(fcntl_getpipe_size(&reader)?.to_string())
}

fn pipes(count: usize) -> io::Result<String> {
    let made: Vec<(OwnedFd, OwnedFd)> =
        (0..count).map(|_| Ok(pipe()?)).collect::<io::Result<_>>()?;
    let last = made.last().map(|(reader, _)| fcntl_getpipe_size(reader));
    Ok(last.transpose()?.unwrap_or(0).to_string())
}

fn mounts(count: usize) -> io::Result<String> {
    unshare(Space::Mount)?;
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    let mut made = 0;
    while made < count && mount("limit", "/tmp", "tmpfs", MountFlags::empty(), None).is_ok() {
        made += 1;
    }
    let all = fs::read_to_string("/proc/self/mountinfo")?.lines().count();
    Ok(all.to_string())
}

/// What is read and written, and the values: as long, and as short, as they get.
pub(crate) const HAMMERED: &str = "/proc/sys/fs/pipe-user-pages-hard";
pub(crate) const VALUES: [&str; 2] = ["7", "18446744073709551615"];

fn hammer(time: Duration) -> io::Result<()> {
    let end = Instant::now() + time;
    let mut children = Vec::new();
    for nth in 0..16 {
        match fork()? {
            Fork::Child => std::process::exit(strikes(nth, end).map_or(1, |()| 0)),
            Fork::Parent(child) => children.push(child),
        }
    }
    let mut failed = 0;
    for child in children {
        failed += wait_for(child)?;
    }
    match failed {
        0 => Ok(()),
        _ => Err(io::Error::from_raw_os_error(libc::EILSEQ)),
    }
}

fn strikes(nth: usize, end: Instant) -> io::Result<()> {
    let mut turn = nth;
    while Instant::now() < end {
        turn += 1;
        if nth % 4 == 0 {
            fs::write(HAMMERED, VALUES[turn % 2])?;
        } else if !VALUES.contains(&fs::read_to_string(HAMMERED)?.trim()) {
            return Err(io::Error::other("a torn value"));
        }
    }
    Ok(())
}

fn forks(count: usize) -> io::Result<String> {
    let mut children = Vec::new();
    for _ in 0..count {
        match fork() {
            Ok(Fork::Child) => loop {
                std::thread::park();
            },
            Ok(Fork::Parent(child)) => children.push(child),
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => break,
            Err(error) => return Err(error),
        }
    }
    for &child in &children {
        if let Some(pid) = Pid::from_raw(child) {
            kill_process(pid, Signal::KILL)?;
        }
        wait_for(child)?;
    }
    Ok(children.len().to_string())
}
