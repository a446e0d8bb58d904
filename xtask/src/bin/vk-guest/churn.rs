//! Load: processes that fork, map, touch and make pid namespaces as fast as they can.

use std::fs;
use std::io::{self, Read};
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::{ensure, Context, Result};
use rustix::fs::{fcntl_setfl, OFlags};
use rustix::mm::MapFlags;

use crate::calls::{fork, unshare, wait_for, Fork, Space};
use crate::mapping::Mapping;

/// What a round maps.
const BYTES: usize = 1 << 20;

/// Every so many rounds, the child makes a pid namespace.
const NAMESPACE_EVERY: u64 = 4;

/// Load, as long as it is kept.
#[derive(Debug)]
pub(crate) struct Churn(Vec<Child>);

impl Churn {
    /// Starts so many processes of it.
    ///
    /// # Errors
    ///
    /// One cannot be started.
    pub(crate) fn start(processes: usize) -> Result<Self> {
        let mut children = Vec::new();
        for _ in 0..processes {
            let child = Command::new("/proc/self/exe")
                .arg("churn")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .context("cannot start a load")?;
            children.push(child);
        }
        Ok(Self(children))
    }

    /// Stops it; returns the rounds that were made.
    ///
    /// # Errors
    ///
    /// A process of it failed, or made none.
    pub(crate) fn stop(mut self) -> Result<u64> {
        let mut sum = 0;
        for mut child in std::mem::take(&mut self.0) {
            drop(child.stdin.take());
            let mut text = String::new();
            if let Some(mut out) = child.stdout.take() {
                out.read_to_string(&mut text)?;
            }
            let status = child.wait()?;
            ensure!(status.success(), "a load ended with {status}");
            let rounds: u64 = text.trim().parse()?;
            ensure!(rounds > 0, "a load made no round");
            sum += rounds;
        }
        Ok(sum)
    }
}

impl Drop for Churn {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Makes rounds until nobody listens.
pub(crate) fn run() -> ExitCode {
    match rounds() {
        Ok(rounds) => {
            println!("{rounds}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("vk-guest churn: {error}");
            ExitCode::FAILURE
        }
    }
}

fn rounds() -> io::Result<u64> {
    let mut input = io::stdin();
    fcntl_setfl(&input, OFlags::NONBLOCK)?;
    let mut rounds = 0;
    // Nobody writes: there is nothing to read yet, or the other end is closed.
    while input.read(&mut [0]).is_err() {
        round(rounds)?;
        rounds += 1;
    }
    Ok(rounds)
}

fn round(number: u64) -> io::Result<()> {
    match fork()? {
        Fork::Parent(child) => {
            let status = wait_for(child)?;
            let is_good = status == 0;
            is_good
                .then_some(())
                .ok_or_else(|| io::Error::other(format!("a child ended with {status}")))
        }
        Fork::Child => {
            let result = child_round(number);
            std::process::exit(i32::from(result.is_err()));
        }
    }
}

fn child_round(number: u64) -> io::Result<()> {
    let mapping = Mapping::new(BYTES, MapFlags::empty())?;
    mapping.touch();
    fs::read("/proc/sys/vm/overcommit_memory")?;
    if number % NAMESPACE_EVERY != 0 {
        return Ok(());
    }
    unshare(Space::Pid)?;
    match fork()? {
        Fork::Parent(child) => wait_for(child).map(|_| ()),
        Fork::Child => {
            let mapping = Mapping::new(BYTES, MapFlags::empty())?;
            mapping.touch();
            std::process::exit(0);
        }
    }
}
