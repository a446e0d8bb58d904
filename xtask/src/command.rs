//! A program that xtask runs: printed first, its output kept, dead when xtask dies.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command as Process, ExitStatus, Stdio};
use std::thread;

use anyhow::{bail, Context, Result};
use rustix::pipe::{pipe_with, PipeFlags};

use crate::step::Step;

/// The lines of a failed command's output that its error shows.
const SHOWN_LINES: usize = 15;

/// A program with its arguments, not yet started.
#[derive(Clone)]
pub(crate) struct Command {
    argv: Vec<OsString>,
    /// Where the words that a reader wants to see begin.
    shown_from: usize,
    dir: Option<OsString>,
    env: Vec<(OsString, OsString)>,
}

impl Command {
    /// Describes a run of `program`.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            argv: vec![program.as_ref().to_owned()],
            shown_from: 0,
            dir: None,
            env: Vec::new(),
        }
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.argv.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub(crate) fn args<I: IntoIterator<Item: AsRef<OsStr>>>(self, args: I) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    /// Runs it in the directory `dir`.
    pub(crate) fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Some(dir.as_ref().as_os_str().to_owned());
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Leaves the words so far out of what is printed.
    pub(crate) fn shown_from_here(mut self) -> Self {
        self.shown_from = self.argv.len();
        self
    }

    /// Runs it as part of `step`.
    ///
    /// # Errors
    ///
    /// It cannot be started, or ends with a status that is not zero.
    pub(crate) fn run(&self, step: &Step) -> Result<()> {
        let (status, tail) = self.run_to_end(step)?;
        if status.success() {
            return Ok(());
        }
        bail!("{self} ended with {status}:\n  {}", tail.join("\n  "))
    }

    /// Runs it as part of `step`; returns its status and the last lines of its output.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub(crate) fn run_to_end(&self, step: &Step) -> Result<(ExitStatus, Vec<String>)> {
        step.says_command(&self.to_string());
        // One pipe for both streams keeps their lines in order.
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).context("cannot make a pipe")?;
        let mut process = self.process();
        process
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        let mut child = process
            .spawn()
            .with_context(|| format!("cannot start {self}"))?;
        drop(process);
        let mut tail = VecDeque::new();
        for line in lossy_lines(File::from(reader)) {
            step.takes_line(&line);
            if tail.len() == SHOWN_LINES {
                tail.pop_front();
            }
            tail.push_back(line);
        }
        Ok((child.wait()?, tail.into()))
    }

    /// Runs it silently and returns what it prints to standard output, trimmed.
    ///
    /// # Errors
    ///
    /// It cannot be started, or ends with a status that is not zero.
    pub(crate) fn output(&self) -> Result<String> {
        let output = self
            .process()
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start {self}"))?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        if output.status.success() {
            return Ok(stdout.trim().to_owned());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{self} ended with {}: {}", output.status, stderr.trim())
    }

    /// Runs it silently and returns what it writes to standard output.
    ///
    /// # Errors
    ///
    /// It cannot be started, or ends with a status that is not zero.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>> {
        let output = self
            .process()
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot start {self}"))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        bail!("{self} ended with {}", output.status)
    }

    /// Runs it on the terminal of xtask.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub(crate) fn interact(&self) -> Result<ExitStatus> {
        self.process()
            .status()
            .with_context(|| format!("cannot start {self}"))
    }

    /// Makes the standard library's form of it, which dies when xtask does.
    pub(crate) fn process(&self) -> Process {
        // `setpriv --pdeathsig` asks the kernel for it without unsafe code here.
        let mut process = Process::new("setpriv");
        process.args(["--pdeathsig", "KILL", "--"]).args(&self.argv);
        process.envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(dir) = &self.dir {
            process.current_dir(dir);
        }
        process
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.argv.iter().skip(self.shown_from);
        for (index, word) in words.enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{}", quoted(&word.to_string_lossy()))?;
        }
        Ok(())
    }
}

/// Returns the lines of `input`, with what is not UTF-8 replaced.
pub(crate) fn lossy_lines(input: impl Read + Send + 'static) -> impl Iterator<Item = String> {
    BufReader::new(input)
        .split(b'\n')
        .map_while(|line| line.ok())
        .map(|line| String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// Runs `work` on a thread and returns a handle to it.
pub(crate) fn spawn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    thread::spawn(work)
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_words_as_a_shell_would_take_them() {
        let command = Command::new("make").arg("V=1").arg("a b").arg("it's");
        assert_eq!(command.to_string(), r"make V=1 'a b' 'it'\''s'");
    }

    #[test]
    fn leaves_out_the_words_before_the_mark() {
        let command = Command::new("unshare")
            .arg("-m")
            .shown_from_here()
            .arg("make");
        assert_eq!(command.to_string(), "make");
    }

    #[test]
    fn reports_the_status_and_the_complaint() {
        let error = Command::new("sh")
            .args(["-c", "echo no such luck >&2; exit 3"])
            .output()
            .expect_err("a status that is not zero");
        assert!(error.to_string().contains("no such luck"), "{error}");
    }
}
