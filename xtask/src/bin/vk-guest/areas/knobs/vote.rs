//! The vote in khugepaged: a range whose small pages are charged to several owners.
//!
//! A process fills a range, and goes on as the init of a namespace in a cgroup of its own, which
//! writes to a part of it. khugepaged comes along the second one's memory, which its policy lets have
//! huge pages; the pages of the first one vote as their owner.

use std::fs::{self, File};
use std::io::Write;
use std::time::Duration;

use anyhow::Result;

use super::memory::Memory;
use crate::cgroup::Cgroup;
use crate::container::wait_until;
use crate::khugepaged;
use crate::mapping::PAGE_BYTES;
use crate::pairs::Pairs;
use crate::policy::{set, target};
use crate::problem::{expect, expect_eq, Outcome, Problem};
use crate::row::row;
use crate::scout::{Kind, Order};
use crate::setting::{Setting, THP};
use crate::swap::Swap;

const SHMEM: &str = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
const MAX_SHARED: &str = "/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_shared";
const ALLOC_SLEEP: &str = "/sys/kernel/mm/transparent_hugepage/khugepaged/alloc_sleep_millisecs";

const LIMIT: Duration = Duration::from_secs(30);

/// A huge page, in kB.
const KB: u64 = 2048;
/// The small pages in it.
const PAGES: u64 = 512;
/// How many of a memfd the first container has. The rest is the second one's, or empty.
const OF_FIRST: u64 = 200;

/// What is voted about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Anonymous memory that a fork shares, as far as nobody has written to it since.
    Forked,
    /// A memfd that both have mapped.
    Memfd,
    /// A file on the disk that both have mapped, and read.
    File,
}

impl What {
    fn key(self) -> &'static str {
        match self {
            Self::Forked | Self::File => "thp_enabled",
            Self::Memfd => "thp_shmem_enabled",
        }
    }

    fn field(self) -> &'static str {
        match self {
            Self::Forked => "AnonHugePages",
            Self::Memfd => "ShmemPmdMapped",
            Self::File => "FilePmdMapped",
        }
    }

    /// What puts a page there: what is dirty, of a file on the disk, is not collapsed.
    fn verb(self) -> &'static str {
        match self {
            Self::Forked | Self::Memfd => "touch",
            Self::File => "read",
        }
    }

    /// What the host says: nobody has more huge pages of a file on the disk than it lets.
    fn host(self) -> &'static str {
        match self {
            Self::Forked | Self::Memfd => "never",
            Self::File => "always",
        }
    }

    /// The pages of the first container when the second one has `ours`.
    fn theirs(self, ours: u64) -> u64 {
        match self {
            Self::Forked => PAGES - ours,
            Self::Memfd | Self::File => OF_FIRST,
        }
    }
}

