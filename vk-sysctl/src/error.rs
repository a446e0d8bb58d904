//! Why text is no value.

use core::fmt;

use crate::CType;

/// Why what was written to a parameter is no value for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// There is nothing but white space.
    Empty,
    /// There is no digit where the number should begin.
    NotANumber,
    /// The number has 21 characters or more.
    TooLong,
    /// The number is followed by something else.
    Trailing {
        /// The byte that follows.
        byte: u8,
    },
    /// The number does not fit 64 bits.
    Overflow,
    /// The number is not within the parameter's bounds.
    OutOfRange {
        /// The parameter's type with the bounds.
        ctype: CType,
    },
}

impl ParseError {
    /// Returns the kernel's number for the error, negative as `kernel::error::Error` has it.
    pub const fn to_errno(self) -> i32 {
        match self {
            Self::Empty
            | Self::NotANumber
            | Self::TooLong
            | Self::Trailing { .. }
            | Self::Overflow
            | Self::OutOfRange { .. } => -22, // EINVAL
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a number is missing"),
            Self::NotANumber => f.write_str("not a number"),
            Self::TooLong => f.write_str("the number has too many characters"),
            Self::Trailing { byte } => write!(f, "byte {byte:#04x} after the number"),
            Self::Overflow => f.write_str("the number does not fit 64 bits"),
            Self::OutOfRange { ctype } => write_range(f, *ctype),
        }
    }
}

fn write_range(f: &mut fmt::Formatter<'_>, ctype: CType) -> fmt::Result {
    let (least, greatest) = (ctype.least(), ctype.greatest());
    match ctype {
        // What is less is rounded up.
        CType::PipeSize => write!(f, "out of range, expected 0 to {greatest}"),
        _ => write!(f, "out of range, expected {least} to {greatest}"),
    }
}

impl core::error::Error for ParseError {}
