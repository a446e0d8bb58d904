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
}

impl ParseError {
    /// Returns the kernel's number for the error, negative as `kernel::error::Error` has it.
    pub const fn to_errno(self) -> i32 {
        match self {
            Self::UnknownWord { .. } => -22, // EINVAL
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownWord { expected } => write!(f, "not a THP policy, expected {expected}"),
        }
    }
}

impl core::error::Error for ParseError {}
