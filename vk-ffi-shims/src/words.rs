//! A line of text for C; what does not fit is cut off.

use core::fmt;

/// Room for one line.
pub(crate) struct Words {
    text: [u8; 256],
    len: usize,
}

impl Words {
    pub(crate) const fn new() -> Self {
        Self {
            text: [0; 256],
            len: 0,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or(&self.text)
    }
}

impl fmt::Write for Words {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for byte in s.bytes() {
            if let Some(slot) = self.text.get_mut(self.len) {
                *slot = byte;
                self.len = self.len.wrapping_add(1);
            }
        }
        Ok(())
    }
}