/// Two containers, the second in the first, with a range that both have pages in. The first one is at
/// `never`; khugepaged keeps away from the second one.
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
    fn shared(what: What) -> Result<Self> {
        let cgroups = [Cgroup::make("vk-first")?, Cgroup::make("vk-second")?];
        let key = what.key();
        let mut memory = Memory::of_container(&[(key, "always")])?;
        cgroups[0].takes(memory.scout.pid()?)?;
        let first = memory.target()?;
        // On khugepaged's list, and left alone by it until both have their pages.
        match what {
            What::Forked => memory.scout.does(&Order::Enlist).map(|_| ())?,
            What::Memfd => memory.maps(&Order::HoldKind(Kind::Memfd, 2), 2)?,
            What::File => memory.maps(&DiskFile::make()?.held(), 2)?,
        }
        set(&first, &[(key, "never"), ("thp_khugepaged", "0")])?;
        match what {
            What::Forked => {
                memory.maps(&Order::Hold(2), 2)?;
                memory.works("touch huge")?;
            }
            What::Memfd | What::File => memory.works(&format!("{}={OF_FIRST}", what.verb()))?,
        }
        memory.scout.does(&Order::NewPid)?;
        cgroups[1].takes(memory.scout.pid()?)?;
        let second = target(memory.scout.namespace()?);
        set(&second, &[(key, "always"), ("thp_khugepaged", "0")])?;
        Ok(Self {
            what,
            memory,
            first,
            second,
            _cgroups: cgroups,
        })
    }

    /// Lets the second one have so many of the pages.
    fn gives_second(&mut self, ours: u64) -> Result<()> {
        let touched = match self.what {
            What::Forked => ours,
            What::Memfd | What::File => OF_FIRST + ours,
        };
        self.memory
            .works(&format!("{}={touched}", self.what.verb()))
    }

    fn lets_khugepaged(&self, word: &str) -> Result<()> {
        set(&self.second, &[("thp_khugepaged", word)])
    }

    fn huge_kb(&mut self) -> Result<u64> {
        if self.what != What::Forked {
            // Collapsed page cache is mapped anew at the next touch.
            self.gives_second(1)?;
        }
        self.memory.smaps(self.what.field())
    }

    /// Waits for a huge page, or, if there shall be none, for votes that leave things as they are.
    fn comes_to(&mut self, is_collapsed: bool, denied_before: u64) -> Outcome {
        if is_collapsed {
            let done = wait_until(LIMIT, || self.huge_kb().is_ok_and(|kb| kb == KB));
            return expect(done, "not collapsed", "a huge page");
        }
        let second = self.second.clone();
        let is_denied = || Counters::of(&second).is_ok_and(|now| now.denied > denied_before + 1);
        expect(wait_until(LIMIT, is_denied), "no denial", "two")?;
        expect_eq("huge pages, kB", self.huge_kb()?, 0)
    }

    fn counters(&self) -> Result<[Counters; 3]> {
        Ok([
            Counters::of(&self.first)?,
            Counters::of(&self.second)?,
            Counters::of("total")?,
        ])
    }

    /// Lets khugepaged come by while the second one has `ours` of the pages.
    fn decides(&mut self, ours: u64) -> Outcome {
        self.gives_second(ours)?;
        let theirs = self.what.theirs(ours);
        let before = self.counters()?;
        self.lets_khugepaged("1")?;
        self.comes_to(ours > theirs, before[1].denied)?;
        self.lets_khugepaged("0")?;
        let after = settled(|| self.counters())?;
        let grew = |who: usize| after[who].since(&before[who]);
        let times = grew(1).votes_for / ours;
        expect(times > 0, format!("{:?}", grew(1)), "votes for")?;
        let first = Counters {
            against: times * theirs,
            ..Counters::default()
        };
        expect_eq("what the first has", grew(0), first)?;
        let second = Counters {
            votes_for: times * ours,
            against: 0,
            abstained: times * (PAGES - ours - theirs),
            tied: if ours == theirs { times } else { 0 },
            denied: if ours > theirs { 0 } else { times },
        };
        expect_eq("what the second has", grew(1), second)?;
        let total = grew(2);
        let has_all = total.against >= first.against && total.votes_for >= second.votes_for;
        let has_all = has_all && total.tied >= second.tied && total.denied >= second.denied;
        expect(has_all, format!("{total:?} in total"), "the containers'")
    }
}

/// The counters once the vote that may have been on its way is over.
fn settled<T: PartialEq>(counters: impl Fn() -> Result<T>) -> Result<T> {
    const QUIET: Duration = Duration::from_millis(200);
    let mut now = counters()?;
    loop {
        std::thread::sleep(QUIET);
        let later = counters()?;
        if later == now {
            return Ok(now);
        }
        now = later;
    }
}

/// A file of a huge page on the disk, of which nothing is in memory. Who has it mapped keeps it.
struct DiskFile;

impl DiskFile {
    const PATH: &'static str = "/var/tmp/vk-voted";

    fn make() -> Result<Self> {
        let this = Self;
        let mut file = File::create(Self::PATH)?;
        file.write_all(&vec![1; PAGES as usize * PAGE_BYTES])?;
        file.sync_all()?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        Ok(this)
    }

    fn held(&self) -> Order {
        Order::HoldFile(Self::PATH.to_owned(), 2)
    }
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(Self::PATH) {
            eprintln!("vk-guest: cannot remove {}: {error}", Self::PATH);
        }
    }
}

