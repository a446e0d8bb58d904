//! The memory a container's limit is computed from.

/// What `memory.max` and `memory.swap.max` come to when they say `max`.
pub const UNLIMITED: u64 = u64::MAX;

/// The machine's memory and what the container may have of it, in pages of 4 KiB.
///
/// # Examples
///
/// ```
/// use vk_overcommit::{Memory, UNLIMITED};
///
/// let machine = Memory {
///     ram_pages: 524_288,
///     hugetlb_pages: 0,
///     swap_pages: 0,
///     memory_max_pages: UNLIMITED,
///     swap_max_pages: UNLIMITED,
/// };
/// let container = Memory { memory_max_pages: 65_536, ..machine };
/// assert_eq!(container.total_pages(), 65_536);
/// assert_eq!(machine.total_pages(), 524_288);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The machine's RAM: `totalram_pages()`.
    #[doc(alias = "totalram_pages")]
    pub ram_pages: u64,
    /// The part of it in hugetlb pools: `hugetlb_total_pages()`.
    #[doc(alias = "hugetlb_total_pages")]
    pub hugetlb_pages: u64,
    /// The machine's swap: `total_swap_pages`.
    #[doc(alias = "total_swap_pages")]
    pub swap_pages: u64,
    /// The least `memory.max` among the container's memory cgroup and its ancestors, or
    /// [`UNLIMITED`].
    pub memory_max_pages: u64,
    /// The least `memory.swap.max` among them, or [`UNLIMITED`].
    pub swap_max_pages: u64,
}

impl Memory {
    /// Returns the pages that `vm.overcommit_ratio` is a percentage of.
    pub fn ratio_base_pages(&self) -> u64 {
        self.ram_pages
            .wrapping_sub(self.hugetlb_pages)
            .min(self.memory_max_pages)
    }

    /// Returns the swap the container may use.
    pub fn usable_swap_pages(&self) -> u64 {
        self.swap_pages.min(self.swap_max_pages)
    }

    /// Returns the RAM and swap the container may use, hugetlb pools included.
    pub fn total_pages(&self) -> u64 {
        self.ram_pages
            .min(self.memory_max_pages)
            .wrapping_add(self.usable_swap_pages())
    }

    /// Returns the RAM and swap the container may fill with what it commits: without hugetlb pools.
    pub fn backing_pages(&self) -> u64 {
        self.ram_pages
            .saturating_sub(self.hugetlb_pages)
            .min(self.memory_max_pages)
            .saturating_add(self.usable_swap_pages())
    }
}
