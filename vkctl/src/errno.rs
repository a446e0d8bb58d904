//! Names of error numbers, as the kernel's headers spell them.

/// The names used here and by the module; the numbers are those of x86-64.
const NAMES: &[(i32, &str)] = &[
    (1, "EPERM"),
    (2, "ENOENT"),
    (3, "ESRCH"),
    (4, "EINTR"),
    (5, "EIO"),
    (6, "ENXIO"),
    (7, "E2BIG"),
    (9, "EBADF"),
    (11, "EAGAIN"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (14, "EFAULT"),
    (16, "EBUSY"),
    (17, "EEXIST"),
    (19, "ENODEV"),
    (20, "ENOTDIR"),
    (21, "EISDIR"),
    (22, "EINVAL"),
    (24, "EMFILE"),
    (25, "ENOTTY"),
    (27, "EFBIG"),
    (28, "ENOSPC"),
    (30, "EROFS"),
    (32, "EPIPE"),
    (34, "ERANGE"),
    (38, "ENOSYS"),
    (71, "EPROTO"),
    (74, "EBADMSG"),
    (76, "ENOTUNIQ"),
    (90, "EMSGSIZE"),
    (93, "EPROTONOSUPPORT"),
    (95, "EOPNOTSUPP"),
    (110, "ETIMEDOUT"),
    (116, "ESTALE"),
];

/// Returns the name of an operating system error: `EBUSY`, or `E999` for one without a name here.
pub(crate) fn name(error: &std::io::Error) -> String {
    let Some(number) = error.raw_os_error() else {
        return "EIO".to_owned();
    };
    let known = NAMES.iter().find(|(n, _)| *n == number);
    known.map_or_else(|| format!("E{number}"), |(_, name)| (*name).to_owned())
}

/// Tells whether `word` looks like the name of an error number.
pub(crate) fn is_name(word: &str) -> bool {
    let tail = word.strip_prefix('E').unwrap_or("");
    !tail.is_empty()
        && tail
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Error;

    #[test]
    fn names_what_the_system_says() {
        assert_eq!(name(&Error::from_raw_os_error(16)), "EBUSY");
        assert_eq!(name(&Error::from_raw_os_error(999)), "E999");
    }

    #[test]
    fn tells_names_from_words() {
        assert!(is_name("EINVAL") && is_name("E2BIG"));
        assert!(!is_name("E") && !is_name("Error") && !is_name("INVAL") && !is_name(""));
    }
}
