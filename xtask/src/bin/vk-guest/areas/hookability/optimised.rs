//! Where the kernel itself puts jumps over several instructions: kprobes that it optimises.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use xtask::verdict::{Verdict, YES};

use super::Report;
use crate::problem::{expect, Outcome};

const EVENTS: &str = "/sys/kernel/tracing/kprobe_events";
const ENABLE: &str = "/sys/kernel/tracing/events/vk/enable";
const LIST: &str = "/sys/kernel/debug/kprobes/list";

/// How many functions that back end P can take get a probe.
const TAKEN: usize = 120;

/// How many functions get one for each reason why back end P cannot.
const REFUSED: usize = 12;

/// Probes behind ftrace's site; gone when it is let go.
struct Probes;

impl Probes {
    /// Puts a probe on each, where the kernel lets it, and waits for what it makes of them.
    fn on(verdicts: &[&Verdict]) -> Result<Self> {
        let this = Self;
        for (nth, verdict) in verdicts.iter().enumerate() {
            let place = format!("{}+{}", verdict.symbol, place(verdict));
            // The kernel refuses some places: then there is nothing in its list.
            let _ = add(&format!("p:vk/at_{nth} {place}\n"));
        }
        fs::write(ENABLE, "1").context("cannot enable the probes")?;
        Ok(this)
    }

    /// Returns how many probes have become jumps, when no more do.
    fn jumps(&self) -> Result<BTreeSet<String>> {
        let mut last = BTreeSet::new();
        // Each round of the optimiser waits for all tasks.
        for _ in 0..60 {
            sleep(Duration::from_millis(500));
            let now = optimised()?;
            if !now.is_empty() && now == last {
                return Ok(now);
            }
            last = now;
        }
        Ok(last)
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        if let Err(error) = fs::write(ENABLE, "0").and(fs::write(EVENTS, "")) {
            eprintln!("vk-guest: {error}");
        }
    }
}

fn add(line: &str) -> Result<()> {
    let mut file = OpenOptions::new().append(true).open(EVENTS)?;
    Ok(file.write_all(line.as_bytes())?)
}

/// The offset of what is behind `endbr64` and ftrace's site.
fn place(verdict: &Verdict) -> u64 {
    verdict.site.map_or(0, |site| site + 5)
}

/// The places, as `SYMBOL+OFFSET`, where the list says so: `ADDRESS  k  SYMBOL+0x9  [OPTIMIZED]`.
fn optimised() -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(LIST)?;
    let lines = text.lines().filter(|line| line.contains("[OPTIMIZED]"));
    let places = lines.filter_map(|line| line.split_whitespace().nth(2));
    Ok(places.map(str::to_owned).collect())
}

/// Whether a probe's jump is right where a hook's is not.
fn may_be_probed(verdict: &Verdict) -> bool {
    // A branch to the first byte is one more hit of the probe; a hook is for calls.
    let is_loop = verdict
        .p_why
        .contains(&format!("to +{:#x} ", place(verdict)));
    // A copy of `ret` returns; a trampoline has none, so that return thunks need not be thought of.
    let is_return = verdict.p == "return";
    // In a running kernel they are what the processor made of them; in its file they are not yet.
    is_loop || is_return || verdict.p == "alternative"
}

/// Every so-manieth of `all`, `count` of them.
fn some<'v>(all: &[&'v Verdict], count: usize) -> Vec<&'v Verdict> {
    let step = (all.len() / count).max(1);
    all.iter().step_by(step).take(count).copied().collect()
}

pub(super) fn kprobes_put_jumps_where_back_end_p_can() -> Outcome {
    let report = Report::get()?;
    let traced = report.verdicts.iter().filter(|it| it.f == YES);
    let (taken, refused): (Vec<_>, Vec<_>) = traced.partition(|it| it.p == YES);
    let mut wanted = some(&taken, TAKEN);
    let reasons: BTreeSet<&str> = refused.iter().map(|it| it.p.as_str()).collect();
    for reason in reasons {
        let of_it: Vec<_> = refused
            .iter()
            .filter(|it| it.p == reason)
            .copied()
            .collect();
        wanted.extend(some(&of_it, REFUSED));
    }
    let probes = Probes::on(&wanted)?;
    let jumps = probes.jumps()?;
    let has_jump = |it: &&&Verdict| jumps.contains(&format!("{}+{:#x}", it.symbol, place(it)));
    let against: Vec<String> = wanted
        .iter()
        .filter(|it| it.p != YES && !may_be_probed(it))
        .filter(has_jump)
        .map(|it| format!("{}: {}", it.symbol, it.p_why))
        .collect();
    let agreed = wanted
        .iter()
        .filter(|it| it.p == YES)
        .filter(has_jump)
        .count();
    println!(
        "vk-guest: probes on {}, jumps {}, agreed {agreed}",
        wanted.len(),
        jumps.len()
    );
    expect(
        against.is_empty(),
        format!("{against:?}"),
        "no jump where P refuses",
    )?;
    expect(
        agreed >= TAKEN / 2,
        agreed,
        "jumps in half of what P can take",
    )
}
