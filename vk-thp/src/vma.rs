//! What `madvise` said about a VMA.

/// The two bits of `vma->vm_flags` that `madvise` sets for huge pages.
///
/// The values are the kernel's on every 64-bit machine, so `from_bits_truncate` takes the kernel's
/// own word.
///
/// # Examples
///
/// ```
/// use vk_thp::VmaFlags;
///
/// let vm_flags = 0x2810_0073; // read, write, may..., accounted, MADV_HUGEPAGE
/// assert_eq!(VmaFlags::from_bits_truncate(vm_flags), VmaFlags::HUGEPAGE);
/// ```
#[doc(alias = "vm_flags")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct VmaFlags(u64);

// Implementing flags for a struct of our own leaves out the text functions of `bitflags!`, which
// would bring overflow panics into the kernel object.
bitflags::bitflags! {
    impl VmaFlags: u64 {
        /// `MADV_HUGEPAGE` was said.
        #[doc(alias = "VM_HUGEPAGE")]
        const HUGEPAGE = 1 << 29;
        /// `MADV_NOHUGEPAGE` was said.
        #[doc(alias = "VM_NOHUGEPAGE")]
        const NOHUGEPAGE = 1 << 30;
    }
}
