//! Whether two runs agree: equal minima, and medians within 0.05 %.
//!
//! Of a workload that sleeps only the medians are compared, within 0.25 %: what it costs depends
//! on how full many of the kernel's caches are, which no boot leaves as another. Of one that takes
//! huge pages the minima may differ by 0.01 %: a level more of the page allocator's free lists.

use xtask::measurement::{Measurement, Workload};

use super::Run;

/// The share of a median by which another may differ, as a divisor: 0.05 %.
const DIVISOR: u64 = 2000;
/// The same for a workload that sleeps: 0.25 %.
const SLEEPERS_DIVISOR: u64 = 400;
/// The share of the minimum by which another may differ where huge pages are taken: 0.01 %.
const HUGE_PAGES_DIVISOR: u64 = 10_000;

/// Returns a line about each measurement on which the runs do not agree with the first.
pub(super) fn disagreements(runs: &[Run]) -> Vec<String> {
    let Some((first, others)) = runs.split_first() else {
        return Vec::new();
    };
    let pairs = others.iter().flat_map(|run| {
        let find = |one: &Measurement| run.find(one.workload, one.state).cloned();
        first.0.iter().map(move |one| (one, find(one)))
    });
    pairs
        .filter(|(one, other)| !other.as_ref().is_some_and(|other| agree(one, other)))
        .map(|(one, other)| line(one, other.as_ref()))
        .collect()
}

/// Prints whether the runs agree.
pub(super) fn print(runs: &[Run], disagreements: &[String]) {
    match (runs.len(), disagreements) {
        (0 | 1, _) => println!("one run: nothing to compare"),
        (_, []) => println!(
            "two runs agree: minima equal (of touch-2m within 0.01 %), medians within 0.05 % (of fork-exit medians only, within 0.25 %)"
        ),
        (_, lines) => {
            println!("two runs do not agree:");
            lines.iter().for_each(|line| println!("  {line}"));
        }
    }
}

fn agree(one: &Measurement, other: &Measurement) -> bool {
    let is_near = |divisor| is_near(one.median, other.median, divisor);
    if one.workload.sleeps() {
        return is_near(SLEEPERS_DIVISOR);
    }
    have_one_minimum(one, other) && is_near(DIVISOR)
}

fn have_one_minimum(one: &Measurement, other: &Measurement) -> bool {
    match one.workload {
        Workload::Touch2m => is_near(one.min, other.min, HUGE_PAGES_DIVISOR),
        _ => one.min == other.min,
    }
}

fn is_near(one: u64, other: u64, divisor: u64) -> bool {
    one.abs_diff(other).saturating_mul(divisor) <= one
}

fn line(one: &Measurement, other: Option<&Measurement>) -> String {
    let what = format!("{} as {}", one.workload.name(), one.state);
    let numbers = |it: &Measurement| format!("min {} median {}", it.min, it.median);
    match other {
        Some(other) => format!("{what}: {}, then {}", numbers(one), numbers(other)),
        None => format!("{what}: {}, then nothing", numbers(one)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask::measurement::State;

    fn run(min: u64, median: u64) -> Run {
        run_of(Workload::Getpid, min, median)
    }

    fn run_of(workload: Workload, min: u64, median: u64) -> Run {
        Run(vec![Measurement {
            workload,
            state: State::ALL[0],
            samples: 1000,
            min,
            median,
            crossings: Vec::new(),
        }])
    }

    #[test]
    fn minima_must_be_equal() {
        assert!(disagreements(&[run(100, 100), run(100, 100)]).is_empty());
        assert_eq!(disagreements(&[run(100, 100), run(101, 100)]).len(), 1);
    }

    #[test]
    fn minima_of_huge_pages_may_differ_by_a_ten_thousandth() {
        let run = |min| run_of(Workload::Touch2m, min, 200_000);
        assert!(disagreements(&[run(200_000), run(200_020)]).is_empty());
        assert_eq!(disagreements(&[run(200_000), run(200_021)]).len(), 1);
    }

    #[test]
    fn medians_may_differ_by_a_two_thousandth() {
        assert!(disagreements(&[run(1, 20_000), run(1, 20_010)]).is_empty());
        assert_eq!(disagreements(&[run(1, 20_000), run(1, 20_011)]).len(), 1);
        assert_eq!(disagreements(&[run(1, 20_000), run(1, 19_989)]).len(), 1);
    }

    #[test]
    fn of_a_workload_that_sleeps_the_medians_are_compared() {
        let run = |min, median| run_of(Workload::ForkExit, min, median);
        assert!(disagreements(&[run(1, 10_000), run(2, 10_025)]).is_empty());
        assert_eq!(disagreements(&[run(1, 10_000), run(1, 10_026)]).len(), 1);
    }

    #[test]
    fn a_missing_measurement_is_a_disagreement() {
        assert_eq!(disagreements(&[run(1, 1), Run(Vec::new())]).len(), 1);
    }

    #[test]
    fn one_run_has_nothing_to_disagree_with() {
        assert!(disagreements(&[run(1, 1)]).is_empty());
    }
}
