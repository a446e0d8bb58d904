//! Why hooks were not armed or not taken out.

use crate::{HookId, Sleeper};
use core::fmt;

/// Why a group of hooks was not armed. None of them is, unless one is stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArmError {
    /// The hook that was refused.
    pub hook: HookId,
    /// The back end's negative errno.
    pub errno: i32,
    /// A hook that had been armed and could not be taken out again, if any.
    pub stuck: Option<HookId>,
}

impl ArmError {
    /// Returns the negative errno.
    pub const fn to_errno(self) -> i32 {
        self.errno
    }
}

impl fmt::Display for ArmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hook {} was refused with {}", self.hook.0, self.errno)
    }
}

impl core::error::Error for ArmError {}

/// Why a group of hooks is not gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisarmError {
    /// The site of a hook could not be restored.
    Stuck {
        /// The hook.
        hook: HookId,
        /// The back end's negative errno.
        errno: i32,
    },
    /// A task still sleeps in a handler.
    Asleep(Sleeper),
}

impl DisarmError {
    /// Returns the negative errno.
    pub const fn to_errno(self) -> i32 {
        const EBUSY: i32 = 16;
        match self {
            Self::Stuck { errno, .. } => errno,
            Self::Asleep(_) => -EBUSY,
        }
    }
}

impl fmt::Display for DisarmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stuck { hook, errno } => {
                write!(f, "hook {} could not be taken out: {errno}", hook.0)
            }
            Self::Asleep(sleeper) => {
                write!(f, "pid {} sleeps in hook {}", sleeper.pid, sleeper.hook.0)
            }
        }
    }
}

impl core::error::Error for DisarmError {}
