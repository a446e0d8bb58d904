//! What a write to a parameter's file means.

use crate::space::skip_spaces;
use crate::{integer, CType, Key, ParseError, Value};

/// The bytes of a write that are looked at: `PAGE_SIZE - 1`.
const WINDOW_BYTES: usize = 4095;

/// A write that was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The value, or `None` where the kernel takes the bytes without looking: at any file
    /// position but 0, and when there are none.
    pub value: Option<Value>,
    /// The bytes used up, by which the file position moves.
    pub consumed: usize,
}

impl Key {
    /// Reads `bytes`, written at file position `pos`, as the key's handler does.
    ///
    /// That is `proc_dointvec()`, `proc_dointvec_minmax()` or `proc_doulongvec_minmax()` of
    /// kernel/sysctl.c in the mode `kernel.sysctl_writes_strict = 1`, the default. A number may be
    /// octal (`0…`) or hexadecimal (`0x…`). What follows the number and its white space is left
    /// for the next write.
    ///
    /// # Errors
    ///
    /// - [`ParseError::Empty`]: only white space.
    /// - [`ParseError::NotANumber`], [`ParseError::Trailing`]: with the byte behind the number.
    /// - [`ParseError::TooLong`], [`ParseError::Overflow`]: more digits, or more, than any number.
    /// - [`ParseError::OutOfRange`]: not within the bounds of the key, with those.
    ///
    /// # Examples
    ///
    /// ```
    /// use vk_sysctl::{Key, ParseError, Value};
    ///
    /// let parsed = Key::OvercommitMemory.parse_write(b"2\n", 0)?;
    /// assert_eq!(parsed.value, Some(Value::Int(2)));
    /// assert_eq!(parsed.consumed, 2);
    /// assert!(Key::OvercommitMemory.parse_write(b"3\n", 0).is_err());
    /// # Ok::<(), ParseError>(())
    /// ```
    #[doc(alias = "proc_dointvec_minmax")]
    pub fn parse_write(self, bytes: &[u8], pos: u64) -> Result<Parsed, ParseError> {
        if bytes.is_empty() || pos != 0 {
            return Ok(Parsed {
                value: None,
                consumed: bytes.len(),
            });
        }
        let window = bytes.get(..WINDOW_BYTES).unwrap_or(bytes);
        let (value, rest) = self.read_value(window)?;
        Ok(Parsed {
            value: Some(value),
            consumed: bytes.len().saturating_sub(skip_spaces(rest).len()),
        })
    }

    /// Reads `text` as one value and nothing else, by the same rules.
    ///
    /// # Errors
    ///
    /// Those of [`parse_write`](Self::parse_write); a second number is [`ParseError::Trailing`].
    pub fn parse(self, text: &[u8]) -> Result<Value, ParseError> {
        let (value, rest) = self.read_value(text)?;
        match skip_spaces(rest).first() {
            Some(&byte) => Err(ParseError::Trailing { byte }),
            None => Ok(value),
        }
    }

    fn read_value(self, text: &[u8]) -> Result<(Value, &[u8]), ParseError> {
        let number = skip_spaces(text);
        if number.is_empty() {
            return Err(ParseError::Empty);
        }
        let integer = integer::read(number)?;
        let ctype = self.entry().ctype;
        convert(ctype, integer.is_negative, integer.magnitude)
            .filter(|&value| ctype.accepts(value))
            .map(|value| (value, integer.rest))
            .ok_or(ParseError::OutOfRange { ctype })
    }
}

/// Makes a value of a number, unless the type cannot hold it.
fn convert(ctype: CType, is_negative: bool, magnitude: u64) -> Option<Value> {
    match ctype {
        CType::Int { .. } => int_from(is_negative, magnitude).map(Value::Int),
        // Even `-0` is refused here.
        CType::UnsignedLong { .. } if is_negative => None,
        CType::UnsignedLong { .. } => Some(Value::UnsignedLong(magnitude)),
    }
}

fn int_from(is_negative: bool, magnitude: u64) -> Option<i32> {
    let magnitude = i64::try_from(magnitude).ok()?;
    let number = if is_negative {
        magnitude.wrapping_neg()
    } else {
        magnitude
    };
    i32::try_from(number).ok()
}
