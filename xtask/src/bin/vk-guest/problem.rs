//! Why a check did not pass, and the words to say what it expected.

use std::fmt::{Debug, Display};

/// Why a check did not pass.
#[derive(Debug)]
pub(crate) enum Problem {
    /// It saw something else than expected.
    Failed {
        /// What it saw.
        seen: String,
        /// What it expected.
        expected: String,
    },
    /// It could not be run here.
    Skipped(String),
}

/// How a check ends.
pub(crate) type Outcome = Result<(), Problem>;

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed {
            seen: format!("{error:#}"),
            expected: "no error".to_owned(),
        }
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        anyhow::Error::from(error).into()
    }
}

/// Skips the check.
///
/// # Errors
///
/// Always: that is how a check is skipped.
pub(crate) fn skip(why: impl Into<String>) -> Outcome {
    Err(Problem::Skipped(why.into()))
}

/// Fails the check.
///
/// # Errors
///
/// Always: that is how a check fails.
pub(crate) fn fail(seen: impl Display, expected: impl Display) -> Outcome {
    Err(Problem::Failed {
        seen: seen.to_string(),
        expected: expected.to_string(),
    })
}

/// Expects `condition`; says what was `seen` and `expected` otherwise.
///
/// # Errors
///
/// The condition does not hold.
pub(crate) fn expect(condition: bool, seen: impl Display, expected: impl Display) -> Outcome {
    match condition {
        true => Ok(()),
        false => fail(seen, expected),
    }
}

/// Expects `what` to be `expected`.
///
/// # Errors
///
/// It is something else.
pub(crate) fn expect_eq<T: PartialEq + Debug>(what: &str, seen: T, expected: T) -> Outcome {
    expect(
        seen == expected,
        format!("{what} is {seen:?}"),
        format!("{expected:?}"),
    )
}

/// Expects `text` to contain `part`.
///
/// # Errors
///
/// It does not.
pub(crate) fn expect_contains(what: &str, text: &str, part: &str) -> Outcome {
    expect(
        text.contains(part),
        format!("{what} is {:?}", shortened(text)),
        format!("{part:?} in it"),
    )
}

fn shortened(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().rev().nth(400) {
        Some((start, _)) => format!("...{}", &text[start..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_was_seen_and_expected() {
        match expect_eq("the mode", 1, 2) {
            Err(Problem::Failed { seen, expected }) => {
                assert_eq!((seen.as_str(), expected.as_str()), ("the mode is 1", "2"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn passes_what_is_as_expected() {
        assert!(expect_eq("the mode", 2, 2).is_ok());
        assert!(expect_contains("the log", "a b c", "b").is_ok());
        assert!(expect_contains("the log", "a b c", "d").is_err());
    }
}
