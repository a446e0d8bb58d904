//! A client of `/dev/vkernel` that shares no code with vkctl.

use std::fs::OpenOptions;
use std::io::{Read, Write};

use anyhow::{Context, Result};

/// The device.
pub(crate) const PATH: &str = "/dev/vkernel";

/// What the module answers to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The first line: `ok`, or `error ERRNO ...: sentence`.
    pub(crate) head: String,
    /// The lines behind it.
    pub(crate) lines: Vec<String>,
}

impl Answer {
    /// Tells whether the request was accepted.
    pub(crate) fn is_ok(&self) -> bool {
        self.head == "ok"
    }

    /// Returns the name of the error, if it is one: `EINVAL`.
    pub(crate) fn errno(&self) -> Option<&str> {
        let rest = self.head.strip_prefix("error ")?;
        rest.split([' ', ':']).next()
    }

    /// Returns the lines of an accepted request.
    ///
    /// # Errors
    ///
    /// It was refused.
    pub(crate) fn accepted(self) -> Result<Vec<String>> {
        match self.is_ok() {
            true => Ok(self.lines),
            false => anyhow::bail!("the module answers: {}", self.head),
        }
    }

    fn parse(text: &str) -> Self {
        let mut lines = text.lines().map(str::to_owned);
        Self {
            head: lines.next().unwrap_or_default(),
            lines: lines.collect(),
        }
    }
}

/// Asks with a verb, a target (may be empty) and `KEY=VALUE` pairs.
///
/// # Errors
///
/// The device cannot be opened, written or read; a refusal is an [`Answer`].
pub(crate) fn ask(verb: &str, target: &str, pairs: &[(&str, &str)]) -> Result<Answer> {
    let mut request = format!("vkernel 1 {verb} {target}").trim_end().to_owned();
    request.push('\n');
    for (key, value) in pairs {
        request.push_str(&format!("{key}={value}\n"));
    }
    ask_raw(request.as_bytes())
}

/// Asks with `request` as it is.
///
/// # Errors
///
/// The device cannot be opened, written or read.
pub(crate) fn ask_raw(request: &[u8]) -> Result<Answer> {
    let mut device = OpenOptions::new()
        .read(true)
        .write(true)
        .open(PATH)
        .with_context(|| format!("cannot open {PATH}"))?;
    // One request is one write(2): `write_all` would cut a short one in two.
    let written = device.write(request);
    let mut text = String::new();
    device
        .read_to_string(&mut text)
        .context("cannot read the answer")?;
    // A refusal is the error of the write, and its sentence can be read.
    if text.is_empty() {
        let _ = written.context("cannot write the request")?;
    }
    Ok(Answer::parse(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_acceptance_from_refusal() {
        let answer = Answer::parse("ok\nns:7 parent=host\n");
        assert!(answer.is_ok());
        assert_eq!(answer.lines, ["ns:7 parent=host"]);
        let answer = Answer::parse("error EINVAL line=2 key=x: no such key\n");
        assert_eq!(answer.errno(), Some("EINVAL"));
        assert!(answer.accepted().is_err());
    }
}
