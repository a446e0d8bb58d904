//! Every knob, turned both ways, on what khugepaged collapses afterwards.
//!
//! The memory is mapped while everything is allowed, so that it is aligned and its process is on
//! khugepaged's list; filled with small pages while nothing is; and then the words are put that are
//! to be told. What is expected is what the kernel itself does for a task of the host.

use anyhow::{Context, Result};

use super::matrix::{Knob, DEFRAG, ENABLED, SHMEM, SHMEM_ENABLED, ZERO_PAGE};
use super::memory::Memory;
use crate::khugepaged;
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::{Kind, Order};
use crate::setting::{Setting, THP};
use crate::tracer::Tracer;

const MIB: usize = 4;

/// The memory that khugepaged comes by, and what is done to it before.
type Cell = (Option<Kind>, &'static str);

const ANONYMOUS: &[Cell] = &[(None, "touch"), (None, "huge touch")];
const SHARED: &[Cell] = &[
    (Some(Kind::Memfd), "touch"),
    (Some(Kind::Memfd), "huge touch"),
];
const BOTH: &[Cell] = &[(None, "touch"), (Some(Kind::Memfd), "touch")];

/// What somebody's memory has become.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    kind: Option<Kind>,
    work: &'static str,
    anonymous_kb: u64,
    shared_kb: u64,
    /// How hard khugepaged tried to get its huge pages.
    efforts: Vec<String>,
}

/// A knob, and what the host says while it is looked at.
struct Turn<'a> {
    key: &'a str,
    /// What its container says while memory is filled, if the knob has a word for that.
    quiet: Option<&'a str>,
    loud: Option<&'a str>,
    host: Vec<(&'static str, &'static str)>,
    cells: &'static [Cell],
}

impl Turn<'_> {
    /// Returns what the memory of all becomes by khugepaged, that of the first one's being the
    /// container with the knob at `word`, if there is one.
    fn seen(&self, all: &mut [&mut Memory], word: Option<&str>) -> Result<Vec<Vec<Seen>>> {
        let mut seen = vec![Vec::new(); all.len()];
        for &(kind, work) in self.cells {
            self.fills(all, word.is_some(), kind, work)?;
            let tracer = Tracer::event("kmem/mm_page_alloc", "order == 9")?;
            let put = |(file, word): &(&'static str, &str)| Setting::put(file, word);
            let _host = self.host.iter().map(put).collect::<Result<Vec<_>>>()?;
            if let Some(word) = word {
                all[0].set(&[(self.key, word)])?;
            }
            khugepaged::wait_for_full_scans(2)?;
            let thread = khugepaged::thread()?.context("no khugepaged")?;
            let mut efforts = tracer.takes(thread, "gfp_flags")?;
            efforts.sort();
            efforts.dedup();
            for (memory, seen) in all.iter_mut().zip(&mut seen) {
                if kind.is_some() {
                    // A collapse takes the page tables away; a touch maps what is there.
                    memory.works("read")?;
                }
                seen.push(Seen {
                    kind,
                    work,
                    anonymous_kb: memory.smaps("AnonHugePages")?,
                    shared_kb: memory.smaps("ShmemPmdMapped")?,
                    efforts: efforts.clone(),
                });
            }
        }
        Ok(seen)
    }

    fn fills(
        &self,
        all: &mut [&mut Memory],
        has_container: bool,
        kind: Option<Kind>,
        work: &str,
    ) -> Result<()> {
        let says = |all: &[&mut Memory], word: Option<&str>| match word.filter(|_| has_container) {
            Some(word) => all[0].set(&[(self.key, word)]),
            None => Ok(()),
        };
        {
            let _loud = [Setting::put(THP, "always")?, Setting::put(SHMEM, "always")?];
            says(all, self.loud)?;
            for memory in all.iter_mut() {
                memory.scout.does(&Order::Enlist)?;
                let order = kind.map_or(Order::Hold(MIB), |kind| Order::HoldKind(kind, MIB));
                memory.maps(&order, MIB)?;
            }
        }
        says(all, self.quiet)?;
        all.iter_mut().try_for_each(|memory| memory.works(work))
    }
}

/// The host allows nobody anything; but somebody is let have huge pages, so that khugepaged goes
/// round all the time.
struct Quiet {
    _host: [Setting; 2],
    _hurry: [Setting; 3],
    _somebody: Memory,
}

impl Quiet {
    fn begins() -> Result<Self> {
        let host = [Setting::put(THP, "never")?, Setting::put(SHMEM, "never")?];
        let mut somebody = Memory::of_container(&[("thp_enabled", "always")])?;
        somebody.scout.does(&Order::Enlist)?;
        Ok(Self {
            _host: host,
            _hurry: khugepaged::hurry()?,
            _somebody: somebody,
        })
    }
}

