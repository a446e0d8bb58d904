//! Strings as sysfs compares them.

/// Tells whether `written` is `word`, as `sysfs_streq()` in lib/string_helpers.c sees it.
///
/// Text ends at the first NUL, and one newline at its end does not count.
pub(crate) fn is_word(written: &[u8], word: &str) -> bool {
    let text = until_nul(written);
    text.strip_suffix(b"\n").unwrap_or(text) == word.as_bytes()
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}
