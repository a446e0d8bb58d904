//! All that a kernel parameter leaves, taken and held by a child until it is told to let go.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

use rustix::io::dup;
use rustix::mount::{mount, mount_change, MountFlags, MountPropagationFlags};
use rustix::pipe::pipe;
use rustix::process::{kill_process, Pid, Signal};

use super::order::Resource;
use crate::calls::{fork, maps_page_apart, unshare, wait_for, Fork, Space};

/// More than any limit that is tried: who gets so many was not refused.
const MANY: u64 = 3000;

/// A child that holds all it could get.
pub(super) struct Exhausted {
    child: i32,
    /// It lets go when this is closed.
    leash: OwnedFd,
    /// Kept open, so that nothing is given back meanwhile.
    told: File,
}

/// Has a child take all of `resource`; returns how many it got.
///
/// # Errors
///
/// The kernel's, of what is needed beside it.
pub(super) fn exhaust(resource: Resource) -> io::Result<(String, Exhausted)> {
    let (told, tells) = pipe()?;
    let (kept, leash) = pipe()?;
    match fork()? {
        Fork::Child => {
            drop((told, leash));
            let done = holds(resource, tells, kept);
            std::process::exit(done.map_or(1, |()| 0));
        }
        Fork::Parent(child) => {
            drop((tells, kept));
            let mut count = [0; 8];
            let mut told = File::from(told);
            told.read_exact(&mut count)?;
            let count = u64::from_le_bytes(count).to_string();
            Ok((count, Exhausted { child, leash, told }))
        }
    }
}

impl Exhausted {
    /// Has it let go, and waits until it has.
    ///
    /// # Errors
    ///
    /// It could not get to the end.
    pub(super) fn release(self) -> io::Result<()> {
        drop((self.leash, self.told));
        match wait_for(self.child)? {
            0 => Ok(()),
            _ => Err(io::Error::from_raw_os_error(libc::ECHILD)),
        }
    }
}

/// Takes, tells, and holds on. When there is nothing left it only reads and writes.
fn holds(resource: Resource, tells: OwnedFd, kept: OwnedFd) -> io::Result<()> {
    let (mut tells, mut kept) = (File::from(tells), File::from(kept));
    let mut tell = |count: u64| -> io::Result<()> {
        tells.write_all(&count.to_le_bytes())?;
        kept.read_exact(&mut [0]).or(Ok(()))
    };
    match resource {
        Resource::Files => until_refused(|| File::open("/proc/version"), tell),
        Resource::Descriptors => {
            let file = File::open("/proc/version")?;
            until_refused(|| Ok(dup(&file)?), tell)
        }
        Resource::Pipes => until_refused(|| Ok(pipe()?), tell),
        Resource::Maps => until_refused(maps_page_apart, tell),
        Resource::Mounts => {
            unshare(Space::Mount)?;
            let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
            mount_change("/", private)?;
            let mount = || mount("limit", "/tmp", "tmpfs", MountFlags::empty(), None);
            until_refused(|| Ok(mount()?), tell)
        }
        Resource::Threads => {
            let mut children = Vec::new();
            while let Ok(fork) = fork() {
                match fork {
                    Fork::Child => loop {
                        std::thread::park();
                    },
                    Fork::Parent(child) => children.push(child),
                }
            }
            tell(children.len() as u64)?;
            ends(&children)
        }
    }
}

fn until_refused<T>(
    mut takes: impl FnMut() -> io::Result<T>,
    mut tell: impl FnMut(u64) -> io::Result<()>,
) -> io::Result<()> {
    let mut held = Vec::with_capacity(MANY as usize);
    while held.len() < MANY as usize {
        let Ok(one) = takes() else { break };
        held.push(one);
    }
    tell(held.len() as u64)
}

fn ends(children: &[i32]) -> io::Result<()> {
    for &child in children {
        if let Some(pid) = Pid::from_raw(child) {
            kill_process(pid, Signal::KILL)?;
        }
        wait_for(child)?;
    }
    Ok(())
}
