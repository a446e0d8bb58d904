//! Which of two values is stricter, and who may have the laxer one.

use core::fmt;

use crate::{Key, Value};

/// Which of two values of a parameter is the stricter one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// Neither: they are different policies, not more and less of one.
    None,
    /// The lower one: a limit.
    Lower,
    /// The lower one, but 0 is no limit at all.
    LowerButZero,
    /// The higher one: a floor, or a guard that is switched on.
    Higher,
}

/// Whether a container may have a laxer value than the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exceed {
    /// It may: the value concerns only itself.
    May,
    /// It may not: the knob protects the kernel that all share.
    Hardening,
    /// It may not: what is counted is one pool for the machine.
    SharedPool,
    /// It may not: nothing in the kernel can be caught to raise it for one container.
    NoPlace,
}

/// A value that is laxer than the host's, where a container may not have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLax {
    /// The parameter.
    pub key: Key,
    /// The value asked for.
    pub value: Value,
    /// The host's.
    pub host: Value,
    /// Why not.
    pub why: Exceed,
}

impl Order {
    /// Tells whether `value` is laxer than `than`.
    pub const fn is_laxer(self, value: Value, than: Value) -> bool {
        let (value, than) = (value.number(), than.number());
        match self {
            Self::None => false,
            Self::Lower => value > than,
            Self::LowerButZero if value == 0 || than == 0 => value == 0 && than != 0,
            Self::LowerButZero => value > than,
            Self::Higher => value < than,
        }
    }
}

impl Key {
    /// Tells whether a container may have `value` while the host has `host`.
    ///
    /// # Errors
    ///
    /// [`TooLax`]: with the reason, where no container may have a laxer value than the host.
    ///
    /// # Examples
    ///
    /// ```
    /// use vk_sysctl::{Exceed, Key, TooLax, Value};
    ///
    /// let host = Value::UnsignedLong(65_536);
    /// let low = Key::MmapMinAddr.check(Value::UnsignedLong(0), host);
    /// assert_eq!(low.map_err(|error| error.why), Err(Exceed::Hardening));
    /// Key::MmapMinAddr.check(Value::UnsignedLong(1 << 20), host)?;
    /// Key::MaxMapCount.check(Value::Int(262_144), Value::Int(65_530))?;
    /// # Ok::<(), TooLax>(())
    /// ```
    pub const fn check(self, value: Value, host: Value) -> Result<(), TooLax> {
        let why = self.entry().exceed;
        if self.may_exceed() || !self.entry().order.is_laxer(value, host) {
            return Ok(());
        }
        Err(TooLax {
            key: self,
            value,
            host,
            why,
        })
    }

    /// Returns what is enforced for a container whose value is `value` while the host has `host`.
    ///
    /// That is the stricter one of the two where a container may not have the laxer, so that a host
    /// that turns stricter later is not left behind.
    ///
    /// # Examples
    ///
    /// ```
    /// use vk_sysctl::{Key, Value};
    ///
    /// let enforced = Key::DmesgRestrict.enforced(Value::Int(0), Value::Int(1));
    /// assert_eq!(enforced, Value::Int(1));
    /// ```
    pub const fn enforced(self, value: Value, host: Value) -> Value {
        match self.check(value, host) {
            Ok(()) => value,
            Err(_) => host,
        }
    }

    /// Tells whether the value `value` forbids what would come to `asked`.
    ///
    /// That is how many there would then be, of what the key limits; or the address, or the mode, of
    /// which the key sets the least.
    ///
    /// # Examples
    ///
    /// ```
    /// use vk_sysctl::{Key, Value};
    ///
    /// assert!(Key::MountMax.forbids(Value::Int(10), 11));
    /// assert!(!Key::MountMax.forbids(Value::Int(10), 10));
    /// assert!(!Key::PipeUserPagesHard.forbids(Value::UnsignedLong(0), 11)); // no limit
    /// assert!(Key::MmapMinAddr.forbids(Value::UnsignedLong(65_536), 4096));
    /// ```
    pub const fn forbids(self, value: Value, asked: u64) -> bool {
        let (value, asked) = (value.number(), asked as i128);
        match self.entry().order {
            Order::None => false,
            Order::Lower => asked > value,
            Order::LowerButZero => value != 0 && asked > value,
            Order::Higher => asked < value,
        }
    }

    /// Tells whether a container may have a laxer value than the host.
    pub const fn may_exceed(self) -> bool {
        matches!(self.entry().exceed, Exceed::May)
    }

    /// Tells whether the knob protects the kernel that all containers share.
    pub const fn is_hardening(self) -> bool {
        matches!(self.entry().exceed, Exceed::Hardening)
    }
}

impl TooLax {
    /// Returns the kernel's number for the error, negative as `kernel::error::Error` has it.
    pub const fn to_errno(self) -> i32 {
        -1 // EPERM
    }
}

impl fmt::Display for Exceed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::May => "it concerns only the container",
            Self::Hardening => "it protects the kernel that all share",
            Self::SharedPool => "what it counts is one pool for the machine",
            Self::NoPlace => "nothing can be caught to raise it for one container",
        })
    }
}

impl fmt::Display for TooLax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            value,
            host,
            why,
        } = self;
        write!(f, "{key}: {value} is laxer than the host's {host}: {why}")
    }
}

impl core::error::Error for TooLax {}
