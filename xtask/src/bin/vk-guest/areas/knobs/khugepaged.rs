//! khugepaged for one container: `thp_khugepaged`, its shared memory, and who is on its list.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::memory::Memory;
use crate::container::wait_until;
use crate::khugepaged;
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::{Kind, Order};
use crate::setting::{Setting, THP};

const SHMEM: &str = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";

/// How long khugepaged may take to come by.
const LIMIT: Duration = Duration::from_secs(60);

const MIB: usize = 8;
const KB: u64 = 8192;

/// Base pages where huge ones are wanted, of a process that khugepaged knows.
fn candidate(mut memory: Memory) -> Result<Memory> {
    memory.scout.does(&Order::Enlist)?;
    fills(&mut memory)?;
    Ok(memory)
}

fn fills(memory: &mut Memory) -> Result<()> {
    memory.maps(&Order::Hold(MIB), MIB)?;
    memory.works("nohuge touch huge")
}

fn is_collapsed(whose: &str, memory: &Memory) -> Outcome {
    let done = || memory.smaps("AnonHugePages").is_ok_and(|kb| kb == KB);
    let seen = format!("not all of {whose} is collapsed");
    expect(wait_until(LIMIT, done), seen, "all of it")
}

pub(super) fn khugepaged_leaves_a_container_alone_that_wants_none_of_it() -> Outcome {
    let _always = Setting::put(THP, "always")?;
    let mut off = Memory::of_container(&[])?;
    off.scout.does(&Order::Enlist)?;
    // Before there is anything to collapse: khugepaged may come by at any time.
    off.set(&[("thp_khugepaged", "0")])?;
    fills(&mut off)?;
    let on = candidate(Memory::of_container(&[])?)?;
    let its = candidate(Memory::of_host()?)?;
    on.set(&[("thp_khugepaged", "1")])?;
    let _hurry = khugepaged::hurry()?;
    is_collapsed("its neighbour's", &on)?;
    is_collapsed("the host's", &its)?;
    khugepaged::wait_for_full_scans(3)?;
    expect_eq(
        "collapsed of the container's",
        off.smaps("AnonHugePages")?,
        0,
    )?;
    off.set(&[("thp_khugepaged", "1")])?;
    is_collapsed("the container's, when it may", &off)?;
    // A fault is not khugepaged.
    off.set(&[("thp_khugepaged", "0")])?;
    off.maps(&Order::Hold(MIB), MIB)?;
    off.works("touch")?;
    expect_eq("huge pages of faults, kB", off.smaps("AnonHugePages")?, KB)?;
    expect_eq("THPeligible", off.smaps("THPeligible")?, 1)
}

pub(super) fn khugepaged_collapses_a_containers_shared_memory_and_none_of_the_hosts() -> Outcome {
    let _never = Setting::put(THP, "never")?;
    let _shmem = Setting::put(SHMEM, "never")?;
    let mut its = Memory::of_host()?;
    {
        // So that it is aligned, and on the list.
        let _always = Setting::put(SHMEM, "always")?;
        its.maps(&Order::HoldKind(Kind::Memfd, MIB), MIB)?;
    }
    its.works("touch")?;
    let mut ours = Memory::of_container(&[("thp_shmem_enabled", "always")])?;
    ours.maps(&Order::HoldKind(Kind::Memfd, MIB), MIB)?;
    ours.set(&[("thp_shmem_enabled", "never")])?;
    ours.works("touch")?;
    expect_eq(
        "huge pages of faults at never",
        ours.smaps("ShmemPmdMapped")?,
        0,
    )?;
    let _hurry = khugepaged::hurry()?;
    ours.set(&[("thp_shmem_enabled", "always")])?;
    let collapsed = wait_until(LIMIT, || {
        // A collapse takes the page tables away; the next touch maps what is there.
        ours.works("read").is_ok() && ours.smaps("ShmemPmdMapped").is_ok_and(|kb| kb == KB)
    });
    expect(
        collapsed,
        "not all of the container's is collapsed",
        "all of it",
    )?;
    khugepaged::wait_for_full_scans(3)?;
    its.works("read")?;
    expect_eq("collapsed of the host's", its.smaps("ShmemPmdMapped")?, 0)?;
    // It was the host's word alone that kept it from it.
    let _always = Setting::put(SHMEM, "always")?;
    let collapsed = wait_until(LIMIT, || {
        its.works("read").is_ok() && its.smaps("ShmemPmdMapped").is_ok_and(|kb| kb == KB)
    });
    expect(
        collapsed,
        "not all of the host's is collapsed at always",
        "all of it",
    )
}

/// A process that never was allowed huge pages is not on khugepaged's list. When it may have them,
/// its next huge fault puts it there: so it is with the host's own word, and with a container's.
pub(super) fn a_process_gets_on_the_list_when_its_policy_starts_to_allow() -> Outcome {
    let _never = Setting::put(THP, "never")?;
    let mut its = Memory::of_host()?;
    let mut ours = Memory::of_container(&[("thp_enabled", "never")])?;
    for memory in [&mut its, &mut ours] {
        memory.maps(&Order::Hold(MIB), MIB)?;
        memory.works("touch")?;
    }
    let _hurry = khugepaged::hurry()?;
    let _always = Setting::put(THP, "always")?;
    ours.set(&[("thp_enabled", "always")])?;
    // With nobody on the list there is no scan to wait for.
    let _somebody = candidate(Memory::of_host()?)?;
    khugepaged::wait_for_full_scans(2)?;
    let before = [its.smaps("AnonHugePages")?, ours.smaps("AnonHugePages")?];
    expect_eq(
        "the container's beside the host's before a fault",
        before[1],
        before[0],
    )?;
    for memory in [&mut its, &mut ours] {
        memory.scout.does(&Order::Enlist)?;
    }
    is_collapsed("the host's after a fault", &its)?;
    is_collapsed("the container's after a fault", &ours)
}

/// What is taken back is the bit that lets the kernel ask the module; khugepaged is stopped with it,
/// which goes round without a pause where no size is enabled.
pub(super) fn what_lets_a_container_have_more_is_taken_back_while_khugepaged_works() -> Outcome {
    // It takes a fraction of a second, or as long as nothing else happens in the machine.
    const LIMIT: Duration = Duration::from_secs(20);
    let _never = Setting::put(THP, "never")?;
    let _hurry = khugepaged::hurry()?;
    let mut memory = Memory::of_container(&[("thp_enabled", "always")])?;
    memory.scout.does(&Order::Enlist)?;
    for _ in 0..3 {
        khugepaged::wait_for_full_scans(1)?;
        let begin = Instant::now();
        memory.set(&[("thp_enabled", "never")])?;
        let took = begin.elapsed();
        expect(
            took < LIMIT,
            format!("{took:?}"),
            format!("{LIMIT:?} at most"),
        )?;
        memory.set(&[("thp_enabled", "always")])?;
    }
    Ok(())
}
