//! Whom a decision is about: the owner of the memory, whoever runs.

use anyhow::Result;

use crate::calls::write_to_process;
use crate::firstborn::act_in_shared_memory;
use crate::khugepaged;
use crate::mapping::{smaps_of, Mapping, HUGE_BYTES};
use crate::policy::{set, target, Tidy, THP};
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::{Order, Scout};
use crate::setting::Setting;

/// How much each scout holds.
const MIB: usize = 8;
const KB: u64 = MIB as u64 * 1024;

/// A scout with a range of memory that nobody has touched.
struct Holder {
    scout: Scout,
    pid: u32,
    start: u64,
}

impl Holder {
    /// One of the host.
    fn of_host() -> Result<Self> {
        Self::new(Scout::send()?)
    }

    /// One in a namespace whose policy of THP is `word`.
    fn of_container(word: &str) -> Result<Self> {
        let scout = Scout::send_into_new_namespace()?;
        set(&target(scout.namespace()?), &[("thp_enabled", word)])?;
        Self::new(scout)
    }

    fn new(mut scout: Scout) -> Result<Self> {
        let start = scout.does(&Order::Hold(MIB))?.parse()?;
        let pid = scout.pid()?;
        Ok(Self { scout, pid, start })
    }

    /// Reads a field of its range in its smaps, as the host's root does.
    fn smaps(&self, field: &str) -> Result<u64> {
        smaps_of(&self.pid.to_string(), self.start, MIB << 20, field)
    }

    /// Writes one page into each huge page of its range, from the host.
    fn writes_from_the_host(&self) -> Result<()> {
        for offset in (0..MIB << 20).step_by(HUGE_BYTES) {
            write_to_process(self.pid, self.start + offset as u64, &[1; 4096])?;
        }
        Ok(())
    }

    /// Fills its range with base pages, and lets it have huge ones then.
    fn fills_with_base_pages(&mut self) -> Result<()> {
        let words = "nohuge touch huge".to_owned();
        self.scout.does(&Order::Work(words)).map(|_| ())
    }
}

pub(super) fn smaps_read_from_the_host_show_the_containers_policy() -> Outcome {
    for (host, container, of_host, of_container) in
        [("never", "always", 0, 1), ("always", "never", 1, 0)]
    {
        let _host = Setting::put(THP, host)?;
        let ours = Holder::of_container(container)?;
        let eligible = ours.smaps("THPeligible")?;
        expect_eq(&format!("{container} under {host}"), eligible, of_container)?;
        let its = Holder::of_host()?.smaps("THPeligible")?;
        expect_eq(&format!("the host's under {host}"), its, of_host)?;
    }
    Ok(())
}

pub(super) fn memory_written_from_the_host_follows_the_containers_policy() -> Outcome {
    for (host, container, of_host, of_container) in
        [("never", "always", 0, KB), ("always", "never", KB, 0)]
    {
        let _host = Setting::put(THP, host)?;
        let (ours, its) = (Holder::of_container(container)?, Holder::of_host()?);
        ours.writes_from_the_host()?;
        its.writes_from_the_host()?;
        let what = format!("huge pages of {container} under {host}, kB");
        expect_eq(&what, ours.smaps("AnonHugePages")?, of_container)?;
        let what = format!("huge pages of the host under {host}, kB");
        expect_eq(&what, its.smaps("AnonHugePages")?, of_host)?;
    }
    Ok(())
}

pub(super) fn khugepaged_follows_the_containers_policy() -> Outcome {
    const SCANS: u64 = 3;
    let _hurry = khugepaged::hurry()?;
    for (host, container, of_host, of_container) in
        [("never", "always", 0, KB), ("always", "never", KB, 0)]
    {
        let _host = Setting::put(THP, host)?;
        let (mut ours, mut its) = (Holder::of_container(container)?, Holder::of_host()?);
        ours.fills_with_base_pages()?;
        its.fills_with_base_pages()?;
        khugepaged::wait_for_full_scans(SCANS)?;
        let what = format!("collapsed of {container} under {host}, kB");
        expect_eq(&what, ours.smaps("AnonHugePages")?, of_container)?;
        let what = format!("collapsed of the host under {host}, kB");
        expect_eq(&what, its.smaps("AnonHugePages")?, of_host)?;
    }
    Ok(())
}

/// CLONE_VM: one memory, two namespaces; the task that asks decides.
pub(super) fn namespaces_that_share_memory_ask_each_for_itself() -> Outcome {
    const LARGE: usize = 512 << 20;
    let _tidy = Tidy;
    let pairs = [
        ("vm.overcommit_memory", "2"),
        ("vm.overcommit_kbytes", "262144"),
    ];
    set("default", &pairs)?;
    let path = c"/proc/sys/vm/overcommit_memory";
    let (text, errno) = act_in_shared_memory(path, LARGE)?;
    expect_eq("what it reads", text.as_str(), "2")?;
    expect_eq("its mapping", errno, Some(libc::ENOMEM))?;
    let ours = Mapping::new(LARGE, rustix::mm::MapFlags::empty());
    expect(
        ours.is_ok(),
        format!("{:?}", ours.err()),
        "a mapping of the host",
    )
}
