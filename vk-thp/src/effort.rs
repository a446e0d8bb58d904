//! How hard an allocation tries.

/// What the allocator does when no huge page is free at once, the least first.
///
/// # Examples
///
/// ```
/// use vk_thp::{Defrag, VmaFlags};
///
/// let effort = Defrag::DeferMadvise.effort(VmaFlags::empty());
/// assert!(effort.has_kswapd_reclaim());
/// assert!(!effort.has_direct_reclaim());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effort {
    /// Nothing: the allocation fails.
    Immediate,
    /// It wakes kswapd and kcompactd, and fails.
    Kswapd,
    /// The task reclaims and compacts itself, lightly.
    DirectNoRetry,
    /// The task reclaims and compacts itself.
    Direct,
}

/// The numbers that this kernel's build gave to the `gfp_t` bits in question.
///
/// They come from an `enum` in include/linux/gfp_types.h whose values depend on the configuration,
/// so a C function has to say them.
///
/// # Examples
///
/// ```
/// use vk_thp::{Effort, GfpBits};
///
/// let bits = GfpBits {
///     transhuge_light: 0x0010_0000,
///     direct_reclaim: 0x400,
///     kswapd_reclaim: 0x800,
///     noretry: 0x1_0000,
/// };
/// assert_eq!(bits.mask(Effort::DirectNoRetry), 0x0011_0400);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GfpBits {
    /// `GFP_TRANSHUGE_LIGHT`, which has none of the others.
    #[doc(alias = "GFP_TRANSHUGE_LIGHT")]
    pub transhuge_light: u32,
    /// `__GFP_DIRECT_RECLAIM`.
    #[doc(alias = "__GFP_DIRECT_RECLAIM")]
    pub direct_reclaim: u32,
    /// `__GFP_KSWAPD_RECLAIM`.
    #[doc(alias = "__GFP_KSWAPD_RECLAIM")]
    pub kswapd_reclaim: u32,
    /// `__GFP_NORETRY`.
    #[doc(alias = "__GFP_NORETRY")]
    pub noretry: u32,
}

impl Effort {
    /// Every effort, the least first.
    pub const ALL: [Self; 4] = [
        Self::Immediate,
        Self::Kswapd,
        Self::DirectNoRetry,
        Self::Direct,
    ];

    /// Tells whether the allocating task may stall: `__GFP_DIRECT_RECLAIM`.
    pub const fn has_direct_reclaim(self) -> bool {
        matches!(self, Self::Direct | Self::DirectNoRetry)
    }

    /// Tells whether kswapd and kcompactd are woken: `__GFP_KSWAPD_RECLAIM`.
    pub const fn has_kswapd_reclaim(self) -> bool {
        matches!(self, Self::Kswapd)
    }

    /// Tells whether a stall ends at the first failure: `__GFP_NORETRY`.
    pub const fn has_noretry(self) -> bool {
        matches!(self, Self::DirectNoRetry)
    }
}

impl GfpBits {
    /// Returns what `vma_thp_gfp_mask()` returns for `effort`.
    pub const fn mask(&self, effort: Effort) -> u32 {
        let more = match effort {
            Effort::Immediate => 0,
            Effort::Kswapd => self.kswapd_reclaim,
            Effort::DirectNoRetry => self.direct_reclaim | self.noretry,
            Effort::Direct => self.direct_reclaim,
        };
        self.transhuge_light | more
    }
}
