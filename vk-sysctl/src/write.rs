//! What a write to a parameter's file means.

use crate::space::skip_spaces;
use crate::{integer, CType, Key, ParseError, Value};

/// The bytes of a write that are looked at: `PAGE_SIZE - 1`.
const WINDOW_BYTES: usize = 4095;

/// A write that was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The value, or `None` where the kernel takes the bytes without looking: behind the start of
    /// the file in [`Writes::Strict`], and when there are none.
    pub value: Option<Value>,
    /// The bytes used up: what write(2) returns.
    pub consumed: usize,
    /// The file position afterwards.
    pub pos: u64,
}

/// What a numeric write behind the start of the file does: `kernel.sysctl_writes_strict`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writes {
    /// It is taken and changes nothing: 1, the kernel's default.
    #[default]
    #[doc(alias = "SYSCTL_WRITES_STRICT")]
    Strict,
    /// It counts as if it were at the start: -1, and 0, with which the kernel warns once.
    #[doc(alias = "SYSCTL_WRITES_LEGACY")]
    Anywhere,
}

impl Key {
    /// Reads `bytes`, written at file position `pos`, as the key's handler does.
    ///
    /// Takes `kernel.sysctl_writes_strict` to be 1, its default; [`CType::parse_write`] is told.
    ///
    /// # Errors
    ///
    /// Those of [`CType::parse_write`].
    ///
    /// # Examples
    ///
    /// ```
    /// use vk_sysctl::{Key, ParseError, Value};
    ///
    /// let parsed = Key::OvercommitMemory.parse_write(b"2\n", 0)?;
    /// assert_eq!(parsed.value, Some(Value::Int(2)));
    /// assert_eq!((parsed.consumed, parsed.pos), (2, 2));
    /// assert!(Key::OvercommitMemory.parse_write(b"3\n", 0).is_err());
    ///
    /// // The handlers of `unsigned int` leave the file position alone.
    /// let parsed = Key::PipeMaxSize.parse_write(b"65537\n", 0)?;
    /// assert_eq!(parsed.value, Some(Value::UnsignedInt(131_072)));
    /// assert_eq!((parsed.consumed, parsed.pos), (6, 0));
    /// # Ok::<(), ParseError>(())
    /// ```
    pub fn parse_write(self, bytes: &[u8], pos: u64) -> Result<Parsed, ParseError> {
        self.ctype().parse_write(bytes, pos, Writes::Strict)
    }

    /// Reads `text` as one value and nothing else, by the same rules.
    ///
    /// # Errors
    ///
    /// Those of [`CType::parse_write`]; a second number is [`ParseError::Trailing`].
    pub fn parse(self, text: &[u8]) -> Result<Value, ParseError> {
        let (value, rest) = self.ctype().read_value(text)?;
        match skip_spaces(rest).first() {
            Some(&byte) => Err(ParseError::Trailing { byte }),
            None => Ok(value),
        }
    }
}

impl CType {
    /// Reads `bytes`, written at file position `pos`, as the type's handler in kernel/sysctl.c
    /// does.
    ///
    /// A number may be octal (`0…`) or hexadecimal (`0x…`). What follows the number and its white
    /// space is left for the next write, except by the handlers of `unsigned int`: they use up
    /// everything and do not move the file position.
    ///
    /// # Errors
    ///
    /// - [`ParseError::Empty`]: only white space.
    /// - [`ParseError::NotANumber`], [`ParseError::Trailing`]: with the byte behind the number.
    /// - [`ParseError::TooLong`], [`ParseError::Overflow`]: more digits, or more, than any number.
    /// - [`ParseError::OutOfRange`]: not within the bounds, with those.
    #[doc(alias = "proc_dointvec_minmax")]
    #[doc(alias = "proc_douintvec_minmax")]
    #[doc(alias = "proc_doulongvec_minmax")]
    pub fn parse_write(self, bytes: &[u8], pos: u64, writes: Writes) -> Result<Parsed, ParseError> {
        if bytes.is_empty() || (pos != 0 && writes == Writes::Strict) {
            return Ok(taken(None, bytes.len(), pos));
        }
        let window = bytes.get(..WINDOW_BYTES).unwrap_or(bytes);
        let (value, rest) = self.read_value(window)?;
        Ok(match self {
            Self::UnsignedInt { .. } | Self::PipeSize => Parsed {
                value: Some(value),
                consumed: bytes.len(),
                pos,
            },
            Self::Int { .. } | Self::UnsignedLong { .. } => {
                let left = skip_spaces(rest).len();
                taken(Some(value), bytes.len().saturating_sub(left), pos)
            }
        })
    }

    fn read_value(self, text: &[u8]) -> Result<(Value, &[u8]), ParseError> {
        let number = skip_spaces(text);
        if number.is_empty() {
            return Err(ParseError::Empty);
        }
        let integer = integer::read(number)?;
        self.convert(integer.is_negative, integer.magnitude)
            .map(|value| (value, integer.rest))
            .ok_or(ParseError::OutOfRange { ctype: self })
    }
}

/// A write that moves the file position by what it used up.
fn taken(value: Option<Value>, consumed: usize, pos: u64) -> Parsed {
    Parsed {
        value,
        consumed,
        pos: pos.saturating_add(consumed as u64),
    }
}
