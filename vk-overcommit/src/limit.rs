//! The commit limit of mode 2.

use crate::{Memory, Policy};

/// Bits by which KiB are shifted to pages: `PAGE_SHIFT - 10` of a machine with 4 KiB pages.
const KBYTES_TO_PAGES_SHIFT: u32 = 2;

/// Returns the container's commit limit, `CommitLimit` in its `/proc/meminfo`.
///
/// `vm.overcommit_kbytes`, or `vm.overcommit_ratio` percent of the lesser of `memory.max` and RAM
/// without hugetlb pools; plus the lesser of `memory.swap.max` and the machine's swap. Without
/// cgroup limits that is `vm_commit_limit()` in mm/util.c bit for bit, and so it wraps where the
/// kernel's `unsigned long` does.
///
/// # Examples
///
/// Half of 256 MiB, and no swap:
///
/// ```
/// use vk_overcommit::{commit_limit_pages, Memory, Mode, Policy};
///
/// let policy = Policy { mode: Mode::Never, ratio: 50, kbytes: 0 };
/// let memory = Memory {
///     ram_pages: 524_288,
///     hugetlb_pages: 0,
///     swap_pages: 262_144,
///     memory_max_pages: 65_536,
///     swap_max_pages: 0,
/// };
/// assert_eq!(commit_limit_pages(&policy, &memory), 32_768);
/// ```
#[doc(alias = "vm_commit_limit")]
pub fn commit_limit_pages(policy: &Policy, memory: &Memory) -> u64 {
    own_share_pages(policy, memory).wrapping_add(memory.usable_swap_pages())
}

fn own_share_pages(policy: &Policy, memory: &Memory) -> u64 {
    if policy.kbytes != 0 {
        return pages_from_kbytes(policy.kbytes);
    }
    // C converts the `int` to `unsigned long` before it multiplies: the sign is extended.
    let percent = i64::from(policy.ratio) as u64;
    memory.ratio_base_pages().wrapping_mul(percent) / 100
}

pub(crate) const fn pages_from_kbytes(kbytes: u64) -> u64 {
    kbytes >> KBYTES_TO_PAGES_SHIFT
}
