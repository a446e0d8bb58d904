//! White space as `isspace()` in include/linux/ctype.h knows it.

/// Tells whether the kernel skips `byte` around a number: ASCII white space, and 0xa0, which
/// Latin-1 has as a non-breaking space.
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ' | 0xa0)
}

/// Tells whether `byte` may follow a number directly, which is a shorter list.
pub(crate) const fn ends_number(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n')
}

/// Returns `bytes` without the white space in front.
pub(crate) fn skip_spaces(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        if !is_space(first) {
            break;
        }
        rest = after;
    }
    rest
}
