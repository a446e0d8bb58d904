//! The text of an answer.

use core::fmt;
use kernel::prelude::*;

/// A buffer that grows; what does not fit into memory is remembered.
pub(crate) struct Output {
    text: KVVec<u8>,
    is_short: bool,
    /// How far it has been read.
    pub(crate) pos: i64,
}

impl Output {
    pub(crate) const fn new() -> Self {
        Self {
            text: KVVec::new(),
            is_short: false,
            pos: 0,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.text
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.is_short = false;
        self.pos = 0;
    }

    /// Tells whether all of it has been read.
    pub(crate) fn is_read(&self) -> bool {
        usize::try_from(self.pos).is_ok_and(|pos| pos >= self.text.len())
    }

    /// Tells whether memory ran out.
    pub(crate) fn is_short(&self) -> bool {
        self.is_short
    }
}

impl fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self
            .text
            .extend_from_slice(text.as_bytes(), GFP_KERNEL)
            .is_err()
        {
            self.is_short = true;
        }
        Ok(())
    }
}

/// Bytes in hexadecimal.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}
