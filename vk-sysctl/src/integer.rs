//! One number in text, as `proc_get_long()` in kernel/sysctl.c reads it.

use crate::space::ends_number;
use crate::ParseError;

/// The characters of a number that are looked at: `TMPBUFLEN - 1`. One that fills them all could
/// go on unseen and is refused.
const LEN_MAX: usize = 21;

/// A number and what follows it.
pub(crate) struct Integer<'a> {
    pub(crate) is_negative: bool,
    pub(crate) magnitude: u64,
    pub(crate) rest: &'a [u8],
}

/// Reads the number at the start of `text`.
pub(crate) fn read(text: &[u8]) -> Result<Integer<'_>, ParseError> {
    let window = text.get(..LEN_MAX).unwrap_or(text);
    let (is_negative, unsigned) = split_sign(window);
    if !unsigned.first().is_some_and(u8::is_ascii_digit) {
        return Err(ParseError::NotANumber);
    }
    let (radix, digits) = split_radix(unsigned);
    let (magnitude, after) = take_digits(digits, radix)?;

    let len = window.len().saturating_sub(after.len());
    if len >= LEN_MAX {
        return Err(ParseError::TooLong);
    }
    let rest = text.get(len..).unwrap_or_default();
    match rest.first() {
        Some(&byte) if !ends_number(byte) => Err(ParseError::Trailing { byte }),
        _ => Ok(Integer {
            is_negative,
            magnitude,
            rest,
        }),
    }
}

fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', unsigned @ ..] => (true, unsigned),
        _ => (false, text),
    }
}

/// Does what `_parse_integer_fixup_radix()` in lib/kstrtox.c does for an unknown radix.
fn split_radix(text: &[u8]) -> (u8, &[u8]) {
    match text {
        [b'0', b'x' | b'X', digits @ ..] if digits.first().is_some_and(u8::is_ascii_hexdigit) => {
            (16, digits)
        }
        [b'0', ..] => (8, text),
        _ => (10, text),
    }
}

fn take_digits(text: &[u8], radix: u8) -> Result<(u64, &[u8]), ParseError> {
    let mut number = 0u64;
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let Some(digit) = digit_value(first).filter(|&digit| digit < radix) else {
            break;
        };
        number = number
            .checked_mul(u64::from(radix))
            .and_then(|shifted| shifted.checked_add(u64::from(digit)))
            .ok_or(ParseError::Overflow)?;
        rest = after;
    }
    Ok((number, rest))
}

const fn digit_value(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(byte.wrapping_sub(b'a').wrapping_add(10)),
        b'A'..=b'F' => Some(byte.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}
