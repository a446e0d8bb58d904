//! Text as the files in sysfs take it.

use crate::ParseError;

/// Tells whether `written` is `word`, as `sysfs_streq()` in lib/string_helpers.c sees it.
///
/// Text ends at the first NUL, and one newline at its end does not count.
pub(crate) fn is_word(written: &[u8], word: &str) -> bool {
    without_newline(until_nul(written)) == word.as_bytes()
}

/// Returns what a C string in `bytes` has.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Reads a decimal number as `kstrtoul()` in lib/kstrtox.c does with base 10.
///
/// One `+` before it and one newline behind it are allowed; white space is not.
pub(crate) fn unsigned(written: &[u8]) -> Result<u64, ParseError> {
    let text = until_nul(written);
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let (digits, rest) = split_digits(text);
    // The kernel reports a number that is too large before it looks at what follows.
    let number = value(digits)?;
    if digits.is_empty() || !without_newline(rest).is_empty() {
        return Err(ParseError::NotASwitch);
    }
    Ok(number)
}

fn without_newline(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\n").unwrap_or(text)
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let is_other = |byte: &u8| !byte.is_ascii_digit();
    let len = text.iter().position(is_other).unwrap_or(text.len());
    text.split_at_checked(len).unwrap_or((text, &[]))
}

fn value(digits: &[u8]) -> Result<u64, ParseError> {
    let mut number = 0u64;
    for digit in digits {
        number = number
            .checked_mul(10)
            .and_then(|tens| tens.checked_add(u64::from(digit.wrapping_sub(b'0'))))
            .ok_or(ParseError::OutOfRange)?;
    }
    Ok(number)
}
