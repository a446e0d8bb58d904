//! How a selftest ended: its status, and each of its results.

use std::fmt;

use crate::program::Output;

/// The status by which a selftest says that it was skipped.
const SKIPPED: i32 = 4;

/// The end of one run.
#[derive(Clone, Debug)]
pub(crate) struct Digest {
    status: i32,
    /// What it said about its parts, in order; without what differs from run to run.
    parts: Vec<String>,
    /// Its last words.
    last: String,
}

impl Digest {
    /// Takes the results out of what a test printed.
    pub(crate) fn of(output: &Output) -> Self {
        let lines = output.stdout.lines().chain(output.stderr.lines());
        Self {
            status: output.status,
            parts: lines.filter_map(part).collect(),
            last: last_words(&output.stdout, &output.stderr),
        }
    }

    /// Tells whether the test as a whole succeeded.
    pub(crate) fn passed(&self) -> bool {
        self.status == 0
    }

    /// Tells whether both ended with the same results.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        (self.status, &self.parts) == (other.status, &other.parts)
    }

    /// Returns its last words.
    pub(crate) fn last(&self) -> &str {
        &self.last
    }

    /// Says how `other` ended differently.
    pub(crate) fn difference(&self, other: &Self) -> String {
        let only = |these: &Self, those: &Self| {
            let more = these
                .parts
                .iter()
                .filter(|part| !those.parts.contains(part));
            more.take(4).cloned().collect::<Vec<_>>().join(", ")
        };
        format!(
            "status {} and {}, only the first {:?}, only the second {:?}",
            self.status,
            other.status,
            only(self, other),
            only(other, self)
        )
    }

    fn count(&self, word: &str) -> usize {
        let is = |part: &&String| part.split(' ').next() == Some(word);
        self.parts.iter().filter(is).count()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.status {
            0 => "passed",
            SKIPPED => "skipped",
            _ => "failed",
        };
        let [ok, not, skip] = ["ok", "fail", "skip"].map(|word| self.count(word));
        f.pad(&format!("{word} ({ok} ok, {not} not, {skip} skipped)"))
    }
}

fn last_words(stdout: &str, stderr: &str) -> String {
    let last = |text: &str| {
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(3)..].join(" | ")
    };
    format!("{}; {}", last(stdout), last(stderr))
}

/// Returns the result that a line tells, in the form of TAP or in that of the older tests.
fn part(line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches("# ").trim();
    let tap = [("ok ", "ok"), ("not ok ", "fail")];
    for (start, word) in tap {
        if let Some(rest) = line.strip_prefix(start) {
            let number = rest.split(' ').next()?;
            number.parse::<u32>().ok()?;
            let word = if rest.contains("# SKIP") {
                "skip"
            } else {
                word
            };
            return Some(format!("{word} {number}"));
        }
    }
    let old = [("OK", "ok"), ("Fail", "fail"), ("Skip", "skip")];
    old.into_iter().find_map(|(end, word)| {
        let name = line.strip_suffix(end)?.trim_end_matches(['.', ' ', ':']);
        Some(format!("{word} {name}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(stdout: &str) -> Digest {
        Digest::of(&Output {
            status: 0,
            stdout: stdout.to_owned(),
            stderr: String::new(),
        })
    }

    #[test]
    fn reads_tap() {
        let text = "TAP version 13\n1..3\nok 1 at 0x7f00\nnot ok 2 b\nok 3 # SKIP c\n# ok 1 sub\n";
        let expected = ["ok 1", "fail 2", "skip 3", "ok 1"];
        assert_eq!(digest(text).parts, expected);
    }

    #[test]
    fn reads_what_the_older_tests_say() {
        let text = "Run test: collapse_full (khugepaged:anon)\nCollapse the table.... OK\n\
                    Check again... Fail\n";
        assert_eq!(
            digest(text).parts,
            ["ok Collapse the table", "fail Check again"]
        );
    }

    #[test]
    fn tells_runs_apart_by_their_results() {
        assert!(digest("ok 1 at 0x1\n").agrees(&digest("ok 1 at 0x2\n")));
        assert!(!digest("ok 1 a\n").agrees(&digest("not ok 1 a\n")));
        assert!(!digest("ok 1 a\n").agrees(&digest("ok 1 a\nok 2 b\n")));
    }
}
