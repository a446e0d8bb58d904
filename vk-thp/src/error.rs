//! Why a word was not understood.

use core::fmt;

/// Why text written to a THP file is no policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// The text is none of the file's words.
    UnknownWord {
        /// The words it could have been.
        expected: &'static str,
    },
    /// The text of a switch is neither 0 nor 1.
    NotASwitch,
    /// The number has more than 64 bits.
    OutOfRange,
}

impl ParseError {
    /// Returns the kernel's number for the error, negative as `kernel::error::Error` has it.
    pub const fn to_errno(self) -> i32 {
        match self {
            Self::UnknownWord { .. } | Self::NotASwitch => -22, // EINVAL
            Self::OutOfRange => -34,                            // ERANGE
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownWord { expected } => write!(f, "not a THP policy, expected {expected}"),
            Self::NotASwitch => f.write_str("not a switch, expected 0 or 1"),
            Self::OutOfRange => f.write_str("not a switch: the number exceeds 64 bits"),
        }
    }
}

impl core::error::Error for ParseError {}
