//! What watchers are told: one line of `watch`.
//!
//! `SEQ TIME born|gone|set|refused|denied|hooked|unhooked NAME key=value...`, where `NAME` is `ns:N`, `default`
//! or a feature. `comm=` is the last, since a task chooses its name freely.

use crate::{Comm, Key, Setting, Target};
use core::fmt;
use vk_sysctl::{Denied, Rule};

/// Something that happened.
///
/// An empty ring is all zeros, which take no room in the module's file: hence the representation,
/// and the first variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Event {
    /// A namespace's last trace is gone.
    Gone {
        /// Its id.
        ns: u64,
        /// It had values of its own.
        had_policy: bool,
    },
    /// A namespace is known; its first process has not run yet.
    Born {
        /// Its id.
        ns: u64,
        /// The id of the namespace around it, `None` for the host.
        parent: Option<u64>,
        /// How deep it is nested.
        level: u32,
        /// Its init, as the host counts.
        pid: i32,
        /// The default gave it values of its own.
        has_policy: bool,
        /// The name of its init, which is the name of who made it.
        comm: Comm,
    },
    /// A value or a rule was changed.
    Set {
        /// Whose.
        target: Target,
        /// Which.
        key: Key,
        /// What is set now, `None` for nothing.
        value: Option<Setting>,
        /// What was.
        was: Option<Setting>,
        /// The rule that holds now.
        rule: Rule,
        /// Who did it.
        by: Writer,
    },
    /// The commit limit refused memory.
    Refused {
        /// The namespace that asked.
        ns: u64,
        /// How much it asked for.
        bytes: u64,
        /// The namespace whose limit it is.
        by: u64,
        /// The task that asked, as the host counts.
        pid: i32,
        /// Its name.
        comm: Comm,
    },
    /// A write from inside was refused.
    Denied {
        /// The namespace.
        ns: u64,
        /// The key.
        key: Key,
        /// Why.
        why: Why,
        /// The task that wrote, as the host counts.
        pid: i32,
        /// Its name.
        comm: Comm,
    },
    /// The hooks of a feature are in.
    Hooked(&'static str),
    /// The hooks of a feature are out.
    Unhooked(&'static str),
    /// Somebody took the place of the hook of this function.
    Bypassed(&'static str),
    /// The hook of this function decides again.
    Restored(&'static str),
}

/// Who changed a value: a task, as the host counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// Through the device.
    Outside(i32),
    /// A task of the container, through the kernel's own file.
    Inside(i32),
}

/// Why a write from inside was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The key may not be written from inside.
    ReadOnly,
    /// The value is out of the bounds of the container or an ancestor.
    OutOfBounds,
    /// The value is laxer than the host's, where no container may be.
    TooLax,
    /// The container has no value of its own, and the host's is protected.
    HostProtected,
    /// The commit limit would promise more memory than there is.
    Overpromised,
}

impl From<Denied> for Why {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::BelowMin { .. } | Denied::AboveMax { .. } => Self::OutOfBounds,
            Denied::TooLax(_) => Self::TooLax,
            Denied::HostProtected => Self::HostProtected,
            Denied::Overpromised => Self::Overpromised,
            _ => Self::ReadOnly,
        }
    }
}

/// A value, or `-`.
#[derive(Clone, Copy, Debug)]
pub struct Shown(pub Option<Setting>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(setting) => setting.fmt(f),
            None => f.write_str("-"),
        }
    }
}

impl fmt::Display for Event {
    /// Writes what stands behind `SEQ TIME` in the line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Gone { ns, had_policy } => {
                write!(f, "gone ns:{ns} policy={}", own_or_none(had_policy))
            }
            Self::Born {
                ns,
                parent,
                level,
                pid,
                has_policy,
                comm,
            } => {
                write!(f, "born ns:{ns} parent=")?;
                match parent {
                    Some(parent) => write!(f, "ns:{parent}")?,
                    None => f.write_str("host")?,
                }
                let policy = own_or_none(has_policy);
                write!(f, " level={level} pid={pid} policy={policy} comm={comm}")
            }
            Self::Set {
                target,
                key,
                value,
                was,
                rule,
                by,
            } => {
                let (pid, from) = match by {
                    Writer::Outside(pid) => (pid, "outside"),
                    Writer::Inside(pid) => (pid, "inside"),
                };
                write!(f, "set {target} key={key} value={}", Shown(value))?;
                write!(f, " was={} {rule} pid={pid} from={from}", Shown(was))
            }
            Self::Refused {
                ns,
                bytes,
                by,
                pid,
                comm,
            } => write!(
                f,
                "refused ns:{ns} bytes={bytes} by=ns:{by} pid={pid} comm={comm}"
            ),
            Self::Denied {
                ns,
                key,
                why,
                pid,
                comm,
            } => {
                let reason = match why {
                    Why::ReadOnly => "read-only",
                    Why::OutOfBounds => "out-of-bounds",
                    Why::TooLax => "laxer-than-the-host",
                    Why::HostProtected => "host-protected",
                    Why::Overpromised => "overpromised",
                };
                write!(
                    f,
                    "denied ns:{ns} key={key} pid={pid} reason={reason} comm={comm}"
                )
            }
            Self::Hooked(feature) => write!(f, "hooked {feature}"),
            Self::Unhooked(feature) => write!(f, "unhooked {feature}"),
            Self::Bypassed(symbol) => write!(f, "bypassed {symbol}"),
            Self::Restored(symbol) => write!(f, "restored {symbol}"),
        }
    }
}

fn own_or_none(is_own: bool) -> &'static str {
    if is_own {
        "own"
    } else {
        "none"
    }
}
