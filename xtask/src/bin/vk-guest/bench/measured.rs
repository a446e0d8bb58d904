//! The process that does a workload and measures itself: `vk-guest measure WORKLOAD SAMPLES`.
//!
//! It prepares, prints `ready`, waits for a line, measures, and prints the minimum and the median.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};

use anyhow::{bail, ensure, Context, Result};
use xtask::measurement::Workload;

use super::cgroup;
use super::meter::Meter;
use super::workloads;

/// In the place of the number of samples: one operation is done while tracing is on.
pub(super) const TRACED: &str = "traced";

/// So many operations come before the one that is traced, or the first that is measured.
const WARM_UP: usize = 16;

const READY: &str = "ready";

/// A process that waits for its turn; it is killed when it is let go.
pub(super) struct Measured {
    process: Process,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Measured {
    /// Starts one in the initial namespace.
    ///
    /// # Errors
    ///
    /// It does not become ready.
    pub(super) fn of_the_host(workload: Workload, samples: &str) -> Result<Self> {
        let child = measuring(Command::new(own_path()?), workload, samples)?;
        let pid = child.id();
        Self::ready(Process {
            child: Killed(child),
            pid,
        })
    }

    /// Starts one as the first process of a new pid namespace, in a memory cgroup.
    ///
    /// # Errors
    ///
    /// It does not become ready.
    pub(super) fn in_a_namespace(workload: Workload, samples: &str) -> Result<Self> {
        let command = in_a_namespace(own_path()?);
        let child = cgroup::within(|| measuring(command, workload, samples))?;
        let mut measured = Self::ready(Process {
            child: Killed(child),
            pid: 0,
        })?;
        measured.process.finds_inner()?;
        Ok(measured)
    }

    /// Returns its number in the initial namespace.
    pub(super) fn pid(&self) -> u32 {
        self.process.pid
    }

    /// Lets it go on, and returns its numbers.
    ///
    /// # Errors
    ///
    /// It fails.
    pub(super) fn result(mut self) -> Result<Vec<u64>> {
        self.stdin.write_all(b"go\n")?;
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        let status = self.process.child.0.wait()?;
        ensure!(
            status.success(),
            "the measuring process: {status}: {}",
            line.trim()
        );
        let numbers = line.split_whitespace().map(str::parse);
        numbers
            .collect::<Result<_, _>>()
            .with_context(|| format!("no numbers: {line:?}"))
    }

    fn ready(mut process: Process) -> Result<Self> {
        let child = &mut process.child.0;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the measuring process has no pipes");
        };
        let mut measured = Self {
            process,
            stdin,
            stdout: BufReader::new(stdout),
        };
        let mut line = String::new();
        measured.stdout.read_line(&mut line)?;
        ensure!(
            line.trim() == READY,
            "the measuring process did not become ready: {}",
            line.trim()
        );
        Ok(measured)
    }
}

/// A namespace that only is there; it ends when it is let go.
pub(super) struct Holder(Process);

impl Holder {
    /// Makes it.
    ///
    /// # Errors
    ///
    /// There is no namespace to be had.
    pub(super) fn start() -> Result<Self> {
        let mut command = in_a_namespace("/bin/cat");
        let child = cgroup::within(|| spawn(&mut command))?;
        let mut process = Process {
            child: Killed(child),
            pid: 0,
        };
        let child = &mut process.child.0;
        // What comes back was written by the process in the namespace: it is there.
        if let (Some(stdin), Some(stdout)) = (child.stdin.as_mut(), child.stdout.as_mut()) {
            stdin.write_all(b"\n")?;
            BufReader::new(stdout).read_line(&mut String::new())?;
        }
        process.finds_inner()?;
        Ok(Self(process))
    }

    /// Returns the number of its first process.
    pub(super) fn pid(&self) -> u32 {
        self.0.pid
    }
}

/// A child of ours, and the process it is about: itself, or the first one of its namespace.
struct Process {
    child: Killed,
    pid: u32,
}

impl Process {
    fn finds_inner(&mut self) -> Result<()> {
        let outer = self.child.0.id();
        let path = format!("/proc/{outer}/task/{outer}/children");
        let children = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let inner = children.trim().parse();
        self.pid = inner.with_context(|| format!("unshare has the children {children:?}"))?;
        Ok(())
    }
}

/// A child that is killed when it is let go.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Of a process that has ended, both say so; that is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn measuring(mut command: Command, workload: Workload, samples: &str) -> Result<Child> {
    spawn(command.args(["measure", workload.name(), samples]))
}

fn spawn(command: &mut Command) -> Result<Child> {
    command
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {:?}", command.get_program()))
}

fn own_path() -> Result<PathBuf> {
    env::current_exe().context("cannot find this program")
}

fn in_a_namespace(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("/usr/bin/unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.arg(program);
    command
}

/// Is the measuring process.
pub(crate) fn run(words: impl Iterator<Item = String>) -> ExitCode {
    let words: Vec<String> = words.collect();
    match measure(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Read by whoever waits for `ready` or the numbers.
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(words: &[String]) -> Result<()> {
    let [name, samples] = words else {
        bail!("words: WORKLOAD SAMPLES");
    };
    let workload = Workload::named(name).with_context(|| format!("no workload {name}"))?;
    let mut operation = workloads::prepare(workload)?;
    let mut meter = Meter::new();
    for _ in 0..WARM_UP {
        operation.once(&mut meter)?;
    }
    println!("{READY}");
    io::stdin().read_line(&mut String::new())?;
    if samples == TRACED {
        meter.trace()?;
        operation.once(&mut meter)?;
        println!();
        return Ok(());
    }
    // Written before, so that keeping a cost is not a page fault.
    let mut costs = vec![u64::MAX; samples.parse().context("no number of samples")?];
    for cost in &mut costs {
        *cost = operation.once(&mut meter)?;
    }
    costs.sort_unstable();
    let min = costs.first().context("no samples")?;
    println!("{min} {}", costs[costs.len() / 2]);
    Ok(())
}
