//! Who may write a parameter from inside a container, and within which bounds.

use core::fmt;

use crate::{Key, TooLax, Value};

/// Who may write a parameter from inside a container, and within which bounds.
///
/// The bounds also hold for nested containers.
///
/// # Examples
///
/// ```
/// use vk_sysctl::{Denied, Inside, Key, Rule, Value};
///
/// let key = Key::MaxMapCount;
/// let host = Value::Int(65_530);
/// let mut rule = Rule::default();
/// assert_eq!(rule.permit(key, Value::Int(1000), host), Err(Denied::ReadOnly));
///
/// rule.inside = Inside::from_word(b"rw").ok_or("no such word")?;
/// rule.max = Some(Value::Int(262_144));
/// assert_eq!(rule.permit(key, Value::Int(262_144), host), Ok(()));
/// let denied = rule.permit(key, Value::Int(262_145), host);
/// assert_eq!(denied.map_err(Denied::to_errno), Err(-1)); // EPERM
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// `KEY.inside`.
    pub inside: Inside,
    /// `KEY.min`: the least value.
    pub min: Option<Value>,
    /// `KEY.max`: the greatest value.
    pub max: Option<Value>,
}

/// Whether a container may write its own value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inside {
    /// `ro`: it may only read it.
    #[default]
    ReadOnly,
    /// `rw`: it may write it.
    ReadWrite,
}

/// Whether a write from inside, to a parameter without a private value, may reach the host's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostWrites {
    /// It does what it does without a module: `protect_host=0`.
    #[default]
    Unchanged,
    /// It is refused: `protect_host=1`.
    Denied,
}

/// Whose value a permitted write changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The container's own.
    Private,
    /// The host's, if the kernel's handler agrees.
    Host,
}

/// Why a write from inside is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// The container may only read it.
    ReadOnly,
    /// Less than the host allows.
    BelowMin {
        /// `KEY.min`.
        min: Value,
    },
    /// More than the host allows.
    AboveMax {
        /// `KEY.max`.
        max: Value,
    },
    /// Laxer than the host's, where no container may be.
    TooLax(TooLax),
    /// The container has no value of its own, and the host's is protected.
    HostProtected,
    /// The commit limit would promise more memory than there is.
    Overpromised,
}

impl Rule {
    /// Decides about a write of `value` to `key` from inside, while the host has `host`.
    ///
    /// # Errors
    ///
    /// [`Denied`], which is EPERM.
    pub fn permit(&self, key: Key, value: Value, host: Value) -> Result<(), Denied> {
        if self.inside == Inside::ReadOnly {
            return Err(Denied::ReadOnly);
        }
        self.bound(value)?;
        key.check(value, host).map_err(Denied::TooLax)
    }

    /// Tells whether `value` is within the bounds, which is all that counts for nested containers.
    ///
    /// # Errors
    ///
    /// [`Denied::BelowMin`], [`Denied::AboveMax`]: with the bound.
    pub fn bound(&self, value: Value) -> Result<(), Denied> {
        if let Some(min) = self.min.filter(|min| value.number() < min.number()) {
            return Err(Denied::BelowMin { min });
        }
        if let Some(max) = self.max.filter(|max| value.number() > max.number()) {
            return Err(Denied::AboveMax { max });
        }
        Ok(())
    }

    /// Tells whether any value is within the bounds.
    pub const fn is_possible(&self) -> bool {
        match (self.min, self.max) {
            (Some(min), Some(max)) => min.number() <= max.number(),
            _ => true,
        }
    }

    /// Returns the bound that takes the place of `value`; `None` if it is within the bounds.
    pub fn nearest(&self, value: Value) -> Option<Value> {
        match self.bound(value) {
            Err(Denied::BelowMin { min }) => Some(min),
            Err(Denied::AboveMax { max }) => Some(max),
            _ => None,
        }
    }
}

impl fmt::Display for Rule {
    /// Writes `inside=ro|rw min=N|- max=N|-`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inside={}", self.inside)?;
        for (name, bound) in [("min", self.min), ("max", self.max)] {
            match bound {
                Some(bound) => write!(f, " {name}={bound}")?,
                None => write!(f, " {name}=-")?,
            }
        }
        Ok(())
    }
}

/// Decides about a write from inside a container, whose `rule` is `None` if it has no private value.
///
/// # Errors
///
/// [`Denied`], which is EPERM.
pub fn judge_write(
    rule: Option<&Rule>,
    key: Key,
    value: Value,
    host: Value,
    host_writes: HostWrites,
) -> Result<Target, Denied> {
    match (rule, host_writes) {
        (Some(rule), _) => rule.permit(key, value, host).map(|()| Target::Private),
        (None, HostWrites::Unchanged) => Ok(Target::Host),
        (None, HostWrites::Denied) => Err(Denied::HostProtected),
    }
}

impl Inside {
    /// Understands `ro` and `rw`.
    pub const fn from_word(word: &[u8]) -> Option<Self> {
        match word {
            b"ro" => Some(Self::ReadOnly),
            b"rw" => Some(Self::ReadWrite),
            _ => None,
        }
    }
}

impl Denied {
    /// Returns the kernel's number for the error, negative as `kernel::error::Error` has it.
    pub const fn to_errno(self) -> i32 {
        match self {
            Self::ReadOnly
            | Self::BelowMin { .. }
            | Self::AboveMax { .. }
            | Self::TooLax(_)
            | Self::HostProtected
            | Self::Overpromised => -1, // EPERM
        }
    }
}

impl fmt::Display for Inside {
    /// Writes the word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ReadOnly => "ro",
            Self::ReadWrite => "rw",
        })
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadOnly => f.write_str("it is read-only inside"),
            Self::BelowMin { min } => write!(f, "below the minimum {min}"),
            Self::AboveMax { max } => write!(f, "above the maximum {max}"),
            Self::TooLax(error) => error.fmt(f),
            Self::HostProtected => f.write_str("the host's values are protected"),
            Self::Overpromised => f.write_str("more would be promised than there is"),
        }
    }
}

impl core::error::Error for Denied {}
