//! `bench hook`: one call of a function, diverted by us and by everybody else, in one table.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use serde_json::{json, Value};
use xtask::call_cost::{CallCost, Outcome, Way};
use xtask::request::Request;

use super::{APPEND, RUNS};
use crate::guest::Guest;
use crate::lab::Lab;
use crate::module::Module;
use crate::payload::Payload;
use crate::qemu::Accel;
use crate::report::Report;
use crate::step::step;

/// How long one boot may take.
const LIMIT: Duration = Duration::from_secs(900);

/// Measures and prints the results.
///
/// Fails when two runs do not agree, one of ours is beyond its goal, or some other way is cheaper.
///
/// # Errors
///
/// The lab cannot be made, or the guest fails.
pub(crate) fn run(is_once: bool, is_json: bool) -> Result<ExitCode> {
    let lab = Lab::prepare()?;
    let mut payload = lab.payload()?;
    lab.add_module(&mut payload, None)?;
    let object = Module::Bench.build(&lab.cache, Some(&lab.root), &lab.kdir()?)?;
    payload.add("vk_bench.ko", object)?;
    let mut guest = lab.guest(None)?;
    guest.accel = Accel::Icount;
    guest.append = APPEND.to_owned();
    let count = if is_once { 1 } else { RUNS };
    let runs = (1..=count).map(|number| boot(&lab, &guest, &payload, number));
    let runs: Vec<Table> = runs.collect::<Result<_>>()?;
    let first = runs.first().context("no run")?;
    let complaints = complaints(&runs)?;
    if is_json {
        println!("{:#}", first.json(&lab.release.name, &complaints)?);
    } else {
        first.print()?;
        match (runs.len(), complaints.as_slice()) {
            (1, []) => println!("one run: nothing to compare; every goal met"),
            (_, []) => println!("{RUNS} runs agree to the instruction; every goal met"),
            (_, lines) => lines.iter().for_each(|line| println!("{line}")),
        }
    }
    Ok(match complaints.as_slice() {
        [] => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn boot(lab: &Lab, guest: &Guest, payload: &Payload, number: usize) -> Result<Table> {
    let name = format!("bench hook run {number}");
    let console = lab.cache.logs().join("bench-hook-console.log");
    let advice = "see the console's log beside this step's";
    step(&lab.cache.logs(), &name, advice, |_| {
        let mut report = Report::default();
        let ended = guest.run(payload, &Request::BenchHook, &console, LIMIT, &mut report)?;
        let has_failed = report.counts().failed > 0;
        ensure!(
            ended && !has_failed,
            "the guest failed: its lines are above"
        );
        Ok(Table(report.into_costs()))
    })
}

/// What one boot measured.
struct Table(Vec<CallCost>);

impl Table {
    fn find(&self, way: Way) -> Result<&CallCost> {
        let found = self.0.iter().find(|cost| cost.way == way);
        found.with_context(|| format!("{way} was not measured"))
    }

    /// Returns how much more than a plain call it costs.
    fn more(&self, way: Way) -> Result<i64> {
        let (plain, it) = (self.find(Way::Plain)?.min, self.find(way)?.min);
        Ok(it as i64 - plain as i64)
    }

    fn print(&self) -> Result<()> {
        println!(
            "{}",
            row(
                "one call of a function of 14",
                "min",
                "median",
                "more",
                "goal"
            )
        );
        for way in Way::ALL {
            let cost = self.find(*way)?;
            let goal = way.goal().map_or_else(String::new, |goal| goal.to_string());
            let numbers = [cost.min.to_string(), cost.median.to_string()];
            let more = self.more(*way)?.to_string();
            println!(
                "{}",
                row(way.name(), &numbers[0], &numbers[1], &more, &goal)
            );
        }
        Ok(())
    }

    fn json(&self, kernel: &str, complaints: &[String]) -> Result<Value> {
        let way = |way: &Way| -> Result<Value> {
            let cost = self.find(*way)?;
            Ok(json!({
                "way": way,
                "name": way.name(),
                "ours": way.is_ours(),
                "function_runs": way.outcome() == Outcome::Runs,
                "min": cost.min,
                "median": cost.median,
                "more": self.more(*way)?,
                "goal": way.goal(),
            }))
        };
        let ways: Vec<Value> = Way::ALL.iter().map(way).collect::<Result<_>>()?;
        Ok(json!({
            "version": 1,
            "unit": "instructions",
            "kernel": kernel,
            "ways": ways,
            "complaints": complaints,
        }))
    }
}

fn row(name: &str, min: &str, median: &str, more: &str, goal: &str) -> String {
    let text = format!("{name:<30} {min:>6} {median:>7} {more:>6} {goal:>5}");
    text.trim_end().to_owned()
}

/// Returns a line about each disagreement of two runs, each goal that is missed, and each way of
/// others that is cheaper than one of ours which comes to the same.
fn complaints(runs: &[Table]) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    let (first, others) = runs.split_first().context("no run")?;
    for other in others {
        for cost in &first.0 {
            let again = other.find(cost.way)?;
            if cost != again {
                let (way, one, two) = (cost.way, cost.min, again.min);
                let medians = format!("medians {} and {}", cost.median, again.median);
                lines.push(format!("{way}: minima {one} and {two}, {medians}"));
            }
        }
    }
    for ours in Way::ALL.iter().filter(|way| way.is_ours()) {
        let more = first.more(*ours)?;
        if ours.goal().is_some_and(|goal| more > goal) {
            lines.push(format!(
                "{ours}: {more} more than a plain call, beyond the goal"
            ));
        }
        for other in Way::ALL.iter().filter(|way| is_rival(*ours, **way)) {
            if first.more(*other)? <= more {
                lines.push(format!("{other} costs no more than {ours}"));
            }
        }
    }
    Ok(lines)
}

fn is_rival(ours: Way, other: Way) -> bool {
    other != Way::Plain && !other.is_ours() && other.outcome() == ours.outcome()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plain call of 20; ours cost as much more as said, everything else 100 more.
    fn table(pass: u64, rust: u64) -> Table {
        let cost = |way: &Way| {
            let more = match way {
                Way::Plain => 0,
                Way::OursFtracePass => pass,
                Way::OursFtraceRust => rust,
                // Always content: the sums below are those of one back end.
                Way::OursInlinePass | Way::OursInlineRust => 1,
                _ => 100,
            };
            let (way, min) = (*way, 20 + more);
            let median = min;
            CallCost { way, min, median }
        };
        Table(Way::ALL.iter().map(cost).collect())
    }

    #[test]
    fn is_content_with_what_is_below_all_others() -> Result<()> {
        assert_eq!(complaints(&[table(9, 30), table(9, 30)])?, [""; 0]);
        Ok(())
    }

    #[test]
    fn names_each_run_that_disagrees() -> Result<()> {
        assert_eq!(complaints(&[table(9, 30), table(9, 31)])?.len(), 1);
        Ok(())
    }

    #[test]
    fn names_goals_that_are_missed() -> Result<()> {
        assert_eq!(complaints(&[table(11, 30)])?.len(), 1);
        Ok(())
    }

    #[test]
    fn names_every_cheaper_way_that_comes_to_the_same() -> Result<()> {
        // Beyond the goal too; two others answer for the function.
        assert_eq!(complaints(&[table(9, 121)])?.len(), 3);
        Ok(())
    }
}
