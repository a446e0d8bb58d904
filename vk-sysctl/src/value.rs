//! A parameter's value.

use core::fmt;

/// A value in the C type of its parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Value {
    /// An `int`.
    Int(i32),
    /// An `unsigned int`.
    UnsignedInt(u32),
    /// An `unsigned long` of 64 bits.
    UnsignedLong(u64),
}

impl Value {
    /// Returns the number, whatever its type.
    pub const fn number(self) -> i128 {
        match self {
            Self::Int(value) => value as i128,
            Self::UnsignedInt(value) => value as i128,
            Self::UnsignedLong(value) => value as i128,
        }
    }

    /// Returns the value as a pattern of 64 bits; what type it was is lost.
    pub(crate) const fn to_bits(self) -> u64 {
        match self {
            Self::Int(value) => value as u32 as u64,
            Self::UnsignedInt(value) => value as u64,
            Self::UnsignedLong(value) => value,
        }
    }
}

impl fmt::Display for Value {
    /// Writes the number in decimal, as the kernel shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::UnsignedInt(value) => value.fmt(f),
            Self::UnsignedLong(value) => value.fmt(f),
        }
    }
}
