//! What the policy of shared memory needs from a kernel: mm/shmem.c.

use crate::bindings;
use crate::passed::pointer;
use crate::Vma;
use core::ffi::c_void;
use core::marker::PhantomData;

pointer!(
    /// A `struct inode` of shmem that a hooked function was given.
    Inode
);
pointer!(
    /// A `struct file` of shmem that a hooked function was given, NULL for shared anonymous memory.
    File
);

impl Inode<'_> {
    /// Tells whether it is on the kernel's own mount: a memfd, SysV or shared anonymous memory.
    pub fn is_internal(self) -> bool {
        // SAFETY: Live (type invariant), of shmem, whose symbols are resolved.
        unsafe { bindings::vk_shmem_is_internal(self.as_ptr()) }
    }

    /// Returns the `huge=` of its mount, the number of `SHMEM_HUGE_*`.
    pub fn mount_huge(self) -> u8 {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_shmem_mount_huge(self.as_ptr()) as u8 }
    }

    /// Tells whether it is a regular file.
    pub fn is_regular(self) -> bool {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_shmem_is_regular(self.as_ptr()) }
    }

    /// Returns its size in pages, the last one perhaps in part.
    pub fn size_pages(self) -> u64 {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_shmem_size_pages(self.as_ptr()) }
    }
}

impl Vma<'_> {
    /// Tells whether the file of shmem that it maps had no name at that time.
    pub fn is_anon_shmem(self) -> bool {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_shmem_vma_is_anon(self.as_ptr()) }
    }
}

/// The masks behind `hugepages-*kB/shmem_enabled`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// Sizes at `always`.
    pub always: u64,
    /// Sizes at `inherit`.
    pub inherit: u64,
    /// Sizes at `within_size`.
    pub within_size: u64,
    /// Sizes at `advise`.
    pub madvise: u64,
}

/// Where a mapping that may have huge pages goes: as `shmem_get_unmapped_area()` says, aligned.
///
/// The arguments are those of that function, which its hook was given.
pub fn aligned_area(file: File<'_>, addr: u64, len: u64, pgoff: u64, flags: u64) -> u64 {
    // SAFETY: The arguments are passed on as they came (invariant of `File`).
    unsafe { bindings::vk_shmem_aligned_area(file.as_ptr(), addr, len, pgoff, flags) }
}

/// Returns the host's masks.
pub fn orders() -> Orders {
    let mut orders = Orders::default();
    // SAFETY: Four words of ours.
    unsafe {
        bindings::vk_shmem_orders(
            &mut orders.always,
            &mut orders.inherit,
            &mut orders.within_size,
            &mut orders.madvise,
        );
    }
    orders
}

/// Returns the host's `shmem_enabled`, the number of `SHMEM_HUGE_*`.
pub fn host() -> i8 {
    // SAFETY: Any context.
    unsafe { bindings::vk_shmem_host() as i8 }
}
