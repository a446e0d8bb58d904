//! A task's name.

use core::fmt;

/// The name of a task, as `task_struct::comm` has it: zero-terminated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Comm(pub [u8; 16]);

impl fmt::Display for Comm {
    /// Writes it harmless in a line: what is not printable becomes `?`.
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
