//! Which of the orders asked for a policy lets through.

use crate::{Asker, Enabled, Orders, VmaFlags};

/// Takes the PMD order out of `asked` where `policy` does not grant it.
///
/// This is what `thp_vma_allowable_orders()` in include/linux/huge_mm.h does with the sysfs
/// setting of the PMD order, for a policy that is not the kernel's global one.
///
/// - Nothing is ever added: to give more than the host, open the kernel's own gate first, so that
///   the order arrives here.
/// - Other orders pass: their `hugepages-*kB/enabled` files were obeyed before the call.
/// - [`Asker::ForcedCollapse`] gets what it asked for, as no `enabled` file governs it.
/// - [`VmaFlags::NOHUGEPAGE`], `prctl(PR_SET_THP_DISABLE)`, alignment and size are left to the
///   kernel's `__thp_vma_allowable_orders()`, which must be asked afterwards with the result.
///   [`Policy::allowable`](crate::Policy::allowable) knows the first two as well.
/// - Only for **anonymous** VMAs. shmem has `shmem_enabled`, a device's huge faults have no knob,
///   and both come through the same kernel function: let them pass.
///
/// # Examples
///
/// ```
/// use vk_thp::{decide, Asker, Enabled, Orders, VmaFlags};
///
/// let plain = VmaFlags::empty();
/// let advised = VmaFlags::HUGEPAGE;
///
/// let granted = decide(Enabled::Madvise, advised, Asker::PageFault, Orders::PMD);
/// assert_eq!(granted, Orders::PMD);
/// let denied = decide(Enabled::Madvise, plain, Asker::PageFault, Orders::PMD);
/// assert!(denied.is_empty());
/// ```
pub const fn decide(policy: Enabled, vma: VmaFlags, asker: Asker, asked: Orders) -> Orders {
    if !asker.obeys_sysfs() || grants(policy, vma) {
        return asked;
    }
    asked.difference(Orders::PMD)
}

const fn grants(policy: Enabled, vma: VmaFlags) -> bool {
    match policy {
        Enabled::Always => true,
        Enabled::Madvise => vma.contains(VmaFlags::HUGEPAGE),
        Enabled::Never => false,
    }
}
