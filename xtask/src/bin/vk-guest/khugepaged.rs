//! The kernel thread that collapses pages behind everybody's back, made to hurry.

use std::fs;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use rustix::mm::MapFlags;

use crate::container::wait_until;
use crate::mapping::{Advice, Mapping, HUGE_BYTES};
use crate::setting::{read, Setting};

/// How long it rests between scans.
const SLEEP: &str = "/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs";

/// How long it rests when it got no huge page.
const ALLOC_SLEEP: &str = "/sys/kernel/mm/transparent_hugepage/khugepaged/alloc_sleep_millisecs";

/// How many pages it looks at between rests.
const PAGES: &str = "/sys/kernel/mm/transparent_hugepage/khugepaged/pages_to_scan";

/// How many huge pages it made.
const COLLAPSED: &str = "/sys/kernel/mm/transparent_hugepage/khugepaged/pages_collapsed";

/// How often it went through all processes.
const FULL_SCANS: &str = "/sys/kernel/mm/transparent_hugepage/khugepaged/full_scans";

/// How long some full scans may take.
const LIMIT: Duration = Duration::from_secs(100);

/// Lets it scan without pause, until the result is let go.
///
/// # Errors
///
/// The kernel refuses.
pub(crate) fn hurry() -> Result<[Setting; 3]> {
    Ok([
        Setting::put(SLEEP, "10")?,
        Setting::put(ALLOC_SLEEP, "10")?,
        Setting::put(PAGES, "65536")?,
    ])
}

/// How long it may rest at most: 49 days.
const LONGEST: &str = "4294967295";

/// Lets it go through all processes once more and then rest, until the result is let go.
///
/// With nobody on its list it would wait for the first process that gets there, and begin at once.
/// So this process goes there, where the host's word allows it; where the host says never, there is
/// no khugepaged.
///
/// # Errors
///
/// The kernel refuses, or it does not come to rest.
pub(crate) fn rest() -> Result<[Setting; 2]> {
    let pages = Setting::put(PAGES, "65536")?;
    let Some(thread) = thread()? else {
        return Ok([Setting::put(SLEEP, LONGEST)?, pages]);
    };
    enlist()?;
    let before = full_scans()?;
    let sleep = Setting::put(SLEEP, LONGEST)?;
    let rests = || Ok::<_, anyhow::Error>(full_scans()? > before && is_asleep(thread)?);
    let seen = wait_until(LIMIT, || rests().unwrap_or_default());
    ensure!(seen, "khugepaged does not come to rest");
    Ok([sleep, pages])
}

/// Puts this process on its list: the first fault of a huge page does (`khugepaged_enter_vma()`).
///
/// A process stays on the list to its end, whatever policy it comes to have: with every scan
/// khugepaged asks again. One that never had a huge page, and advised none where its policy allowed
/// them, is not on it, and khugepaged asks nobody about it.
///
/// # Errors
///
/// Its policy allows no huge page now.
pub(crate) fn enlist() -> Result<()> {
    let mapping = Mapping::new(HUGE_BYTES, MapFlags::empty())?;
    mapping.advise(Advice::Huge)?;
    mapping.touch_every(HUGE_BYTES);
    let huge_kb = mapping.smaps("AnonHugePages")?;
    ensure!(huge_kb > 0, "no huge page, so not on khugepaged's list");
    Ok(())
}

/// Waits until it has gone through all processes `count` times more.
///
/// # Errors
///
/// It does not.
pub(crate) fn wait_for_full_scans(count: u64) -> Result<()> {
    // The scan that is under way began before what the caller prepared.
    let wanted = full_scans()? + count + 1;
    let seen = wait_until(LIMIT, || full_scans().is_ok_and(|done| done >= wanted));
    ensure!(
        seen,
        "khugepaged made {} of {wanted} full scans",
        full_scans()?
    );
    Ok(())
}

/// Returns the AnonHugePages of the process `pid`, in kB.
///
/// # Errors
///
/// It has ended.
pub(crate) fn huge_kb_of(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("AnonHugePages:"));
    let number = value.and_then(|it| it.split_whitespace().next());
    number
        .context("no AnonHugePages")?
        .parse()
        .context("no number")
}

/// Returns how many huge pages it has made.
///
/// # Errors
///
/// The kernel does not say.
pub(crate) fn collapsed() -> Result<u64> {
    read(COLLAPSED)?.parse().context("no number")
}

/// Returns how often it went through all processes.
///
/// # Errors
///
/// The kernel does not say.
pub(crate) fn full_scans() -> Result<u64> {
    read(FULL_SCANS)?.parse().context("no number")
}

/// Finds its thread: there is none where nobody may have huge pages.
///
/// # Errors
///
/// There are no processes to read.
pub(crate) fn thread() -> Result<Option<u32>> {
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|it| it == "khugepaged\n") {
            return Ok(Some(pid));
        }
    }
    Ok(None)
}

fn is_asleep(thread: u32) -> Result<bool> {
    let status = fs::read_to_string(format!("/proc/{thread}/status"))?;
    Ok(status.contains("\nState:\tS"))
}
