//! The vote in khugepaged: a range whose small pages are charged to several owners.
//!
//! A process fills a range, and goes on as the init of a namespace in a cgroup of its own, which
//! writes to a part of it. khugepaged comes along the second one's memory, which its policy lets have
//! huge pages; the pages of the first one vote as their owner.

use super::memory::Memory;
use crate::cgroup::Cgroup;
use crate::container::wait_until;
use crate::khugepaged;
use crate::pairs::Pairs;
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::Order;
use crate::setting::{Setting, THP};
use std::time::Duration;

const MAX_SHARED: &str = "/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_shared";

const LIMIT: Duration = Duration::from_secs(60);

/// A huge page, in kB.
const KB: u64 = 2048;

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
