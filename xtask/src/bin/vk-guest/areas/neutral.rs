//! A policy that says what the host says changes nothing: random sequences of mappings, faults and
//! advice, without the module and with it.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::area::{checks, Area, Module};
use crate::container::wait_until;
use crate::khugepaged;
use crate::module;
use crate::policy::{is_armed, set, target};
use crate::problem::{expect, expect_eq, fail, Outcome};
use crate::scout::{Order, Scout};
use crate::setting::{Setting, THP};

/// The area.
pub(crate) const AREA: Area = Area {
    name: "neutral",
    module: Module::Out,
    checks: checks![
        sequences_under_madvise_end_as_without_the_module,
        sequences_under_always_end_as_without_the_module,
        sequences_under_never_end_as_without_the_module,
    ],
};

/// How many sequences each check does, and how many at an order. (`torture neutral` does 10,000.)
const COUNT: u64 = 40;
const CHUNK: u64 = 10;

/// How long taking the module out may take.
const UNLOAD_LIMIT: Duration = Duration::from_secs(30);

/// What the machine counts that sequences change. (Not the huge zero page: there is one for all, and
/// who comes first makes it.)
const COUNTERS: &[&str] = &[
    "thp_fault_alloc",
    "thp_fault_fallback",
    "thp_collapse_alloc",
    "thp_split_pmd",
];

fn sequences_under_madvise_end_as_without_the_module() -> Outcome {
    ends_as_without_the_module("madvise", 0, COUNT)
}

fn sequences_under_always_end_as_without_the_module() -> Outcome {
    ends_as_without_the_module("always", 1 << 32, COUNT)
}

fn sequences_under_never_end_as_without_the_module() -> Outcome {
    ends_as_without_the_module("never", 2 << 32, COUNT)
}

/// Does `count` sequences from the seed `first` on under the host's `word`, twice.
pub(crate) fn ends_as_without_the_module(word: &str, first: u64, count: u64) -> Outcome {
    let _thp = Setting::put(THP, word)?;
    // A third hand in the same memory, which comes by when it likes.
    let _rest = khugepaged::rest()?;
    let scans = khugepaged::full_scans()?;
    let [without, with] = both(first, count, word)?;
    expect_eq("scans of khugepaged", khugepaged::full_scans()?, scans)?;
    expect_eq("how many were compared", with.told.len() as u64, count)?;
    let pairs = without.told.iter().zip(&with.told);
    let differ = (first..).zip(pairs).filter(|(_, (a, b))| a != b);
    let seeds: Vec<_> = differ.map(|(seed, _)| seed).collect();
    for seed in &seeds {
        ends_alike_at_last(*seed, word)?;
    }
    let seen = format!("{seeds:?} ended otherwise once");
    expect(seeds.len() <= 1, seen, "one of them at most")?;
    match seeds.is_empty() {
        true => counters_are_the_same(&without, &with),
        false => Ok(()),
    }
}

/// Does one sequence again. Two processors are at it, and the kernel itself ends some of them
/// otherwise once in thousands of times: what the module does is done again.
fn ends_alike_at_last(seed: u64, word: &str) -> Outcome {
    let [without, with] = both(seed, 1, word)?;
    for (without, with) in without.told.iter().zip(&with.told) {
        if without != with {
            let mut lines = without.lines().zip(with.lines());
            let line = lines.find(|(without, with)| without != with);
            let (without, with) = line.unwrap_or(("fewer lines", "or more"));
            return fail(format!("sequence {seed}: {with}"), without);
        }
    }
    Ok(())
}

fn counters_are_the_same(without: &Ends, with: &Ends) -> Outcome {
    let counted = without.counted.iter().zip(&with.counted).zip(COUNTERS);
    let changed: Vec<_> = counted
        .filter(|((without, with), _)| without != with)
        .map(|((without, with), name)| format!("{name} {without} -> {with}"))
        .collect();
    expect(changed.is_empty(), changed.join(", "), "the same counters")
}

/// Does the same sequences without the module and with it.
fn both(first: u64, count: u64, word: &str) -> Result<[Ends; 2]> {
    let without = sequences(first, count, None)?;
    module::load(&[])?;
    let with = sequences(first, count, Some(word))?;
    // The namespace is gone a moment after its last process.
    let is_out = wait_until(UNLOAD_LIMIT, || module::unload().is_ok());
    anyhow::ensure!(is_out, "the module is still in use");
    Ok([without, with])
}

/// What sequences ended in.
struct Ends {
    told: Vec<String>,
    counted: Vec<u64>,
}

/// Does the sequences in a new namespace; with `word`, one that has it and the host's commit mode
/// as its own.
fn sequences(first: u64, count: u64, word: Option<&str>) -> Result<Ends> {
    let mut scout = Scout::send_into_new_namespace()?;
    if let Some(word) = word {
        let ns = target(scout.namespace()?);
        set(&ns, &[("thp_enabled", word), ("vm.overcommit_memory", "0")])?;
        for feature in ["thp", "overcommit"] {
            anyhow::ensure!(is_armed(feature)?, "{feature} is not armed");
        }
    }
    let before = counters()?;
    let mut told = Vec::new();
    let end = first + count;
    for first in (first..end).step_by(CHUNK as usize) {
        let count = CHUNK.min(end - first);
        let order = Order::Sequences { first, count };
        let texts: Vec<String> = serde_json::from_str(&scout.does(&order)?)?;
        told.extend(texts);
    }
    let after = counters()?;
    let counted = after
        .iter()
        .zip(before)
        .map(|(after, before)| after - before);
    let counted = counted.collect();
    scout.recall()?;
    Ok(Ends { told, counted })
}

fn counters() -> Result<Vec<u64>> {
    let text = fs::read_to_string("/proc/vmstat")?;
    let value = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let line = line.with_context(|| format!("no {name} in /proc/vmstat"))?;
        Ok(line.trim().parse()?)
    };
    COUNTERS.iter().map(|name| value(name)).collect()
}
