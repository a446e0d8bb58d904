//! A program that a check runs in the guest, and what it said.

use std::process::{Command, Stdio};

use anyhow::{bail, Context, Result};

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct Output {
    /// Its exit status; 128 and more for a signal.
    pub(crate) status: i32,
    /// What it wrote to standard output.
    pub(crate) stdout: String,
    /// What it wrote to standard error.
    pub(crate) stderr: String,
}

impl Output {
    /// Returns standard output, trimmed, of a program that succeeded.
    ///
    /// # Errors
    ///
    /// It did not.
    pub(crate) fn success(self) -> Result<String> {
        if self.status == 0 {
            return Ok(self.stdout.trim().to_owned());
        }
        bail!("status {}: {}", self.status, self.stderr.trim())
    }
}

/// Runs `argv` to its end.
///
/// # Errors
///
/// It cannot be started.
pub(crate) fn run<S: AsRef<str>>(argv: &[S]) -> Result<Output> {
    let words: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
    let (program, arguments) = words.split_first().context("no program given")?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Output {
        status: output.status.code().unwrap_or(128),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    })
}

/// Runs `argv` and returns what it printed.
///
/// # Errors
///
/// It cannot be started, or does not succeed.
pub(crate) fn output<S: AsRef<str>>(argv: &[S]) -> Result<String> {
    let name = argv.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" ");
    run(argv)?.success().with_context(|| format!("`{name}`"))
}