/// What `stat` shows of votes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counters {
    votes_for: u64,
    against: u64,
    abstained: u64,
    tied: u64,
    denied: u64,
}

impl Counters {
    /// Those of one container, or `total`.
    fn of(name: &str) -> Result<Self> {
        let row = row("stat", if name == "total" { "" } else { name }, name)?;
        let number = |word| row.word(word).parse().map_err(anyhow::Error::from);
        Ok(Self {
            votes_for: number("votes_for")?,
            against: number("votes_against")?,
            abstained: number("votes_abstained")?,
            tied: number("votes_tied")?,
            denied: number("ranges_denied")?,
        })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            votes_for: self.votes_for - before.votes_for,
            against: self.against - before.against,
            abstained: self.abstained - before.abstained,
            tied: self.tied - before.tied,
            denied: self.denied - before.denied,
        }
    }
}

/// Lets the second container have less of the pages than the first, as many, and more.
fn is_collapsed_once_more_are_for_it(what: What) -> Outcome {
    let _host = [
        Setting::put(THP, what.host())?,
        Setting::put(SHMEM, "never")?,
    ];
    let _shared = Setting::put(MAX_SHARED, "511")?;
    let _hurry = khugepaged::hurry()?;
    // Who sleeps after a denial does not come by again in the time of this check.
    let _sleep = Setting::put(ALLOC_SLEEP, "600000")?;
    let mut range = Range::shared(what)?;
    let half = match what {
        What::Forked => PAGES / 2,
        What::Memfd | What::File => OF_FIRST,
    };
    for ours in [half - 1, half, half + 1] {
        let named = |problem| match problem {
            Problem::Failed { seen, expected } => Problem::Failed {
                seen: format!("{ours} of {} pages for: {seen}", ours + what.theirs(ours)),
                expected,
            },
            skipped @ Problem::Skipped(_) => skipped,
        };
        range.decides(ours).map_err(named)?;
    }
    range.memory.scout.recall().map_err(Into::into)
}

pub(super) fn a_forked_range_is_collapsed_once_more_pages_are_for_it() -> Outcome {
    is_collapsed_once_more_are_for_it(What::Forked)
}

pub(super) fn a_shared_memfd_is_collapsed_once_more_pages_are_for_it() -> Outcome {
    is_collapsed_once_more_are_for_it(What::Memfd)
}

pub(super) fn a_shared_file_is_collapsed_once_more_pages_are_for_it() -> Outcome {
    is_collapsed_once_more_are_for_it(What::File)
}

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

/// A file of which 300 pages are of a container at `never` and 100 of one at `always`, until `then` is
/// done to the first one, whose cgroup is given. Then so many pages abstain.
fn file_is_collapsed_after(
    abstaining: u64,
    then: impl FnOnce(Memory, &Cgroup) -> Result<Vec<Memory>>,
) -> Outcome {
    let _always = Setting::put(THP, "always")?;
    let cgroups = [Cgroup::make("vk-first")?, Cgroup::make("vk-second")?];
    let mut first = Memory::of_container(&[("thp_enabled", "never")])?;
    cgroups[0].takes(first.scout.pid()?)?;
    let mut second = Memory::of_container(&[("thp_enabled", "always")])?;
    cgroups[1].takes(second.scout.pid()?)?;
    {
        let file = DiskFile::make()?;
        first.maps(&file.held(), 2)?;
        second.maps(&file.held(), 2)?;
    }
    first.works("read=300")?;
    second.works("read=400")?;
    let voter = second.target()?;
    let counters = || Counters::of(&voter);
    let huge_kb = |memory: &mut Memory| {
        memory.works("read=1")?;
        memory.smaps("FilePmdMapped")
    };
    let before = counters()?;
    let _hurry = khugepaged::hurry()?;
    let is_denied = || counters().is_ok_and(|now| now.denied > before.denied + 1);
    expect(wait_until(LIMIT, is_denied), "no denial", "two")?;
    expect_eq("huge pages, kB", huge_kb(&mut second)?, 0)?;
    second.set(&[("thp_khugepaged", "0")])?;
    let before = settled(counters)?;
    let kept = then(first, &cgroups[0])?;
    second.set(&[("thp_khugepaged", "1")])?;
    let done = wait_until(LIMIT, || huge_kb(&mut second).is_ok_and(|kb| kb == KB));
    expect(done, "not collapsed", "a huge page")?;
    let more = settled(counters)?.since(&before);
    let expected = more.votes_for / 100 * abstaining;
    expect_eq("abstained", more.abstained, expected)?;
    for memory in kept {
        memory.scout.recall()?;
    }
    second.scout.recall().map_err(Into::into)
}

