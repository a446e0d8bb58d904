//! A set of page orders.

/// The order of a page that one PMD entry maps: 2 MiB of 4 KiB pages.
#[doc(alias = "HPAGE_PMD_ORDER")]
pub const PMD_ORDER: u32 = 9;

/// A set of page orders: bit *n* stands for pages of 2^*n* base pages.
///
/// # Examples
///
/// ```
/// use vk_thp::{Orders, PMD_ORDER};
///
/// let asked = Orders::from_bits_retain(1 << PMD_ORDER | 1 << 4);
/// assert!(asked.contains(Orders::PMD));
/// assert_eq!(asked.difference(Orders::PMD).bits(), 1 << 4);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Orders(u64);

// As for `VmaFlags`: no text functions.
bitflags::bitflags! {
    impl Orders: u64 {
        /// The order that one PMD entry maps.
        const PMD = 1 << PMD_ORDER;
        /// The orders that anonymous memory can have: from 2 to the PMD's.
        #[doc(alias = "THP_ORDERS_ALL_ANON")]
        const ALL_ANON = 0b11_1111_1100;
        /// The orders that the page cache can have, shmem included: from 1 to the PMD's.
        #[doc(alias = "THP_ORDERS_ALL_FILE_DEFAULT")]
        const ALL_FILE = 0b11_1111_1110;
        // Every other order is a member too.
        const _ = !0;
    }
}

impl Orders {
    /// Returns the set that has only `order`, and nothing if there is no such order.
    pub const fn from_order(order: u32) -> Self {
        match 1u64.checked_shl(order) {
            Some(bits) => Self::from_bits_retain(bits),
            None => Self::empty(),
        }
    }

    /// Returns the highest order of the set.
    #[doc(alias = "highest_order")]
    pub const fn highest(self) -> Option<u32> {
        self.bits().checked_ilog2()
    }
}
