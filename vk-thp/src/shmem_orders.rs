//! What the host says about shared memory, for each page size.

use crate::{Orders, ShmemEnabled, ShmemOrderMode};

/// The modes of all `hugepages-*kB/shmem_enabled`, as the kernel keeps them: one mask for each word
/// but `never`.
///
/// # Examples
///
/// The kernel's own masks, with a container's mode for the PMD order:
///
/// ```
/// use vk_thp::{ShmemOrderMode, ShmemOrders, PMD_ORDER};
///
/// let orders = ShmemOrders::AT_BOOT.with(PMD_ORDER, ShmemOrderMode::Advise);
/// assert_eq!(orders.mode(PMD_ORDER), ShmemOrderMode::Advise);
/// assert_eq!(orders.mode(4), ShmemOrderMode::Never);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ShmemOrders {
    /// Sizes that say `always`.
    #[doc(alias = "huge_shmem_orders_always")]
    pub always: Orders,
    /// Sizes that say `inherit`.
    #[doc(alias = "huge_shmem_orders_inherit")]
    pub inherit: Orders,
    /// Sizes that say `within_size`.
    #[doc(alias = "huge_shmem_orders_within_size")]
    pub within_size: Orders,
    /// Sizes that say `advise`.
    #[doc(alias = "huge_shmem_orders_madvise")]
    pub madvise: Orders,
}

impl ShmemOrders {
    /// What the kernel starts with: 2 MiB inherits, and every other size says `never`.
    pub const AT_BOOT: Self = Self {
        always: Orders::empty(),
        inherit: Orders::PMD,
        within_size: Orders::empty(),
        madvise: Orders::empty(),
    };

    /// Returns the masks with another mode for `order`, as `set_shmem_enabled_mode()` leaves them.
    #[must_use]
    pub const fn with(self, order: u32, mode: ShmemOrderMode) -> Self {
        let one = Orders::from_order(order);
        let mut all = Self {
            always: self.always.difference(one),
            inherit: self.inherit.difference(one),
            within_size: self.within_size.difference(one),
            madvise: self.madvise.difference(one),
        };
        match mode {
            ShmemOrderMode::Always => all.always = all.always.union(one),
            ShmemOrderMode::Inherit => all.inherit = all.inherit.union(one),
            ShmemOrderMode::WithinSize => all.within_size = all.within_size.union(one),
            ShmemOrderMode::Advise => all.madvise = all.madvise.union(one),
            ShmemOrderMode::Never => {}
        }
        all
    }

    /// Returns the mode that the file of `order` shows.
    pub const fn mode(self, order: u32) -> ShmemOrderMode {
        let one = Orders::from_order(order);
        if self.always.intersects(one) {
            ShmemOrderMode::Always
        } else if self.inherit.intersects(one) {
            ShmemOrderMode::Inherit
        } else if self.within_size.intersects(one) {
            ShmemOrderMode::WithinSize
        } else if self.madvise.intersects(one) {
            ShmemOrderMode::Advise
        } else {
            ShmemOrderMode::Never
        }
    }

    /// Tells whether `shmem_parse_huge()` takes `global` beside these masks.
    ///
    /// It refuses `force` with EINVAL unless the PMD order inherits, and no other.
    pub const fn admits(self, global: ShmemEnabled) -> bool {
        !matches!(global, ShmemEnabled::Force) || self.inherit.bits() == Orders::PMD.bits()
    }
}
