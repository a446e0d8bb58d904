//! What a check lets a process do with its memory: `vk-guest act WORD..`, in a container or not.
//!
//! It prints `name=value` lines about what happened to it. With `hold` it then stays, so that
//! others can look at it.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{bail, Context, Result};
use rustix::io::Errno;
use rustix::mm::MapFlags;

use crate::calls::{fork, wait_for, Fork};
use crate::container::Container;
use crate::khugepaged;
use crate::mapping::{Advice, Mapping, HUGE_BYTES};
use crate::program;

/// Where the payload has this program, in the guest and in its containers.
pub(crate) const PROGRAM: &str = "/vk/vk-guest";

/// What an actor printed.
#[derive(Debug)]
pub(crate) struct Reading(Vec<(String, String)>);

impl Reading {
    /// Takes the `name=value` lines of `text`.
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Self(
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// Returns the last value of `name`.
    pub(crate) fn word(&self, name: &str) -> Option<&str> {
        let last = self.0.iter().rev().find(|(its, _)| its == name);
        last.map(|(_, value)| value.as_str())
    }

    /// Returns the last value of `name` as a number.
    ///
    /// # Errors
    ///
    /// The actor said none.
    pub(crate) fn number(&self, name: &str) -> Result<u64> {
        let word = self
            .word(name)
            .with_context(|| format!("no {name} in {:?}", self.0))?;
        word.parse().with_context(|| format!("{name} is {word}"))
    }
}

/// Lets an actor of the host do what the words say.
///
/// # Errors
///
/// It fails.
pub(crate) fn on_host(words: &[&str]) -> Result<Reading> {
    Ok(Reading::parse(&program::output(&command(words))?))
}

/// Lets an actor in `container` do what the words say.
///
/// # Errors
///
/// It fails.
pub(crate) fn inside(container: &Container, words: &[&str]) -> Result<Reading> {
    Ok(Reading::parse(&container.output(&command(words))?))
}

/// An actor of the host that stays; it is ended when it is let go.
pub(crate) struct Held(std::process::Child);

impl Drop for Held {
    fn drop(&mut self) {
        // Of a process that has ended, both say so; that is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts an actor of the host that holds, and waits for its first lines.
///
/// # Errors
///
/// It cannot be started, or ends.
pub(crate) fn held(words: &[&str]) -> Result<Held> {
    let mut child = Command::new(PROGRAM)
        .arg("act")
        .args(words)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start an actor")?;
    let stdout = child.stdout.take().context("the actor has no output")?;
    let held = Held(child);
    let mut lines = BufReader::new(stdout).lines();
    // `eligible` is the last line of a touch.
    let touched = lines.any(|line| line.is_ok_and(|it| it.starts_with("eligible=")));
    anyhow::ensure!(touched, "the actor ended");
    Ok(held)
}

/// Returns the command by which an actor does what the words say.
pub(crate) fn command<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [PROGRAM, "act"].iter().chain(words).copied().collect()
}

/// Does what the words say.
pub(crate) fn run(words: impl Iterator<Item = String>) -> ExitCode {
    let words: Vec<String> = words.collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match act(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vk-guest act: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn act(words: &[&str]) -> Result<()> {
    match words {
        ["map", mib, options @ ..] => map(mebibytes(mib)?, options),
        ["faults", count] => faults(count.parse().context("no count")?),
        ["collapse", mib] => collapse(mebibytes(mib)?),
        ["fork", count] => forks(count.parse().context("no count")?),
        ["write", path, value] => writes(path, value),
        _ => bail!("words: map MIB [touch|huge|nohuge|noreserve|enlist|wait|hold]..., faults N, collapse MIB, fork MAPPINGS, write PATH VALUE"),
    }
}

/// Maps, and does what the options say, in their order.
fn map(bytes: usize, options: &[&str]) -> Result<()> {
    let flags = match options.contains(&"noreserve") {
        true => MapFlags::NORESERVE,
        false => MapFlags::empty(),
    };
    let mapping = match Mapping::new(bytes, flags) {
        Ok(mapping) => mapping,
        Err(error) => return says(&[("map", &errno(error))]),
    };
    says(&[("map", "ok")])?;
    for option in options {
        match *option {
            "touch" => touches(&mapping)?,
            "huge" => mapping.advise(Advice::Huge)?,
            "nohuge" => mapping.advise(Advice::NoHuge)?,
            "enlist" => enlists()?,
            "wait" => waits()?,
            "hold" => hold(),
            "noreserve" => {}
            other => bail!("no option {other}"),
        }
    }
    Ok(())
}

fn enlists() -> Result<()> {
    khugepaged::enlist()?;
    says(&[("enlisted", "yes")])
}

fn touches(mapping: &Mapping) -> Result<()> {
    mapping.touch();
    let huge = mapping.smaps("AnonHugePages")?.to_string();
    let eligible = mapping.smaps("THPeligible")?.to_string();
    says(&[("anon_huge_kb", &huge), ("eligible", &eligible)])
}

/// Touches for the first time, `count` times, a range that could be a huge page.
fn faults(count: usize) -> Result<()> {
    /// So few at once fit into memory even if each gives a huge page.
    const AT_ONCE: usize = 32;
    let mut huge_kb = 0;
    let mut done = 0;
    while done < count {
        let now = AT_ONCE.min(count - done);
        let mapping = Mapping::new(now * HUGE_BYTES, MapFlags::NORESERVE)?;
        mapping.touch_every(HUGE_BYTES);
        huge_kb += mapping.smaps("AnonHugePages")?;
        done += now;
    }
    says(&[
        ("faults", &done.to_string()),
        ("anon_huge_kb", &huge_kb.to_string()),
    ])
}

/// Forks with so many mappings, which the kernel charges one by one.
fn forks(count: usize) -> Result<()> {
    let mut mappings = Vec::new();
    for number in 0..count {
        let mapping = Mapping::new(HUGE_BYTES, MapFlags::empty())?;
        // Neighbours of one kind would be one mapping.
        match number % 2 {
            0 => mapping.advise(Advice::Huge)?,
            _ => mapping.advise(Advice::NoHuge)?,
        }
        mappings.push(mapping);
    }
    says(&[("map", "ok")])?;
    let result = match fork() {
        Ok(Fork::Child) => std::process::exit(0),
        Ok(Fork::Parent(child)) => wait_for(child).map(|_| "ok".to_owned())?,
        Err(error) => Errno::from_io_error(&error).map_or("unknown".to_owned(), errno),
    };
    says(&[("fork", &result)])
}

/// Asks the kernel to collapse what was touched in base pages.
fn collapse(bytes: usize) -> Result<()> {
    let mapping = Mapping::new(bytes, MapFlags::empty())?;
    mapping.touch();
    let result = match mapping.advise(Advice::Collapse) {
        Ok(()) => "ok".to_owned(),
        Err(error) => errno(error),
    };
    let huge = mapping.smaps("AnonHugePages")?.to_string();
    says(&[("collapse", &result), ("anon_huge_kb", &huge)])
}

/// Waits for a line from who started it.
fn waits() -> Result<()> {
    let read = std::io::stdin().read_line(&mut String::new());
    read.map(|_| ()).context("cannot read the line to wait for")
}

/// Stays, until somebody ends it.
fn hold() -> ! {
    loop {
        thread::sleep(Duration::from_secs(1000));
    }
}

/// Writes a value to a file in one call, as the kernel's own files want it.
fn writes(path: &str, value: &str) -> Result<()> {
    let file = OpenOptions::new().write(true).open(path);
    let written = file.and_then(|mut file| file.write(value.as_bytes()));
    let result = match written {
        Ok(_) => "ok".to_owned(),
        Err(error) => Errno::from_io_error(&error).map_or("unknown".to_owned(), errno),
    };
    says(&[("write", &result)])
}

fn says(values: &[(&str, &str)]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for (name, value) in values {
        writeln!(out, "{name}={value}")?;
    }
    out.flush().context("cannot print")
}

fn mebibytes(text: &str) -> Result<usize> {
    let mib: usize = text.parse().context("no size in MiB")?;
    mib.checked_mul(1 << 20).context("too large")
}

/// Names the errors that checks look for.
fn errno(error: Errno) -> String {
    match error {
        Errno::NOMEM => "ENOMEM".to_owned(),
        Errno::INVAL => "EINVAL".to_owned(),
        Errno::PERM => "EPERM".to_owned(),
        Errno::ACCESS => "EACCES".to_owned(),
        Errno::ROFS => "EROFS".to_owned(),
        Errno::RANGE => "ERANGE".to_owned(),
        Errno::AGAIN => "EAGAIN".to_owned(),
        other => format!("errno {}", other.raw_os_error()),
    }
}
