//! The rest of the machine, which must be quiet while something is measured.

use std::collections::HashMap;
use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{bail, Result};

/// How long nobody else may run much.
const SPAN: Duration = Duration::from_secs(1);

/// How much a task may run in that time.
const LIMIT_NS: u64 = 100_000;

/// How often to look before giving up.
const TRIES: usize = 300;

/// Waits until no other task gains more than 0.1 ms in a second.
///
/// # Errors
///
/// Some task does not come to rest: the error names it.
pub(super) fn wait() -> Result<()> {
    let mut before = run_times();
    let mut busy = Vec::new();
    for _ in 0..TRIES {
        thread::sleep(SPAN);
        let now = run_times();
        busy = others_that_ran(&before, &now);
        if busy.is_empty() {
            return Ok(());
        }
        before = now;
    }
    let named: Vec<String> = busy.iter().map(|pid| name_of(*pid)).collect();
    bail!("the machine does not come to rest: {}", named.join(" "))
}

/// Returns the run time of every task, in nanoseconds.
fn run_times() -> HashMap<u32, u64> {
    let tasks = tids().into_iter();
    tasks
        .filter_map(|tid| Some((tid, run_time(tid)?)))
        .collect()
}

fn tids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .flat_map(threads_of)
        .collect()
}

fn threads_of(pid: u32) -> Vec<u32> {
    let dir = fs::read_dir(format!("/proc/{pid}/task"));
    let entries = dir.into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Reads the first number of `/proc/TID/schedstat`.
fn run_time(tid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{tid}/schedstat")).ok()?;
    text.split_whitespace().next()?.parse().ok()
}

fn others_that_ran(before: &HashMap<u32, u64>, now: &HashMap<u32, u64>) -> Vec<u32> {
    let ran = |tid: &u32, time: &u64| {
        let gained = time.saturating_sub(before.get(tid).copied().unwrap_or(0));
        *tid != std::process::id() && gained > LIMIT_NS
    };
    let busy = now.iter().filter(|(tid, time)| ran(tid, time));
    busy.map(|(tid, _)| *tid).collect()
}

fn name_of(tid: u32) -> String {
    let comm = fs::read_to_string(format!("/proc/{tid}/comm")).unwrap_or_default();
    format!("{}({tid})", comm.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_those_who_ran_more_than_the_limit() {
        let before = HashMap::from([(1_000_001, 5), (1_000_002, 5)]);
        let now = HashMap::from([
            (1_000_001, 5 + LIMIT_NS),
            (1_000_002, 6 + LIMIT_NS),
            (1_000_003, 7),
        ]);
        assert_eq!(others_that_ran(&before, &now), [1_000_002]);
    }

    #[test]
    fn overlooks_the_one_who_looks() {
        let own = std::process::id();
        let now = HashMap::from([(own, 2 * LIMIT_NS)]);
        assert!(others_that_ran(&HashMap::new(), &now).is_empty());
    }
}
