//! What a process said about itself with prctl(2).

use crate::{Asker, VmaFlags};

/// How far a process switched huge pages off for itself: `prctl(PR_SET_THP_DISABLE)`.
///
/// The numbers are those that `prctl(PR_GET_THP_DISABLE)` returns.
///
/// # Examples
///
/// ```
/// use vk_thp::{Asker, ThpDisable, VmaFlags};
///
/// let process = ThpDisable::ExceptAdvised;
/// assert!(process.forbids(VmaFlags::empty(), Asker::PageFault));
/// assert!(!process.forbids(VmaFlags::HUGEPAGE, Asker::PageFault));
/// ```
#[doc(alias = "PR_SET_THP_DISABLE")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ThpDisable {
    /// It did not.
    #[default]
    Unset = 0,
    /// No huge page at all, not even for `MADV_COLLAPSE`.
    #[doc(alias = "MMF_DISABLE_THP_COMPLETELY")]
    Completely = 1,
    /// Only where it asks with `MADV_HUGEPAGE` or `MADV_COLLAPSE`.
    #[doc(alias = "MMF_DISABLE_THP_EXCEPT_ADVISED")]
    #[doc(alias = "PR_THP_DISABLE_EXCEPT_ADVISED")]
    ExceptAdvised = 3,
}

impl ThpDisable {
    /// Every one, by its number.
    pub const ALL: [Self; 3] = [Self::Unset, Self::Completely, Self::ExceptAdvised];

    /// Returns what `prctl(PR_GET_THP_DISABLE)` means by `raw`, if it can return that.
    pub const fn from_raw(raw: u8) -> Option<Self> {
        match raw {
            0 => Some(Self::Unset),
            1 => Some(Self::Completely),
            3 => Some(Self::ExceptAdvised),
            _ => None,
        }
    }

    /// Tells whether the program itself forbids huge pages in the VMA with flags `vma`.
    ///
    /// This is `vma_thp_disabled()` in include/linux/huge_mm.h: `madvise` and `prctl` together. No
    /// policy overrides it.
    #[doc(alias = "vma_thp_disabled")]
    pub const fn forbids(self, vma: VmaFlags, asker: Asker) -> bool {
        if vma.contains(VmaFlags::NOHUGEPAGE) {
            return true;
        }
        match self {
            Self::Unset => false,
            Self::Completely => true,
            Self::ExceptAdvised => !vma.contains(VmaFlags::HUGEPAGE) && asker.obeys_sysfs(),
        }
    }
}
