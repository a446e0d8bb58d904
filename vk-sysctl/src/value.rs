//! A parameter's value.

use core::fmt;

/// A value in the C type of its parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Value {
    /// An `int`.
    Int(i32),
    /// An `unsigned long` of 64 bits.
    UnsignedLong(u64),
}

impl fmt::Display for Value {
    /// Writes the number in decimal, as the kernel shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::UnsignedLong(value) => value.fmt(f),
        }
    }
}
