//! The vote in khugepaged: a range whose small pages are charged to several containers.
//!
//! A process fills a part of a range, and goes on as the init of a namespace in a cgroup of its own,
//! which fills the rest. khugepaged comes along the second one's memory, which its policy lets
//! have huge pages; the first one's pages vote against.

use anyhow::Result;

use super::memory::Memory;
use crate::cgroup::Cgroup;
use crate::container::wait_until;
use crate::khugepaged;
use crate::pairs::Pairs;
use crate::policy::{set, target};
use crate::problem::{expect, expect_eq, Outcome};
use crate::row::row;
use crate::scout::{Kind, Order, Scout};
use crate::setting::{Setting, THP};
use std::time::Duration;

const SHMEM: &str = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
const MAX_SHARED: &str = "/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_shared";
const ALLOC_SLEEP: &str = "/sys/kernel/mm/transparent_hugepage/khugepaged/alloc_sleep_millisecs";

const LIMIT: Duration = Duration::from_secs(60);

/// A huge page, in kB.
const KB: u64 = 2048;
/// The small pages in it.
const PAGES: usize = 512;

/// What is voted about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Anonymous memory that a fork shares, as far as nobody has written to it since.
    Forked,
    /// A memfd that both have mapped.
    Memfd,
}

impl What {
    fn key(self) -> &'static str {
        match self {
            Self::Forked => "thp_enabled",
            Self::Memfd => "thp_shmem_enabled",
        }
    }

    fn field(self) -> &'static str {
        match self {
            Self::Forked => "AnonHugePages",
            Self::Memfd => "ShmemPmdMapped",
        }
    }
}

/// Two containers, the second in the first, with a range that both have pages in.
struct Range {
    what: What,
    /// The second, in whose memory it is.
    memory: Memory,
    first: String,
    second: String,
    // Removed when nobody is in them any more.
    _cgroups: [Cgroup; 2],
}

impl Range {
    /// One of which the second container has `pages` pages, and the first one the rest.
    fn shared(what: What, pages: usize) -> Result<Self> {
        let cgroups = [Cgroup::make("vk-first")?, Cgroup::make("vk-second")?];
        let mut memory = Memory::of_container(&[(what.key(), "always")])?;
        cgroups[0].takes(memory.scout.pid()?)?;
        let first = memory.target()?;
        let fill = |memory: &mut Memory| -> Result<()> {
            match what {
                What::Forked => {
                    memory.scout.does(&Order::Enlist)?;
                    memory.maps(&Order::Hold(2), 2)?;
                    memory.works("nohuge touch huge")
                }
                What::Memfd => {
                    memory.maps(&Order::HoldKind(Kind::Memfd, 2), 2)?;
                    set(&first, &[(what.key(), "never")])?;
                    memory.works(&format!("touch={}", PAGES - pages))
                }
            }
        };
        fill(&mut memory)?;
        set(&first, &[(what.key(), "never")])?;
        memory.scout.does(&Order::NewPid)?;
        cgroups[1].takes(memory.scout.pid()?)?;
        let second = target(memory.scout.namespace()?);
        match what {
            What::Forked => memory.works(&format!("touch={pages}"))?,
            What::Memfd => memory.works("touch")?,
        }
        Ok(Self {
            what,
            memory,
            first,
            second,
            _cgroups: cgroups,
        })
    }

    fn lets(&self, who: &str, word: &str) -> Result<()> {
        set(who, &[(self.what.key(), word)])
    }

    fn huge_kb(&mut self) -> Result<u64> {
        // Collapsed page cache is mapped anew at the next touch.
        self.memory.works("read")?;
        self.memory.smaps(self.what.field())
    }

    fn is_collapsed(&mut self) -> bool {
        wait_until(LIMIT, || self.huge_kb().is_ok_and(|kb| kb == KB))
    }
}

/// The counters of one container, or `total`.
fn counters(name: &str) -> Result<[u64; 5]> {
    let row = row("stat", if name == "total" { "" } else { name }, name)?;
    let number = |word| row.word(word).parse().map_err(anyhow::Error::from);
    Ok([
        number("votes_for")?,
        number("votes_against")?,
        number("votes_abstained")?,
        number("votes_tied")?,
        number("ranges_denied")?,
    ])
}

/// The counters once the vote that may have been on its way is over. (A full scan would not come:
/// nobody is on khugepaged's list.)
fn settled(first: &str, second: &str) -> Result<[[u64; 5]; 3]> {
    const QUIET: Duration = Duration::from_millis(500);
    let read = || -> Result<_> { Ok([counters(first)?, counters(second)?, counters("total")?]) };
    let mut now = read()?;
    loop {
        std::thread::sleep(QUIET);
        let later = read()?;
        if later == now {
            return Ok(now);
        }
        now = later;
    }
}

