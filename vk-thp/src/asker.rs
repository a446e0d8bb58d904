//! Who asks whether a VMA may have huge pages.

/// The occasion on which the kernel asks, `enum tva_type` in include/linux/huge_mm.h.
///
/// The values are those of 7.2; a shim for a kernel that says it with flags (6.12) translates.
#[doc(alias = "tva_type")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Asker {
    /// `THPeligible` is being written into smaps.
    #[doc(alias = "TVA_SMAPS")]
    Smaps = 0,
    /// A page fault is being served.
    #[doc(alias = "TVA_PAGEFAULT")]
    PageFault = 1,
    /// khugepaged scans, or is being told of an mm to scan.
    #[doc(alias = "TVA_KHUGEPAGED")]
    Khugepaged = 2,
    /// `MADV_COLLAPSE`, which no `enabled` file governs.
    #[doc(alias = "TVA_FORCED_COLLAPSE")]
    ForcedCollapse = 3,
}

impl Asker {
    /// Every asker, in the kernel's order.
    pub const ALL: [Self; 4] = [
        Self::Smaps,
        Self::PageFault,
        Self::Khugepaged,
        Self::ForcedCollapse,
    ];

    /// Returns the asker with the kernel's number `raw`, if there is one.
    pub const fn from_raw(raw: u32) -> Option<Self> {
        match raw {
            0 => Some(Self::Smaps),
            1 => Some(Self::PageFault),
            2 => Some(Self::Khugepaged),
            3 => Some(Self::ForcedCollapse),
            _ => None,
        }
    }

    /// Tells whether `enabled` has a say when this one asks.
    pub const fn obeys_sysfs(self) -> bool {
        !matches!(self, Self::ForcedCollapse)
    }
}
