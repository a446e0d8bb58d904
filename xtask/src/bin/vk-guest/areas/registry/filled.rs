//! Memory filled by another process, over userfaultfd.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::Result;

use super::holder::{Holder, KB, MIB};
use super::pair::{khugepaged_follows_the_policies, Pair};
use crate::khugepaged;
use crate::mapping::smaps_of;
use crate::policy::{set, target, THP};
use crate::problem::{expect_eq, Outcome};
use crate::scout::{Order, Scout};
use crate::setting::Setting;

/// A process of the host fills memory of the container by UFFDIO_COPY.
///
/// For anonymous memory the kernel asks none of the hooked functions on the way: mfill_atomic_pte()
/// puts base pages, charged to the cgroup of the memory's owner, into what was committed with the
/// mapping. What it asks afterwards about this memory is about the owner, not about who filled it.
pub(super) fn memory_filled_by_the_hosts_userfaultfd_follows_the_containers_policy() -> Outcome {
    for (host, container) in [("never", "always"), ("always", "never")] {
        let pair = Pair::enlisted()?;
        let _host = Setting::put(THP, host)?;
        let mut pair = pair.under(host, container)?;
        for filled in &mut pair {
            let before = khugepaged::collapsed()?;
            fills(&mut filled.holder)?;
            let huge_kb = filled.holder.smaps("AnonHugePages")?;
            // Where it may, khugepaged can be there first.
            let is_first = khugepaged::collapsed()? == before;
            let name = &filled.name;
            let eligible = filled.holder.smaps("THPeligible")?;
            expect_eq(name, eligible, u64::from(filled.may_be_huge))?;
            if is_first || !filled.may_be_huge {
                expect_eq(&format!("huge pages of {name} at once, kB"), huge_kb, 0)?;
            }
        }
        let [ours, its] = &pair;
        khugepaged_follows_the_policies([ours, its])?;
    }
    Ok(())
}

/// Shared memory without a reservation is committed page by page, and shmem_inode_acct_blocks()
/// gives `__vm_enough_memory()` the memory of the running task. So the kernel itself makes the task
/// that fills the subject, by a fault of its own or by UFFDIO_COPY to another's memory.
pub(super) fn shared_memory_filled_by_userfaultfd_is_committed_by_who_fills_it() -> Outcome {
    let (mut scout, start) = shares_memory_above_its_limit()?;
    let userfault = scout.borrow_userfault()?;
    userfault.copy(start, &vec![1; MIB << 20])?;
    let rss = smaps_of(&scout.pid()?.to_string(), start, MIB << 20, "Rss")?;
    expect_eq("filled by the host, kB", rss, KB)?;

    let (mut scout, _) = shares_memory_above_its_limit()?;
    let refused = scout.order(&Order::Work("populate".to_owned()))?;
    // As a fault it would be SIGBUS.
    expect_eq("filled by itself", refused.err(), Some(libc::EFAULT))
}

/// A scout that holds shared memory, untouched, and already has more than it may commit.
fn shares_memory_above_its_limit() -> Result<(Scout, u64)> {
    let mut scout = Scout::send_into_new_namespace()?;
    let start = scout.does(&Order::HoldShared(MIB))?.parse()?;
    let pairs = [("vm.overcommit_memory", "2"), ("vm.overcommit_kbytes", "4")];
    set(&target(scout.namespace()?), &pairs)?;
    Ok((scout, start))
}

/// Fills the range of `holder` from this process, as who serves its faults.
fn fills(holder: &mut Holder) -> Outcome {
    const BYTE: u8 = 7;
    let userfault = holder.scout.borrow_userfault()?;
    userfault.copy(holder.start, &vec![BYTE; MIB << 20])?;
    expect_eq("filled, kB", holder.smaps("Rss")?, KB)?;
    let mut bytes = vec![0; MIB << 20];
    File::open(format!("/proc/{}/mem", holder.pid))?.read_exact_at(&mut bytes, holder.start)?;
    let wrong = bytes.iter().filter(|&&byte| byte != BYTE).count();
    expect_eq("bytes that are not those copied", wrong, 0)
}
