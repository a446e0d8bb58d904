//! Workloads on processes.

#![allow(unsafe_code)]

use std::fs;
use std::io;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use rustix::process::{getrlimit, setrlimit, waitid, Pid, Resource, WaitId, WaitIdOptions};

use super::memory::{map_page, unmap_page};
use super::{Meter, Operation};

/// getpid(2).
pub(super) struct Getpid;

impl Operation for Getpid {
    fn once(&mut self, meter: &mut Meter) -> Result<u64> {
        meter.start();
        // SAFETY: Always succeeds. (The C library's is the bare system call.)
        unsafe { libc::getpid() };
        Ok(meter.stop())
    }
}

/// setrlimit(2) of descriptors to what they are.
pub(super) struct Rlimit;

impl Operation for Rlimit {
    fn once(&mut self, meter: &mut Meter) -> Result<u64> {
        let limit = getrlimit(Resource::Nofile);
        meter.start();
        let set = setrlimit(Resource::Nofile, limit);
        let cost = meter.stop();
        set.map(|()| cost).context("setrlimit")
    }
}

/// fork(2), a child that ends at once, and waitid(2).
///
/// The parent sleeps meanwhile, and others may run: what counts is the run time of both.
pub(super) enum ForkExit {
    /// After a rest in which a limit that the module keeps has gone stale.
    Rested,
    /// After a mapping that follows such a rest.
    Again,
}

/// How long what the last child left to RCU may take, and more than a step of the module's clock.
const REST: Duration = Duration::from_millis(120);

impl Operation for ForkExit {
    fn once(&mut self, meter: &mut Meter) -> Result<u64> {
        thread::sleep(REST);
        if matches!(self, Self::Again) {
            unmap_page(map_page()?)?;
        }
        let before = own_run_time();
        meter.start();
        let child = fork_and_end()?;
        let exited = WaitIdOptions::EXITED;
        waitid(WaitId::Pid(child), exited | WaitIdOptions::NOWAIT)?;
        meter.stop();
        let parents = own_run_time() - before;
        // The child has ended and is not yet reaped: its run time is final.
        let childs = run_time_of(child)?;
        waitid(WaitId::Pid(child), exited)?;
        Ok(parents + childs)
    }
}

fn fork_and_end() -> Result<Pid> {
    // SAFETY: The process has one thread, and the child only ends.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: Ends the child without a look at anything that it has from its parent.
        unsafe { libc::_exit(0) };
    }
    ensure!(pid > 0, "fork: {}", io::Error::last_os_error());
    Pid::from_raw(pid).context("fork returned no pid")
}

/// Returns the run time of this thread: the first number of its schedstat, as of now.
fn own_run_time() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: Writes one `timespec` to where its argument points.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn run_time_of(pid: Pid) -> Result<u64> {
    let path = format!("/proc/{}/schedstat", pid.as_raw_nonzero());
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let first = text.split_whitespace().next().unwrap_or_default();
    first
        .parse()
        .with_context(|| format!("{path} has {text:?}"))
}
