//! What the C line of a hook says of a function, beside what a kernel's BTF says.

use core::fmt;

use crate::btf::{BtfError, Crossing, Prototype};

/// A hook's line: `VK_HOOK(...)` of include/vk_hooks.h.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// What the function returns and then its arguments, as they cross: `VK_CODE`.
    pub codes: &'a [u8],
    /// The types of its arguments, as they are written there.
    pub takes: &'a str,
}

/// How a kernel's function differs from its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It returns something else.
    Returns,
    /// It takes more arguments, or fewer.
    Arguments,
    /// This argument is another, from 1.
    Argument(u32),
}

impl Difference {
    /// Returns it as words that last.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Returns => "by its BTF it returns another type",
            Self::Arguments => "by its BTF it takes another number of arguments",
            Self::Argument(1) => "by its BTF its 1st argument is another",
            Self::Argument(2) => "by its BTF its 2nd argument is another",
            Self::Argument(3) => "by its BTF its 3rd argument is another",
            Self::Argument(_) => "by its BTF one of its arguments behind the 3rd is another",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Line<'_> {
    /// Compares it with a function's prototype.
    ///
    /// Numbers have to have the same size and sign, pointers to structures the same structure.
    ///
    /// # Errors
    ///
    /// The BTF is malformed.
    pub fn difference(&self, prototype: &Prototype<'_>) -> Result<Option<Difference>, BtfError> {
        let Some((returned, codes)) = self.codes.split_first() else {
            return Ok(Some(Difference::Returns));
        };
        if !is_same(*returned, "", prototype.crossing(0)?) {
            return Ok(Some(Difference::Returns));
        }
        if prototype.arguments()? as usize != codes.len() {
            return Ok(Some(Difference::Arguments));
        }
        let mut words = self.takes.split(',');
        for (nth, code) in (1..).zip(codes) {
            let text = words.next().unwrap_or_default();
            if !is_same(*code, text, prototype.crossing(nth)?) {
                return Ok(Some(Difference::Argument(nth)));
            }
        }
        Ok(None)
    }
}

/// Tells whether a type that the line says, as `code` and as `text`, is what the kernel passes.
fn is_same(code: u8, text: &str, kernel: Option<Crossing<'_>>) -> bool {
    match kernel {
        Some(Crossing::Void) => code == 0,
        Some(Crossing::Number { size, is_signed }) => {
            // A char has the sign that the compiler's options give it.
            let is_char = size == 1 && matches!(code, 10 | 11);
            is_char || u32::from(code) == size.wrapping_mul(10).wrapping_add(u32::from(is_signed))
        }
        Some(Crossing::Pointer(name)) => code == 82 && points_to(text, name),
        Some(Crossing::Other) | None => false,
    }
}

/// Tells whether a pointer's text fits what it points to: the structure `name`, or with none
/// something that is no structure.
fn points_to(text: &str, name: &[u8]) -> bool {
    let words = || text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    let has = |wanted: &str| words().any(|word| word == wanted);
    let names_one = has("struct") || has("union");
    match name {
        [] => !names_one,
        // What is returned has no text. A typedef may stand for the structure.
        _ if text.is_empty() => true,
        name if words().any(|word| word.as_bytes() == name) => true,
        _ => !names_one && !has("void"),
    }
}
