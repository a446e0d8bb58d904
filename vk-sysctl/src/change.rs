//! A change of several values at once: all of them, or none.

use core::fmt;

use crate::{Key, ParseError, TooLax, Value, Values};

/// A profile on its way to a container: applied as a whole, or not at all.
///
/// The order of the settings does not matter. Each one refused is told at once, so that one answer
/// can name them all; [`finish`](Self::finish) then gives no values.
///
/// # Examples
///
/// ```
/// use vk_sysctl::{Change, Key, Refused, Value, Values};
///
/// let mut host = Values::new();
/// host.set(Key::MmapMinAddr, Value::UnsignedLong(65_536));
///
/// let mut change = Change::new(Values::new(), &host);
/// change.set(Key::MaxMapCount, b"262144")?;
/// change.set(Key::OvercommitMemory, b"1")?;
/// let values = change.finish()?;
/// assert_eq!(values.get(Key::MaxMapCount), Some(Value::Int(262_144)));
///
/// let mut change = Change::new(values, &host);
/// change.set(Key::NrOpen, b"1024")?;
/// assert!(change.set(Key::MmapMinAddr, b"0").is_err());
/// assert_eq!(change.finish(), Err(Refused { count: 1 })); // nr_open neither
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Change<'h> {
    base: Values,
    host: &'h Values,
    wanted: Values,
    given: u32,
    refused: u32,
}

/// Why one setting of a profile is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The text is no value of the key.
    Text(ParseError),
    /// The container would be laxer than the host where none may be.
    TooLax(TooLax),
    /// The key was given before.
    Twice {
        /// Which one.
        key: Key,
    },
    /// This key and another that was given rule each other out.
    Conflict {
        /// The other one.
        with: Key,
    },
}

/// A change of which something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// How many settings.
    pub count: u32,
}

impl<'h> Change<'h> {
    /// Begins a change of `base`; a key that `host` does not have is not compared with the host's.
    pub const fn new(base: Values, host: &'h Values) -> Self {
        Self {
            base,
            host,
            wanted: Values::new(),
            given: 0,
            refused: 0,
        }
    }

    /// Asks for `key` to be what `text` says.
    ///
    /// Of two keys of which each zeroes the other, both may be given when one is zero: the other
    /// one counts.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: why this setting is refused, and with it the change.
    pub fn set(&mut self, key: Key, text: &[u8]) -> Result<(), Refusal> {
        let judged = self.judge(key, text);
        match judged {
            Ok(value) => self.want(key, value),
            Err(_) => self.refused = self.refused.saturating_add(1),
        }
        self.given |= key.bit();
        judged.map(|_| ())
    }

    /// Returns the new values.
    ///
    /// # Errors
    ///
    /// [`Refused`]: something was refused, and the old values stay.
    pub fn finish(self) -> Result<Values, Refused> {
        if self.refused != 0 {
            return Err(Refused {
                count: self.refused,
            });
        }
        Ok(self.wanted.merge(self.base))
    }

    fn judge(&self, key: Key, text: &[u8]) -> Result<Value, Refusal> {
        if self.is_given(key) {
            return Err(Refusal::Twice { key });
        }
        let value = key.parse(text).map_err(Refusal::Text)?;
        if let Some(host) = self.host.get(key) {
            key.check(value, host).map_err(Refusal::TooLax)?;
        }
        match self.rival(key) {
            Some((with, other)) if other.number() != 0 && value.number() != 0 => {
                Err(Refusal::Conflict { with })
            }
            _ => Ok(value),
        }
    }

    fn want(&mut self, key: Key, value: Value) {
        let yields = self.rival(key).is_some() && value.number() == 0;
        if !yields {
            self.wanted.set(key, value);
        }
    }

    /// The given key that `key` would zero, and its value.
    fn rival(&self, key: Key) -> Option<(Key, Value)> {
        let other = key.entry().zeroes.filter(|&other| self.is_given(other))?;
        Some((other, self.wanted.get(other)?))
    }

    const fn is_given(&self, key: Key) -> bool {
        self.given & key.bit() != 0
    }
}

impl Refusal {
    /// Returns the kernel's number for the error, negative as `kernel::error::Error` has it.
    pub const fn to_errno(self) -> i32 {
        match self {
            Self::Text(error) => error.to_errno(),
            Self::TooLax(error) => error.to_errno(),
            Self::Twice { .. } | Self::Conflict { .. } => -22, // EINVAL
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(error) => error.fmt(f),
            Self::TooLax(error) => error.fmt(f),
            Self::Twice { key } => write!(f, "{key} is given twice"),
            Self::Conflict { with } => write!(f, "{with} is given too, and is not 0"),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} refused, nothing changed", self.count)
    }
}

impl core::error::Error for Refusal {}
impl core::error::Error for Refused {}
