//! Whom a decision is about: the owner of the memory, whoever runs.

use super::holder::{Holder, KB};
use super::pair::{khugepaged_follows_the_policies, Pair};
use crate::firstborn::act_in_shared_memory;
use crate::mapping::Mapping;
use crate::policy::{set, Tidy, THP};
use crate::problem::{expect, expect_eq, Outcome};
use crate::setting::Setting;

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

/// Both are on khugepaged's list before they come under their policies, so that it asks about each.
pub(super) fn khugepaged_follows_the_containers_policy() -> Outcome {
    for (host, container) in [("never", "always"), ("always", "never")] {
        let pair = Pair::enlisted()?;
        let _host = Setting::put(THP, host)?;
        let [mut ours, mut its] = pair.under(host, container)?;
        ours.holder.fills_with_base_pages()?;
        its.holder.fills_with_base_pages()?;
        khugepaged_follows_the_policies([&ours, &its])?;
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
