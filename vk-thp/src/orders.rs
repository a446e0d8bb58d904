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
        // Every other order is a member too.
        const _ = !0;
    }
}