/// Compares a container, one in it without a word of its own, and the host beside them with what the
/// host alone has at each word.
fn follows(knob: &Knob, cells: &'static [Cell], tells: bool) -> Outcome {
    let _quiet = Quiet::begins()?;
    let mut its = Memory::of_host()?;
    let mut expected = Vec::new();
    for at in 0..knob.words.len() {
        let turn = turn(knob, cells, tells, at);
        expected.extend(turn.seen(&mut [&mut its], None)?);
    }
    let differ = expected.windows(2).all(|pair| pair[0] != pair[1]);
    expect(differ == tells, format!("the host has {expected:?}"), tells)?;
    let some = |seen: &Seen| seen.anonymous_kb + seen.shared_kb > 0 && !seen.efforts.is_empty();
    let collapsed = expected[0].iter().any(some);
    expect(collapsed, format!("{expected:?}"), "a collapse")?;
    let mut ours = Memory::of_container(&[(knob.key, knob.words[0])])?;
    let mut nested = Memory::below(&ours)?;
    for (at, word) in knob.words.iter().enumerate() {
        let turn = turn(knob, cells, tells, at + 1);
        let seen = turn.seen(&mut [&mut ours, &mut nested, &mut its], Some(word))?;
        let beside = knob.words[(at + 1) % knob.words.len()];
        let expected = [at, at, at + 1].map(|at| &expected[at % knob.words.len()]);
        for ((who, seen), expected) in ["inside", "nested", "host"].iter().zip(&seen).zip(expected)
        {
            expect_eq(
                &format!("{who}, {word} beside {beside}"),
                without_efforts(seen, tells),
                without_efforts(expected, tells),
            )?;
        }
    }
    Ok(())
}

/// The knob with the host at its word `at`, counted round.
fn turn<'a>(knob: &'a Knob, cells: &'static [Cell], tells: bool, at: usize) -> Turn<'a> {
    let mut host = knob.host.to_vec();
    host.push((knob.file, knob.words[at % knob.words.len()]));
    Turn {
        key: knob.key,
        quiet: tells.then_some("never"),
        loud: tells.then_some("always"),
        host,
        cells,
    }
}

/// Efforts are those of one khugepaged for all: where words give them away, there are some or none.
fn without_efforts(seen: &[Seen], are_left_out: bool) -> Vec<Seen> {
    let mut seen = seen.to_vec();
    if are_left_out {
        seen.iter_mut().for_each(|seen| seen.efforts.clear());
    }
    seen
}

pub(super) fn what_is_collapsed_follows_enabled() -> Outcome {
    follows(&ENABLED, ANONYMOUS, true)
}

pub(super) fn what_is_collapsed_follows_shmem_enabled() -> Outcome {
    follows(&SHMEM_ENABLED, SHARED, true)
}

/// How hard khugepaged tries is in a file of its own, and the host's.
pub(super) fn what_is_collapsed_does_not_depend_on_defrag() -> Outcome {
    follows(&DEFRAG, BOTH, false)
}

pub(super) fn what_is_collapsed_does_not_depend_on_use_zero_page() -> Outcome {
    follows(&ZERO_PAGE, BOTH, false)
}

/// The knob that the host has no file for: 1 is what the host has, 0 is nothing.
pub(super) fn what_is_collapsed_follows_khugepaged() -> Outcome {
    let _quiet = Quiet::begins()?;
    let turn = Turn {
        key: "thp_khugepaged",
        quiet: None,
        loud: None,
        host: vec![(THP, "always"), (SHMEM, "always")],
        cells: BOTH,
    };
    let mut its = Memory::of_host()?;
    let mut ours = Memory::of_container(&[("thp_khugepaged", "1")])?;
    let mut nested = Memory::below(&ours)?;
    for word in ["1", "0"] {
        let seen = turn.seen(&mut [&mut ours, &mut nested, &mut its], Some(word))?;
        let of_host = without_efforts(&seen[2], true);
        let some = of_host.iter().all(|it| it.anonymous_kb + it.shared_kb > 0);
        expect(some, format!("the host has {of_host:?}"), "collapses")?;
        let mut expected = of_host;
        if word == "0" {
            for it in &mut expected {
                (it.anonymous_kb, it.shared_kb) = (0, 0);
            }
        }
        for (who, seen) in ["inside", "nested"].iter().zip(&seen) {
            let seen = without_efforts(seen, true);
            expect_eq(&format!("{who} at {word}"), &seen, &expected)?;
        }
    }
    Ok(())
}
