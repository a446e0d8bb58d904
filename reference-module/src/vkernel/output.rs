//! The text of an answer.

use core::fmt;
use kernel::prelude::*;
use vk_reference_module::Setting;

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

/// A task's name, harmless in a line: what is not printable becomes `?`.
pub(crate) struct Comm<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Comm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for &byte in self.0.iter().take_while(|&&byte| byte != 0) {
            let shown = if byte.is_ascii_graphic() || byte == b' ' {
                byte
            } else {
                b'?'
            };
            f.write_char(char::from(shown))?;
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

/// A value, or `-`.
pub(crate) struct Shown(pub(crate) Option<Setting>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(setting) => write!(f, "{setting}"),
            None => f.write_str("-"),
        }
    }
}
