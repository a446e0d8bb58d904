//! A command that was not carried out, and what the user can do about it.

use std::fmt;
use std::io;

use crate::errno;
use crate::protocol::{AnswerError, Refusal};

/// Who has to change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The command line is wrong, on any system.
    Usage,
    /// The kernel, or the state of this system, does not allow it.
    Refused,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// The name of the error number: `EBUSY`.
    pub(crate) errno: Box<str>,
    /// The line of the request that the kernel points at, from 1.
    pub(crate) line: Option<u32>,
    /// Where the user wrote that line.
    pub(crate) origin: Option<String>,
    /// The key that the kernel points at.
    pub(crate) key: Option<Box<str>>,
    pub(crate) message: String,
    /// What to do, in one sentence.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// Describes a wrong command line.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Kind::Usage, "EINVAL", message)
    }

    /// Describes something that this system does not allow.
    pub(crate) fn refused(errno: &str, message: impl fmt::Display) -> Self {
        Self::new(Kind::Refused, errno, message)
    }

    /// Describes an operating system error met at `place`.
    pub(crate) fn io(place: impl fmt::Display, error: &io::Error) -> Self {
        let sentence = error.to_string();
        // The name of the number follows anyhow.
        let sentence = sentence.split(" (os error").next().unwrap_or(&sentence);
        Self::refused(&errno::name(error), format_args!("{place}: {sentence}"))
    }

    /// Adds what to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns the exit code that stands for it.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Refused => 1,
            Kind::Usage => 2,
        }
    }

    fn new(kind: Kind, errno: &str, message: impl fmt::Display) -> Self {
        Self {
            kind,
            errno: errno.into(),
            line: None,
            origin: None,
            key: None,
            message: message.to_string(),
            hint: None,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self {
            line: refusal.line,
            key: refusal.key.map(Into::into),
            ..Self::refused(&refusal.errno, refusal.sentence)
        }
    }
}

impl From<AnswerError> for Failure {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Refused(refusal) => refusal.into(),
            malformed => Self::refused("EPROTO", malformed).hint(
                "vkctl and the loaded module do not fit each other; install both from one version",
            ),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in [self.origin.as_deref(), self.key.as_deref()]
            .into_iter()
            .flatten()
        {
            write!(f, "{place}: ")?;
        }
        match self.kind {
            Kind::Usage => f.write_str(&self.message),
            Kind::Refused if self.message.is_empty() => f.write_str(&self.errno),
            Kind::Refused => write!(f, "{} ({})", self.message, self.errno),
        }
    }
}
