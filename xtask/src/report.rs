//! The lines that `test` prints, and their sum.

use std::process::ExitCode;
use std::time::Instant;

use xtask::call_cost::CallCost;
use xtask::measurement::Measurement;
use xtask::protocol::{Counts, Line};

/// A report in progress.
#[derive(Default)]
pub(crate) struct Report {
    counts: Counts,
    area: Option<(String, Instant)>,
    begun: Vec<String>,
    passed: Vec<String>,
    measurements: Vec<Measurement>,
    costs: Vec<CallCost>,
}

impl Report {
    /// Returns the sum so far.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Prints and counts that the check `name` held.
    pub(crate) fn ok(&mut self, name: impl Into<String>) {
        self.take(Line::Ok { name: name.into() });
    }

    /// Prints and counts that the check `name` did not hold.
    pub(crate) fn failed(&mut self, name: impl Into<String>, why: impl Into<String>) {
        self.take(Line::Failed {
            name: name.into(),
            why: why.into(),
        });
    }

    /// Prints and counts that the check `name` was not run.
    pub(crate) fn skipped(&mut self, name: impl Into<String>, why: impl Into<String>) {
        self.take(Line::Skipped {
            name: name.into(),
            why: why.into(),
        });
    }

    /// Tells whether the check `name` held.
    pub(crate) fn has_passed(&self, name: &str) -> bool {
        self.passed.iter().any(|passed| passed == name)
    }

    /// Marks the begin of an area, whose time is printed at its end.
    pub(crate) fn begin(&mut self, area: &str) {
        self.area = Some((area.to_owned(), Instant::now()));
        self.begun.push(area.to_owned());
    }

    /// Tells whether an area has begun.
    pub(crate) fn has_begun(&self, area: &str) -> bool {
        self.begun.iter().any(|begun| begun == area)
    }

    /// Prints how long the area took.
    pub(crate) fn end(&mut self) {
        if let Some((area, started)) = self.area.take() {
            println!("time {area} {:.1} s", started.elapsed().as_secs_f64());
        }
    }

    /// Returns the area that has begun and not ended.
    pub(crate) fn open_area(&self) -> Option<&str> {
        self.area.as_ref().map(|(area, _)| area.as_str())
    }

    /// Prints and counts a line of the guest.
    pub(crate) fn take(&mut self, line: Line) {
        self.counts.count(&line);
        match line {
            Line::Begin { area } => self.begin(&area),
            Line::End { .. } => self.end(),
            Line::Measured(measurement) => self.measurements.push(measurement),
            Line::Cost(cost) => self.costs.push(cost),
            Line::Say(text) => println!("{text}"),
            Line::Verdict(_) => {}
            check => {
                println!("{check}");
                if let Line::Ok { name } = check {
                    self.passed.push(name);
                }
            }
        }
    }

    /// Adds what another report, whose lines are printed, has.
    pub(crate) fn add(&mut self, other: Self) {
        self.counts.add(other.counts);
        self.begun.extend(other.begun);
        self.passed.extend(other.passed);
        self.measurements.extend(other.measurements);
        self.costs.extend(other.costs);
    }

    /// Returns what the bench measured.
    pub(crate) fn into_measurements(self) -> Vec<Measurement> {
        self.measurements
    }

    /// Returns what `bench hook` measured.
    pub(crate) fn into_costs(self) -> Vec<CallCost> {
        self.costs
    }

    /// Prints the sum and returns the status that goes with it.
    pub(crate) fn close(self) -> ExitCode {
        println!("{}", self.counts);
        match self.counts.failed {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}
