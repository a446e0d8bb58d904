//! A request on the control device: `vkernel 1 VERB [TARGET]`, then `KEY=VALUE` lines.

use crate::{Errno, Refusal};
use core::fmt;

/// The longest request, in bytes.
pub const REQUEST_MAX: usize = 64 * 1024;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Lists namespaces.
    List,
    /// Shows the keys of one.
    Show,
    /// Counters.
    Stat,
    /// What this kernel serves.
    Features,
    /// The hooks.
    Hooks,
    /// Whose the pages of a cgroup are.
    Owner,
    /// Streams events.
    Watch,
    /// Changes keys.
    Set,
    /// Takes keys away.
    Unset,
    /// Puts hooks in.
    Arm,
    /// Takes all hooks out.
    Disarm,
}

/// Whom it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The pid namespace with this 64-bit id.
    Namespace(u64),
    /// What namespaces born from now on start with.
    Default,
}

/// A request whose first line was understood.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What is asked for.
    pub verb: Verb,
    /// Whom it is about.
    pub target: Option<Target>,
    body: &'a [u8],
}

/// One `KEY=VALUE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number in the request, from 1.
    pub number: u32,
    /// Left of the first `=`.
    pub key: &'a [u8],
    /// Right of it.
    pub value: &'a [u8],
}

/// The lines behind the first.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    rest: Option<&'a [u8]>,
    number: u32,
}

impl Verb {
    fn from_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"list" => Self::List,
            b"show" => Self::Show,
            b"stat" => Self::Stat,
            b"features" => Self::Features,
            b"hooks" => Self::Hooks,
            b"owner" => Self::Owner,
            b"watch" => Self::Watch,
            b"set" => Self::Set,
            b"unset" => Self::Unset,
            b"arm" => Self::Arm,
            b"disarm" => Self::Disarm,
            _ => return None,
        })
    }

    /// Tells whether it changes something.
    pub fn is_change(self) -> bool {
        matches!(self, Self::Set | Self::Unset | Self::Arm | Self::Disarm)
    }

    fn takes_target(self) -> Taken {
        match self {
            Self::Show | Self::Set | Self::Unset => Taken::Must,
            Self::Stat => Taken::May,
            _ => Taken::Not,
        }
    }
}

enum Taken {
    Must,
    May,
    Not,
}

impl Target {
    fn parse(text: &[u8]) -> Option<Self> {
        if text == b"default" {
            return Some(Self::Default);
        }
        let digits = text.strip_prefix(b"ns:")?;
        if digits.is_empty() || digits.len() > 20 || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        core::str::from_utf8(digits)
            .ok()?
            .parse()
            .ok()
            .map(Self::Namespace)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace(number) => write!(f, "ns:{number}"),
            Self::Default => f.write_str("default"),
        }
    }
}

impl<'a> Request<'a> {
    /// Understands the first line.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] that names line 1.
    pub fn parse(text: &'a [u8]) -> Result<Self, Refusal<'a>> {
        let refuse = |errno, word: &'a [u8], sentence| {
            let mut refusal = Refusal::plain(errno, sentence);
            refusal.line = Some(1);
            refusal.key = (!word.is_empty()).then_some(word);
            Err(refusal)
        };
        if text.len() > REQUEST_MAX {
            return Err(Refusal::plain(
                Errno::EMSGSIZE,
                "a request has at most 65536 bytes",
            ));
        }
        let (first, body) = split_once(text, b'\n').unwrap_or((text, b""));
        let mut words = first.split(|&byte| byte == b' ').filter(|w| !w.is_empty());
        if words.next() != Some(b"vkernel") {
            return refuse(
                Errno::EINVAL,
                b"",
                "a request begins with: vkernel 1 VERB [TARGET]",
            );
        }
        match words.next() {
            Some(b"1") => {}
            version => {
                return refuse(
                    Errno::EINVAL,
                    version.unwrap_or(b""),
                    "this module speaks version 1 of the protocol",
                )
            }
        }
        let name = words.next().unwrap_or(b"");
        let Some(verb) = Verb::from_name(name) else {
            return refuse(
                Errno::EOPNOTSUPP,
                name,
                "unknown verb; there are list, show, stat, features, hooks, owner, watch, set, unset, arm, disarm",
            );
        };
        let word = words.next();
        let target = match (word, verb.takes_target()) {
            (None, Taken::Must) => {
                return refuse(Errno::EINVAL, name, "a target is missing: ns:N or default")
            }
            (None, _) => None,
            (Some(word), Taken::Not) => {
                return refuse(Errno::EINVAL, word, "this verb takes no target")
            }
            (Some(word), _) => match Target::parse(word) {
                Some(target) => Some(target),
                None => return refuse(Errno::EINVAL, word, "a target is ns:N or default"),
            },
        };
        if let Some(word) = words.next() {
            return refuse(Errno::EINVAL, word, "too many words");
        }
        Ok(Self { verb, target, body })
    }

    /// Walks over the lines behind the first; empty ones are skipped.
    pub fn lines(&self) -> Lines<'a> {
        Lines {
            rest: Some(self.body),
            number: 1,
        }
    }
}

fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = text.iter().position(|&byte| byte == at)?;
    let (left, right) = text.split_at_checked(place)?;
    Some((left, right.split_first()?.1))
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<Line<'a>, Refusal<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let text = self.rest?;
            let (line, rest) = match split_once(text, b'\n') {
                Some((line, rest)) => (line, Some(rest)),
                None => (text, None),
            };
            self.rest = rest;
            self.number = self.number.saturating_add(1);
            if line.is_empty() {
                continue;
            }
            let Some((key, value)) = split_once(line, b'=') else {
                let refusal = Refusal::plain(Errno::EINVAL, "a line is KEY=VALUE");
                return Some(Err(refusal.at(self.number, line)));
            };
            return Some(Ok(Line {
                number: self.number,
                key,
                value,
            }));
        }
    }
}
