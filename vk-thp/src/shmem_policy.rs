//! Which page orders shared memory may have.

use crate::shmem_request::{ShmemMount, ShmemRequest, TmpfsHuge};
use crate::{Orders, ShmemEnabled, ShmemOrders, VmaFlags};

/// A policy for shared memory: the global `shmem_enabled` and those of all sizes.
///
/// # Examples
///
/// Faults in a memfd of 3 MiB, where 2 MiB pages must lie within the file:
///
/// ```
/// use vk_thp::{
///     Asker, Orders, ShmemEnabled, ShmemMount, ShmemOrderMode, ShmemOrders, ShmemPolicy,
///     ShmemRequest, ShmemVma, ThpDisable, VmaFlags, PMD_ORDER,
/// };
///
/// let policy = ShmemPolicy {
///     global: ShmemEnabled::Never,
///     orders: ShmemOrders::AT_BOOT.with(PMD_ORDER, ShmemOrderMode::WithinSize),
/// };
/// let vma = ShmemVma {
///     flags: VmaFlags::empty(),
///     process: ThpDisable::Unset,
///     is_anon_shmem: true,
/// };
/// let fault_at = |index_pages| ShmemRequest {
///     mount: ShmemMount::Internal,
///     is_regular: true,
///     vma: Some(vma),
///     asker: Asker::PageFault,
///     index_pages,
///     size_pages: 768,
///     write_end_pages: 0,
/// };
/// assert_eq!(policy.allowable(&fault_at(100)), Orders::PMD);
/// assert!(policy.allowable(&fault_at(600)).is_empty());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShmemPolicy {
    /// The global `shmem_enabled`.
    pub global: ShmemEnabled,
    /// The sizes' own.
    pub orders: ShmemOrders,
}

impl ShmemPolicy {
    /// Returns the orders that the page may have.
    ///
    /// This is `shmem_allowable_huge_orders()` in mm/shmem.c, for a policy that is not the kernel's
    /// global one. In its order:
    ///
    /// 1. What the program forbade stays forbidden.
    /// 2. `deny` grants nothing, also to `MADV_COLLAPSE`.
    /// 3. write(2), files that have a name and `MADV_COLLAPSE` get what the mount grants.
    /// 4. Memory without a name gets the orders whose own mode grants them, and those that inherit
    ///    if the mount grants any.
    ///
    /// An order that inherits is granted with any other: where `within_size` of the mount finds
    /// room for 1 MiB, 2 MiB are granted too, although they do not fit.
    ///
    /// Context: any; it takes no lock and does not sleep. Whether the hardware has huge pages is
    /// left to the caller.
    pub const fn allowable(&self, request: &ShmemRequest) -> Orders {
        if request.is_forbidden() {
            return Orders::empty();
        }
        let of_mount = self.of_mount(request);
        if !request.obeys_order_modes() {
            return of_mount;
        }
        match self.global {
            ShmemEnabled::Deny => Orders::empty(),
            ShmemEnabled::Force => self.orders.inherit,
            _ => self.of_sizes(request, of_mount),
        }
    }

    /// Does what `shmem_huge_global_enabled()` does.
    const fn of_mount(&self, request: &ShmemRequest) -> Orders {
        if !request.is_regular || matches!(self.global, ShmemEnabled::Deny) {
            return Orders::empty();
        }
        if !request.asker.obeys_sysfs() || matches!(self.global, ShmemEnabled::Force) {
            return Orders::PMD;
        }
        match self.huge(request.mount) {
            TmpfsHuge::Always => Orders::ALL_FILE,
            TmpfsHuge::WithinSize => {
                let pages = max(request.size_pages, request.write_end_pages);
                let fitting = within_size(Orders::ALL_FILE, request.index_pages, pages);
                if fitting.is_empty() {
                    of_advised(request.flags())
                } else {
                    fitting
                }
            }
            TmpfsHuge::Advise => of_advised(request.flags()),
            TmpfsHuge::Never => Orders::empty(),
        }
    }

    /// Adds up what each size's own mode grants to memory without a name.
    const fn of_sizes(&self, request: &ShmemRequest, of_mount: Orders) -> Orders {
        let sizes = &self.orders;
        let fitting = within_size(sizes.within_size, request.index_pages, request.size_pages);
        let mut granted = sizes.always.union(fitting);
        if request.flags().contains(VmaFlags::HUGEPAGE) {
            granted = granted.union(sizes.madvise);
        }
        if !of_mount.is_empty() {
            granted = granted.union(sizes.inherit);
        }
        granted.intersection(Orders::ALL_FILE)
    }

    /// Returns the `huge=` of a mount. The internal one's is the global policy.
    const fn huge(&self, mount: ShmemMount) -> TmpfsHuge {
        match (mount, self.global) {
            (ShmemMount::Tmpfs(huge), _) => huge,
            (ShmemMount::Internal, ShmemEnabled::Always) => TmpfsHuge::Always,
            (ShmemMount::Internal, ShmemEnabled::WithinSize) => TmpfsHuge::WithinSize,
            (ShmemMount::Internal, ShmemEnabled::Advise) => TmpfsHuge::Advise,
            // `deny` and `force` have been answered before.
            (ShmemMount::Internal, _) => TmpfsHuge::Never,
        }
    }
}

const fn of_advised(vma: VmaFlags) -> Orders {
    if vma.contains(VmaFlags::HUGEPAGE) {
        Orders::ALL_FILE
    } else {
        Orders::empty()
    }
}

/// Takes the highest orders out of `orders` until a block of the highest left, with page `index` in
/// it, ends within `size_pages`, as `shmem_get_orders_within_size()` does.
const fn within_size(orders: Orders, index: u64, size_pages: u64) -> Orders {
    let mut left = orders;
    while let Some(order) = left.highest() {
        if ends_within(index, order, size_pages) {
            break;
        }
        left = left.difference(Orders::from_order(order));
    }
    left
}

const fn ends_within(index: u64, order: u32, size_pages: u64) -> bool {
    let len = match 1u64.checked_shl(order) {
        Some(len) => len,
        None => return false,
    };
    // The last page of the block is in the file.
    index | len.wrapping_sub(1) < size_pages
}

const fn max(one: u64, other: u64) -> u64 {
    if one > other {
        one
    } else {
        other
    }
}
