//! A place where programs run: the host, a container, a pid namespace inside of one.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{ensure, Context, Result};
use rustix::process::{kill_process, Pid, Signal};

use crate::actor::{self, Reading};
use crate::container::Container;
use crate::program::{self, Output};

/// A place where programs run.
pub(crate) enum Place<'a> {
    /// The initial pid namespace.
    Host,
    /// A container.
    In(&'a Container),
    /// The pid and mount namespaces of a process.
    With(u32),
}

impl Place<'_> {
    /// Runs `argv` to its end.
    ///
    /// # Errors
    ///
    /// It cannot be started; a program that fails is an [`Output`].
    pub(crate) fn run(&self, argv: &[&str]) -> Result<Output> {
        match self {
            Self::Host => program::run(argv),
            Self::In(container) => container.exec(argv),
            Self::With(pid) => program::run(&entering(&pid.to_string(), argv)),
        }
    }

    /// Lets an actor do what the words say.
    ///
    /// # Errors
    ///
    /// It fails.
    pub(crate) fn act(&self, words: &[&str]) -> Result<Reading> {
        let said = self.run(&actor::command(words))?.success();
        Ok(Reading::parse(&said.context("an actor fails")?))
    }

    /// Lets an actor begin that holds what it has: the last of `words` is `hold`.
    ///
    /// # Errors
    ///
    /// It ends before it has printed the line that starts with `mark`.
    pub(crate) fn hold(&self, words: &[&str], mark: &str) -> Result<Held> {
        let argv = actor::command(words);
        let argv: Vec<String> = match self {
            Self::Host => argv.iter().map(|word| (*word).to_owned()).collect(),
            Self::In(container) => owned(&entering(&container.pid().to_string(), &argv)),
            Self::With(pid) => owned(&entering(&pid.to_string(), &argv)),
        };
        let mut command = Command::new(&argv[0]);
        command.args(&argv[1..]).stdin(Stdio::piped());
        let child = command.stdout(Stdio::piped()).spawn();
        let mut child = child.context("cannot start an actor")?;
        let stdout = child.stdout.take().context("an actor has no output")?;
        let mut held = Held {
            child,
            stdout: BufReader::new(stdout),
            said: String::new(),
        };
        held.waits_for(mark)?;
        Ok(held)
    }
}

/// An actor that stays; it is killed when it is let go.
pub(crate) struct Held {
    child: Child,
    stdout: BufReader<ChildStdout>,
    said: String,
}

impl Held {
    /// Returns what it has printed so far.
    pub(crate) fn reading(&self) -> Reading {
        Reading::parse(&self.said)
    }

    /// Lets one that waits go on, until it prints a line that starts with `mark`.
    ///
    /// # Errors
    ///
    /// It ends before.
    pub(crate) fn goes_on(&mut self, mark: &str) -> Result<()> {
        let mut stdin = self.child.stdin.take().context("an actor has no input")?;
        stdin.write_all(b"\n").context("cannot tell an actor")?;
        self.waits_for(mark)
    }

    fn waits_for(&mut self, mark: &str) -> Result<()> {
        loop {
            let start = self.said.len();
            let len = self.stdout.read_line(&mut self.said)?;
            ensure!(len > 0, "an actor ended before {mark:?}: {}", self.said);
            if self.said[start..].starts_with(mark) {
                return Ok(());
            }
        }
    }

    /// Returns the process, as the host numbers it.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub(crate) fn pid(&self) -> Result<u32> {
        // nsenter waits for a child of its own, which is in the namespace.
        let first = first_child(self.child.id());
        Ok(first.unwrap_or_else(|_| self.child.id()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let pid = self.pid().ok().and_then(|pid| Pid::from_raw(pid as i32));
        // Of a process that has ended, these say so; that is what is wanted.
        let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the first child of a process.
///
/// # Errors
///
/// It has none.
pub(crate) fn first_child(pid: u32) -> Result<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let first = children.split_whitespace().next();
    let first = first.with_context(|| format!("{path} is empty"))?;
    first.parse().context("a child has no number")
}

fn entering<'a>(pid: &'a str, argv: &[&'a str]) -> Vec<&'a str> {
    let nsenter = ["nsenter", "--target", pid, "--pid", "--mount", "--"];
    [&nsenter[..], argv].concat()
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