/// Lets khugepaged come by with the second container at `always` and the first at `never`.
fn decides(what: What, pages: usize, expected: &str) -> Outcome {
    let _host = [Setting::put(THP, "never")?, Setting::put(SHMEM, "never")?];
    let _shared = Setting::put(MAX_SHARED, "511")?;
    let mut range = Range::shared(what, pages)?;
    let name = format!("{what:?}: {pages} of {PAGES} pages for");
    let before = [
        counters(&range.first)?,
        counters(&range.second)?,
        counters("total")?,
    ];
    let _hurry = khugepaged::hurry()?;
    // Who sleeps after a denial does not come by again in the time of this check.
    let _sleep = Setting::put(ALLOC_SLEEP, "600000")?;
    let (first, second) = (range.first.clone(), range.second.clone());
    range.lets(&second, "always")?;
    if expected == "collapse" {
        expect(
            range.is_collapsed(),
            format!("{name}: not collapsed"),
            "a huge page",
        )?;
    } else {
        let is_denied = || counters(&second).is_ok_and(|now| now[4] > before[1][4]);
        expect(
            wait_until(LIMIT, is_denied),
            format!("{name}: no denial"),
            "one",
        )?;
        khugepaged::wait_for_full_scans(3)?;
        expect_eq(&format!("{name}: huge pages, kB"), range.huge_kb()?, 0)?;
    }
    // So that nobody votes between the looks at the counters.
    range.lets(&second, "never")?;
    let after = settled(&first, &second)?;
    let grew = |who: usize, at: usize| after[who][at] - before[who][at];
    let ours = pages as u64;
    let times = grew(1, 0) / ours.max(1);
    expect(
        times > 0,
        format!("{name}: {after:?} after {before:?}"),
        "votes",
    )?;
    expect_eq(
        &format!("{name}: the first's votes against"),
        grew(0, 1),
        times * (PAGES as u64 - ours),
    )?;
    expect_eq(
        &format!("{name}: the second's votes for"),
        grew(1, 0),
        times * ours,
    )?;
    let ties = if expected == "tie" { times } else { 0 };
    expect_eq(&format!("{name}: ties"), grew(1, 3), ties)?;
    let denied = if expected == "collapse" { 0 } else { times };
    expect_eq(&format!("{name}: ranges denied"), grew(1, 4), denied)?;
    for at in 0..5 {
        let seen = format!("{name}: counter {at} in total grew by {}", grew(2, at));
        expect(
            grew(2, at) >= grew(0, at) + grew(1, at),
            seen,
            "as the containers'",
        )?;
    }
    // It was the first one's word alone.
    range.lets(&first, "always")?;
    range.lets(&second, "always")?;
    expect(
        range.is_collapsed(),
        format!("{name}: not collapsed with all for it"),
        "a huge page",
    )
}

pub(super) fn a_forked_range_is_collapsed_if_more_pages_are_for_it() -> Outcome {
    decides(What::Forked, 257, "collapse")
}

pub(super) fn a_forked_range_is_left_alone_if_more_are_against() -> Outcome {
    decides(What::Forked, 255, "against")
}

pub(super) fn a_forked_range_is_left_alone_at_a_tie() -> Outcome {
    decides(What::Forked, 256, "tie")
}

pub(super) fn a_shared_memfd_is_collapsed_if_more_pages_are_for_it() -> Outcome {
    decides(What::Memfd, 257, "collapse")
}

pub(super) fn a_shared_memfd_is_left_alone_if_more_are_against() -> Outcome {
    decides(What::Memfd, 255, "against")
}

pub(super) fn a_shared_memfd_is_left_alone_at_a_tie() -> Outcome {
    decides(What::Memfd, 256, "tie")
}

/// Pages of the host vote as the host does.
pub(super) fn pages_of_the_host_vote_as_the_host() -> Outcome {
    let _shared = Setting::put(MAX_SHARED, "511")?;
    for (host, is_collapsed) in [("always", true), ("never", false)] {
        let cgroup = Cgroup::make("vk-voter")?;
        let mut memory = Memory::of_host()?;
        {
            let _always = Setting::put(THP, "always")?;
            memory.scout.does(&Order::Enlist)?;
        }
        let _host = Setting::put(THP, host)?;
        memory.maps(&Order::Hold(2), 2)?;
        memory.works("nohuge touch huge")?;
        memory.scout.does(&Order::NewPid)?;
        cgroup.takes(memory.scout.pid()?)?;
        let policy: Pairs<'_> = &[("thp_enabled", "always")];
        memory.set(policy)?;
        memory.works("touch=100")?;
        let _hurry = khugepaged::hurry()?;
        let what = format!("412 pages of a host at {host}");
        if is_collapsed {
            let done = || memory.smaps("AnonHugePages").is_ok_and(|kb| kb == KB);
            expect(
                wait_until(LIMIT, done),
                format!("{what}: not collapsed"),
                "a huge page",
            )?;
        } else {
            khugepaged::wait_for_full_scans(3)?;
            expect_eq(
                &format!("{what}: huge pages, kB"),
                memory.smaps("AnonHugePages")?,
                0,
            )?;
        }
        memory.scout.recall()?;
    }
    Ok(())
}

/// MADV_COLLAPSE is the program's own word: nobody votes.
pub(super) fn nobody_votes_about_a_collapse_on_request() -> Outcome {
    let _host = Setting::put(THP, "never")?;
    let _shared = Setting::put(MAX_SHARED, "511")?;
    let mut range = Range::shared(What::Forked, 100)?;
    let second = range.second.clone();
    range.lets(&second, "always")?;
    let before = counters("total")?;
    range.memory.works("collapse")?;
    expect_eq("huge pages, kB", range.memory.smaps("AnonHugePages")?, KB)?;
    expect_eq(
        "votes",
        counters("total")?[..2].to_vec(),
        before[..2].to_vec(),
    )?;
    let ended: Result<()> = Scout::recall(range.memory.scout);
    ended.map_err(Into::into)
}