/// Whose they are nobody knows, so those 300 do not vote.
pub(super) fn pages_of_a_cgroup_that_two_share_do_not_vote() -> Outcome {
    file_is_collapsed_after(412, |first, cgroup| {
        let beside = Memory::of_container(&[])?;
        cgroup.takes(beside.scout.pid()?)?;
        Ok(vec![first, beside])
    })
}

/// The host is at `always`.
pub(super) fn pages_of_a_container_that_ended_vote_as_the_host() -> Outcome {
    file_is_collapsed_after(112, |first, _| {
        first.scout.recall()?;
        Ok(Vec::new())
    })
}

/// Of 300 pages that the second container has written 30 are swapped out, which khugepaged brings
/// back; 50 are of the first one, which is at `never`, 50 are the zero page, and 112 are empty.
pub(super) fn empty_zero_and_swapped_entries_do_not_vote() -> Outcome {
    const SWAPPED: u64 = 30;
    let _host = Setting::put(THP, "never")?;
    let _shared = Setting::put(MAX_SHARED, "511")?;
    let cgroups = [Cgroup::make("vk-first")?, Cgroup::make("vk-second")?];
    let _swap = Swap::on("/var/tmp/vk-swap", 16)?;
    let mut memory = Memory::of_container(&[("thp_enabled", "always")])?;
    cgroups[0].takes(memory.scout.pid()?)?;
    let first = memory.target()?;
    memory.scout.does(&Order::Enlist)?;
    memory.set(&[("thp_enabled", "never"), ("thp_khugepaged", "0")])?;
    memory.maps(&Order::Hold(2), 2)?;
    memory.works("touch=350 huge")?;
    memory.scout.does(&Order::NewPid)?;
    cgroups[1].takes(memory.scout.pid()?)?;
    let off = [("thp_enabled", "always"), ("thp_khugepaged", "0")];
    memory.set(&off)?;
    memory.works(&format!("touch=300 read=400 pageout={SWAPPED}"))?;
    expect_eq("kB swapped out", memory.smaps("Swap")?, SWAPPED * 4)?;
    let second = memory.target()?;
    let counters = || Ok::<_, anyhow::Error>([Counters::of(&first)?, Counters::of(&second)?]);
    let before = counters()?;
    memory.set(&[("thp_khugepaged", "1")])?;
    let _hurry = khugepaged::hurry()?;
    let done = wait_until(LIMIT, || {
        memory.smaps("AnonHugePages").is_ok_and(|kb| kb == KB)
    });
    expect(done, "not collapsed", "a huge page")?;
    let after = settled(counters)?;
    let against = after[0].since(&before[0]).against;
    let times = against / 50;
    expect(times > 0, against, "50, or more often")?;
    let expected = Counters {
        votes_for: times * (300 - SWAPPED),
        abstained: times * (50 + 112 + SWAPPED),
        ..Counters::default()
    };
    expect_eq("what the second has", after[1].since(&before[1]), expected)?;
    memory.scout.recall().map_err(Into::into)
}

/// MADV_COLLAPSE is the program's own word: nobody votes, though 412 of 512 pages are against it.
pub(super) fn nobody_votes_about_a_collapse_on_request() -> Outcome {
    let _host = Setting::put(THP, "never")?;
    let _shared = Setting::put(MAX_SHARED, "511")?;
    let mut range = Range::shared(What::Forked)?;
    range.gives_second(100)?;
    let before = Counters::of("total")?;
    range.memory.works("collapse")?;
    expect_eq("huge pages, kB", range.huge_kb()?, KB)?;
    expect_eq("votes", Counters::of("total")?, before)?;
    range.memory.scout.recall().map_err(Into::into)
}
