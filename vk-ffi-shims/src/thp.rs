//! What the huge-page policy needs from a kernel: mm/huge_memory.c.

use crate::bindings;
use crate::Vma;
use core::ffi::c_void;

/// Opens the gate of anonymous memory: containers may get more than the host. May sleep.
///
/// # Errors
///
/// A negative errno: `-ENODEV` when a hook behind the gate is not armed.
pub fn open_gate() -> Result<(), i32> {
    // SAFETY: Process context (documented).
    match unsafe { bindings::vk_thp_gate_open() } {
        0 => Ok(()),
        errno => Err(errno),
    }
}

/// Closes the gate, waits for RCU-tasks and restores what opening changed. May sleep.
pub fn close_gate() {
    // SAFETY: Process context (documented).
    unsafe { bindings::vk_thp_gate_close() };
}

/// Tells whether the gate is open.
pub fn gate_is_open() -> bool {
    // SAFETY: Any context.
    unsafe { bindings::vk_thp_gate_is_open() }
}

/// Returns the host's policy for anonymous memory of PMD order: 0 always, 1 madvise, 2 never.
pub fn host_enabled() -> u8 {
    // SAFETY: The feature's symbols are resolved, or the hook would not be armed.
    unsafe { bindings::vk_thp_host_enabled() as u8 }
}

/// Returns the host's `defrag`: the place of its word among the five.
pub fn host_defrag() -> u8 {
    // SAFETY: Any context.
    unsafe { bindings::vk_thp_host_defrag() as u8 }
}

/// The bits of which `vma_thp_gfp_mask()` makes its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GfpBits {
    /// `GFP_TRANSHUGE_LIGHT`.
    pub transhuge_light: u32,
    /// `__GFP_DIRECT_RECLAIM`.
    pub direct_reclaim: u32,
    /// `__GFP_KSWAPD_RECLAIM`.
    pub kswapd_reclaim: u32,
    /// `__GFP_NORETRY`.
    pub noretry: u32,
}

/// Returns this kernel's bits.
pub fn gfp_bits() -> GfpBits {
    let mut bits = GfpBits {
        transhuge_light: 0,
        direct_reclaim: 0,
        kswapd_reclaim: 0,
        noretry: 0,
    };
    // SAFETY: Four words of ours.
    unsafe {
        bindings::vk_thp_gfp_bits(
            &mut bits.transhuge_light,
            &mut bits.direct_reclaim,
            &mut bits.kswapd_reclaim,
            &mut bits.noretry,
        );
    }
    bits
}

/// Tells whether the machine has no huge pages at all.
pub fn is_unsupported() -> bool {
    // SAFETY: The feature's symbols are resolved, or no hook would be armed.
    unsafe { bindings::vk_thp_unsupported() }
}

impl Vma<'_> {
    /// Returns what prctl(2) said of its mm: 0 nothing, 1 no huge page, 3 none unless advised.
    pub fn thp_disable(self) -> u8 {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_vma_thp_disable(self.as_ptr()) as u8 }
    }

    /// Returns its `vm_flags`.
    #[inline]
    pub fn flags(self) -> u64 {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_vma_flags(self.as_ptr()) }
    }

    /// Tells whether it is anonymous memory.
    #[inline]
    pub fn is_anonymous(self) -> bool {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_vma_is_anonymous(self.as_ptr()) }
    }

    /// Tells whether it is anonymous memory into which no huge page fits.
    #[inline]
    pub fn is_too_small(self) -> bool {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_vma_is_too_small(self.as_ptr()) }
    }

    /// Tells whether it maps shmem: `shmem_enabled` and mount options decide there.
    pub fn is_shmem(self) -> bool {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_vma_is_shmem(self.as_ptr()) }
    }

    /// Tells whether it maps huge PFNs, which no policy applies to.
    pub fn is_huge_pfn(self) -> bool {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_vma_is_huge_pfn(self.as_ptr()) }
    }
}

/// Tells whether `kobj` is the directory `hugepages-2048kB`.
///
/// # Safety
///
/// `kobj` is the one of a `struct thpsize`, live during the call.
#[doc(hidden)]
pub unsafe fn is_pmd_order_dir(kobj: *const c_void) -> bool {
    // SAFETY: By the contract of this function.
    let order = unsafe { bindings::vk_thpsize_order(kobj) };
    // SAFETY: Any context.
    order == unsafe { bindings::vk_pmd_order() }
}

/// A file below `/sys/kernel/mm/transparent_hugepage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// `enabled`, or that of `hugepages-2048kB`.
    Enabled,
    /// `shmem_enabled`, or that of `hugepages-2048kB`.
    ShmemEnabled,
    /// `defrag`, not that of khugepaged.
    Defrag,
    /// `use_zero_page`.
    UseZeroPage,
    /// Any other.
    Other,
}

impl File {
    #[doc(hidden)]
    pub fn from_raw(raw: u32) -> Option<Self> {
        match raw {
            bindings::VK_THP_FILE_ENABLED => Some(Self::Enabled),
            bindings::VK_THP_FILE_SHMEM_ENABLED => Some(Self::ShmemEnabled),
            bindings::VK_THP_FILE_DEFRAG => Some(Self::Defrag),
            bindings::VK_THP_FILE_USE_ZERO_PAGE => Some(Self::UseZeroPage),
            bindings::VK_THP_FILE_OTHER => Some(Self::Other),
            _ => None,
        }
    }
}
