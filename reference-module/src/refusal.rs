//! Why a request is refused, in one sentence.

use crate::Errno;
use core::fmt;
use vk_overcommit::Overpromise;
use vk_sysctl::{Rule, TooLax};

/// A refusal: an error, where it is, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// The error.
    pub errno: Errno,
    /// The line of the request, from 1.
    pub line: Option<u32>,
    /// The key as it was given.
    pub key: Option<&'a [u8]>,
    /// What is wrong.
    pub what: What,
}

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A sentence that needs no more.
    Plain(&'static str),
    /// Not a value of a key of huge pages.
    ThpWord(vk_thp::ParseError),
    /// Not a number of a kernel parameter.
    SysctlText(vk_sysctl::ParseError),
    /// Outside `KEY.min` or `KEY.max` of the container or an ancestor.
    OutOfBounds(Rule),
    /// Laxer than the host's value, where no container may be.
    TooLax(TooLax),
    /// A commit limit that promises more than there is.
    Overpromise(Overpromise),
    /// A kernel parameter that is not served, and why.
    Unserved(&'static str),
    /// The kernel does not fit, and why.
    Feature {
        /// The feature.
        name: &'static str,
        /// Why.
        why: &'static str,
    },
    /// A hook was refused.
    Hook {
        /// The kernel function.
        symbol: &'static str,
        /// The kernel's errno.
        errno: i32,
    },
    /// A hook was refused by the inline back end.
    Inline {
        /// The kernel function.
        symbol: &'static str,
        /// Why.
        why: vk_ffi_shims::InlineRefusal,
    },
    /// An inline hook cannot come out.
    Stays {
        /// The kernel function.
        symbol: &'static str,
        /// Why.
        why: vk_ffi_shims::InlineRefusal,
    },
    /// A task sleeps in a hook.
    Asleep {
        /// The task.
        pid: i32,
        /// The kernel function.
        symbol: &'static str,
    },
}

impl<'a> Refusal<'a> {
    /// Makes one without a place.
    pub const fn new(errno: Errno, what: What) -> Self {
        Self {
            errno,
            line: None,
            key: None,
            what,
        }
    }

    /// Makes one with a plain sentence.
    pub const fn plain(errno: Errno, sentence: &'static str) -> Self {
        Self::new(errno, What::Plain(sentence))
    }

    /// Says where.
    pub const fn at(mut self, line: u32, key: &'a [u8]) -> Self {
        self.line = Some(line);
        self.key = Some(key);
        self
    }
}

impl fmt::Display for Refusal<'_> {
    /// Writes the first line of an answer, without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {}", self.errno)?;
        if let Some(line) = self.line {
            write!(f, " line={line}")?;
        }
        if let Some(key) = self.key {
            write!(f, " key=")?;
            for &byte in key.iter().take(64) {
                let shown = if byte.is_ascii_graphic() { byte } else { b'?' };
                write!(f, "{}", char::from(shown))?;
            }
        }
        write!(f, ": {}", self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(sentence) => f.write_str(sentence),
            Self::ThpWord(error) => error.fmt(f),
            Self::SysctlText(error) => error.fmt(f),
            Self::TooLax(error) => error.fmt(f),
            Self::Overpromise(why) => why.fmt(f),
            Self::Unserved(why) => write!(f, "not supported: {why}"),
            Self::OutOfBounds(Rule { min, max, .. }) => {
                f.write_str("the host allows values")?;
                if let Some(min) = min {
                    write!(f, " from {min}")?;
                }
                if let Some(max) = max {
                    write!(f, " up to {max}")?;
                }
                Ok(())
            }
            Self::Feature { name, why } => write!(f, "{name} is not served by this kernel: {why}"),
            Self::Hook { symbol, errno: -16 } => write!(
                f,
                "{symbol} cannot be hooked: another tracer diverts it, or kernel.ftrace_enabled is 0"
            ),
            Self::Hook { symbol, errno: -17 } => write!(
                f,
                "{symbol} cannot be hooked: another module hooks it; `hooks` says which"
            ),
            Self::Hook { symbol, errno } => write!(f, "{symbol} cannot be hooked: errno {errno}"),
            Self::Inline { symbol, why } => write!(f, "{symbol} cannot be hooked inline: {why}"),
            Self::Stays { symbol, why } => {
                write!(f, "the inline hook of {symbol} cannot come out: {why}")
            }
            Self::Asleep { pid, symbol } => {
                write!(f, "pid {pid} still sleeps in {symbol}; try again later")
            }
        }
    }
}
