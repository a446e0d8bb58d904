//! What recounts may cost: who sits at the limit pays for few of them.

use std::time::Instant;

use anyhow::Result;

use crate::areas::overcommit::scouts::{holds, sent, stat, NoReserves};
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::{Order, Scout};

/// A limit of 128 MiB, of which 100 are held: some 7,000 pages are left.
const LIMITED: &[(&str, &str)] = &[
    ("vm.overcommit_memory", "2"),
    ("vm.overcommit_kbytes", "131072"),
];

/// How many recounts in a row may end in refusals, and how many milliseconds each is for after that.
const BURST: u64 = 16;
const EACH_MS: u64 = 10;

/// Those that reading the counters and sitting down come to.
const OURS: u64 = 4;

fn at_the_limit() -> Result<Scout> {
    let mut scout = sent(LIMITED)?;
    let held = holds(&mut scout, 98)?;
    anyhow::ensure!(held == "ok", "98 MiB: {held}");
    Ok(scout)
}

/// Lets it map and unmap; returns how often it could, and how many recounts there were.
fn knocks(scout: &mut Scout, pages: usize, times: usize) -> Result<(usize, u64)> {
    let before = stat(scout, "recounts")?;
    let granted = scout.does(&Order::Knock { pages, times })?.parse()?;
    Ok((granted, stat(scout, "recounts")? - before))
}

pub(super) fn who_is_refused_pays_for_few_recounts() -> Outcome {
    const TIMES: usize = 20_000;
    let _all = NoReserves::put()?;
    let mut scout = at_the_limit()?;
    let begun = Instant::now();
    let (granted, recounts) = knocks(&mut scout, 16_384, TIMES)?;
    let most = OURS + BURST + begun.elapsed().as_millis() as u64 / EACH_MS;
    expect_eq("how many of 64 MiB were granted", granted, 0)?;
    expect(recounts > 0, "no recount", "at least one")?;
    let seen = format!("{recounts} recounts for {TIMES} refusals");
    expect(recounts <= most, seen, format!("{most} at most"))
}

/// What is granted moves the estimate up by what was asked for: the next recount is not before all that
/// is left was asked for again.
pub(super) fn who_is_granted_pays_for_few_recounts() -> Outcome {
    const TIMES: usize = 20_000;
    /// A quarter of what is left, at least.
    const PAGES: u64 = 1500;
    let _all = NoReserves::put()?;
    let mut scout = at_the_limit()?;
    let (granted, recounts) = knocks(&mut scout, 1, TIMES)?;
    expect_eq("how many pages were granted", granted, TIMES)?;
    let most = OURS + TIMES as u64 / PAGES;
    let seen = format!("{recounts} recounts for {TIMES} pages");
    expect(
        (1..=most).contains(&recounts),
        seen,
        format!("{most} at most"),
    )
}
