//! A few bytes, kept by value.

use core::fmt;

/// At most `N` bytes of code.
///
/// # Invariants
///
/// `len <= N`, and what stands behind the first `len` bytes is 0.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Bytes<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Bytes<N> {
    /// No bytes.
    pub(super) const EMPTY: Self = Self {
        bytes: [0; N],
        len: 0,
    };

    /// Returns as many of `bytes` as fit.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut copy = Self::EMPTY;
        copy.push(bytes);
        copy
    }

    /// Puts as many of `more` behind as fit.
    pub(super) fn push(&mut self, more: &[u8]) {
        let free = self.bytes.get_mut(self.len..).unwrap_or_default();
        for (to, from) in free.iter_mut().zip(more) {
            *to = *from;
            self.len = self.len.wrapping_add(1);
        }
    }

    /// Puts `new` over the bytes at `at`; those behind the end are lost.
    pub(super) fn overwrite(&mut self, at: usize, new: &[u8]) {
        let there = self.bytes.get_mut(at..self.len).unwrap_or_default();
        for (to, from) in there.iter_mut().zip(new) {
            *to = *from;
        }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }
}

impl<const N: usize> fmt::Debug for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x?}", self.as_slice())
    }
}
