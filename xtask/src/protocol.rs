//! The lines by which the guest tells xtask what it saw.

use std::fmt;

use crate::call_cost::CallCost;
use crate::measurement::Measurement;

/// One line of the guest's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A check held.
    Ok {
        /// `AREA/NAME`.
        name: String,
    },
    /// A check did not hold.
    Failed {
        /// `AREA/NAME`.
        name: String,
        /// What was seen, what was expected.
        why: String,
    },
    /// A check was not run.
    Skipped {
        /// `AREA/NAME`.
        name: String,
        /// Why not.
        why: String,
    },
    /// An area begins.
    Begin {
        /// Its name.
        area: String,
    },
    /// An area ends.
    End {
        /// Its name.
        area: String,
    },
    /// What the bench measured.
    Measured(Measurement),
    /// What `bench hook` measured.
    Cost(CallCost),
    /// Text for the reader.
    Say(String),
    /// The closing line.
    Verdict(Counts),
}

/// How many checks ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that held.
    pub passed: usize,
    /// Those that did not.
    pub failed: usize,
    /// Those that were not run.
    pub skipped: usize,
}

impl Counts {
    /// Counts `line`, if it is a check's.
    pub fn count(&mut self, line: &Line) {
        match line {
            Line::Ok { .. } => self.passed += 1,
            Line::Failed { .. } => self.failed += 1,
            Line::Skipped { .. } => self.skipped += 1,
            Line::Begin { .. }
            | Line::End { .. }
            | Line::Measured(_)
            | Line::Cost(_)
            | Line::Say(_)
            | Line::Verdict(_) => {}
        }
    }

    /// Adds another count.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok { name } => write!(f, "ok {name}"),
            Self::Failed { name, why } => write!(f, "FAILED {name}: {}", one_line(why)),
            Self::Skipped { name, why } => write!(f, "skipped {name}: {}", one_line(why)),
            Self::Begin { area } => write!(f, "begin {area}"),
            Self::End { area } => write!(f, "end {area}"),
            Self::Measured(measurement) => {
                let json = serde_json::to_string(measurement).map_err(|_| fmt::Error)?;
                write!(f, "measured {json}")
            }
            Self::Cost(cost) => {
                let json = serde_json::to_string(cost).map_err(|_| fmt::Error)?;
                write!(f, "cost {json}")
            }
            Self::Say(text) => write!(f, "say {}", one_line(text)),
            Self::Verdict(counts) => write!(f, "verdict {counts}"),
        }
    }
}

impl Line {
    /// Reads a line; none if it is not one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.to_owned();
        Some(match word {
            "ok" => Self::Ok { name: rest },
            "FAILED" => named(&rest, |name, why| Self::Failed { name, why })?,
            "skipped" => named(&rest, |name, why| Self::Skipped { name, why })?,
            "begin" => Self::Begin { area: rest },
            "end" => Self::End { area: rest },
            "measured" => Self::Measured(serde_json::from_str(&rest).ok()?),
            "cost" => Self::Cost(serde_json::from_str(&rest).ok()?),
            "say" => Self::Say(rest),
            "verdict" => Self::Verdict(counts(&rest)?),
            _ => return None,
        })
    }
}

fn named(rest: &str, make: impl FnOnce(String, String) -> Line) -> Option<Line> {
    let (name, why) = rest.split_once(": ")?;
    Some(make(name.to_owned(), why.to_owned()))
}

fn counts(text: &str) -> Option<Counts> {
    let mut numbers = text.split(", ").map(|part| part.split_once(' '));
    let mut next = |word: &str| match numbers.next()?? {
        (number, found) if found == word => number.parse().ok(),
        _ => None,
    };
    Some(Counts {
        passed: next("passed")?,
        failed: next("failed")?,
        skipped: next("skipped")?,
    })
}

fn one_line(text: &str) -> String {
    text.trim().replace('\n', " | ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call_cost::Way;
    use crate::measurement::{State, Workload};

    #[test]
    fn reads_what_it_writes() {
        let name = "host/values".to_owned();
        let why = "seen 1, expected 2".to_owned();
        let counts = Counts {
            passed: 1,
            failed: 2,
            skipped: 3,
        };
        let lines = [
            Line::Ok { name: name.clone() },
            Line::Failed {
                name: name.clone(),
                why: why.clone(),
            },
            Line::Skipped { name, why },
            Line::Begin {
                area: "host".to_owned(),
            },
            Line::Measured(Measurement {
                workload: Workload::Touch4k,
                state: State::ALL[6],
                samples: 1000,
                min: 1,
                median: 2,
                crossings: Vec::new(),
            }),
            Line::Cost(CallCost {
                way: Way::FtraceRegs,
                min: 1,
                median: 2,
            }),
            Line::Say(String::new()),
            Line::Say("a table".to_owned()),
            Line::Verdict(counts),
        ];
        for line in lines {
            assert_eq!(Line::parse(&line.to_string()), Some(line));
        }
    }

    #[test]
    fn refuses_what_is_none_of_its_lines() {
        assert_eq!(Line::parse("[    0.0] Linux version"), None);
        assert_eq!(Line::parse("verdict all well"), None);
        assert_eq!(Line::parse("FAILED without a reason"), None);
    }

    #[test]
    fn keeps_a_reason_on_one_line() {
        let line = Line::Failed {
            name: "a/b".to_owned(),
            why: "first\nsecond\n".to_owned(),
        };
        assert_eq!(line.to_string(), "FAILED a/b: first | second");
    }
}
