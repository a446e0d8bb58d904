//! Where code is.

use core::fmt;

/// An address of code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeAddr(pub u64);

impl CodeAddr {
    /// Returns the address `offset` behind this one; it wraps.
    pub const fn at(self, offset: Offset) -> Self {
        Self(self.0.wrapping_add(offset.0 as u64))
    }

    /// Returns how far behind `start` it is; before it, the offset wraps.
    pub const fn offset_from(self, start: Self) -> Offset {
        Offset(self.0.wrapping_sub(start.0) as usize)
    }

    /// Whether it is one of the `len` bytes at `start`.
    pub(super) const fn is_within(self, start: Self, len: usize) -> bool {
        self.offset_from(start).0 < len
    }
}

impl fmt::Debug for CodeAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A distance in bytes from the start of a function, or of a trampoline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub usize);

impl Offset {
    /// Returns the offset `bytes` further on; it wraps.
    pub(super) const fn plus(self, bytes: usize) -> Self {
        Self(self.0.wrapping_add(bytes))
    }
}

impl fmt::Debug for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{:#x}", self.0)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
