//! What recounts may cost: who sits at the limit pays for few of them.

use std::time::Instant;

use anyhow::Result;

use crate::areas::overcommit::scouts::{holds, sent, stat, NoReserves};
use crate::demo::postgres::REFUSAL;
use crate::dmesg::KernelLog;
use crate::policy::{set, target};
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

/// The kernel's own line is limited to ten in five seconds, and so is ours.
pub(super) fn who_is_refused_does_not_fill_the_log() -> Outcome {
    const TIMES: usize = 1000;
    const BURST: u64 = 10;
    const EACH_S: u64 = 5;
    let _all = NoReserves::put()?;
    let mut scout = at_the_limit()?;
    let log = KernelLog::from_now()?;
    let begun = Instant::now();
    knocks(&mut scout, 16_384, TIMES)?;
    let most = BURST * (2 + begun.elapsed().as_secs() / EACH_S);
    let lines = log.lines()?;
    let count = lines.iter().filter(|line| line.contains(REFUSAL)).count() as u64;
    expect(
        count <= most,
        format!("{count} lines for {TIMES} refusals"),
        format!("{most} at most"),
    )
}

/// What is asked for fits both: mode 1, and mode 2 with the limit that is set with it.
pub(super) fn a_new_mode_and_its_limit_are_one_to_who_asks() -> Outcome {
    const ROUNDS: usize = 20;
    const TIMES: usize = 1000;
    const CHANGES: usize = 5;
    const EITHER: [&[(&str, &str)]; 2] = [
        &[
            ("vm.overcommit_memory", "1"),
            ("vm.overcommit_kbytes", "4096"),
        ],
        &[
            ("vm.overcommit_memory", "2"),
            ("vm.overcommit_kbytes", "1048576"),
        ],
    ];
    let _all = NoReserves::put()?;
    let mut scout = sent(EITHER[0])?;
    let ns = target(scout.namespace()?);
    let order = Order::Knock {
        pages: 4096,
        times: TIMES,
    };
    for round in 0..ROUNDS {
        scout.tell_to(&order)?;
        for change in 1..=CHANGES {
            set(&ns, EITHER[(round + change) % 2])?;
        }
        let granted = scout.report("knocking")?.unwrap_or_default();
        expect_eq("how many were granted", granted, TIMES.to_string())?;
    }
    Ok(())
}

/// Two tasks of one container, each of which holds its own mmap lock when it looks at the other's.
pub(super) fn two_who_recount_each_other_go_on() -> Outcome {
    const TIMES: usize = 3000;
    /// Both fit beside the other, and not twice: every other time is a recount.
    const PAGES: usize = 3000;
    const RECOUNTS: u64 = 100;
    let _all = NoReserves::put()?;
    let mut first = sent(LIMITED)?;
    let mut second = Scout::send()?;
    let ns = format!("/proc/{}/ns/pid", first.pid()?);
    second.does(&Order::Enter(ns))?;
    for scout in [&mut first, &mut second] {
        expect_eq("48 MiB", holds(scout, 48)?.as_str(), "ok")?;
    }
    let before = stat(&first, "recounts")?;
    let order = Order::Knock {
        pages: PAGES,
        times: TIMES,
    };
    first.tell_to(&order)?;
    second.tell_to(&order)?;
    for scout in [&mut first, &mut second] {
        let granted = scout.report("knocking")?.unwrap_or_default();
        expect(granted != "0", "nothing granted", "some")?;
    }
    let recounts = stat(&first, "recounts")? - before;
    expect(
        recounts > RECOUNTS,
        format!("{recounts} recounts"),
        format!("more than {RECOUNTS}"),
    )?;
    // What each was charged meanwhile is in no sum any more.
    expect_eq("20 MiB", holds(&mut first, 20)?.as_str(), "ok")
}
