//! What the policy of the huge zero page needs from a kernel: mm/huge_memory.c.

use crate::bindings;
use crate::passed::pointer;
use crate::Vma;
use core::ffi::c_void;
use core::marker::PhantomData;

pointer!(
    /// A `struct vm_fault` that a hooked function was given.
    Fault
);

impl<'a> Fault<'a> {
    /// Returns the VMA in which it happened.
    #[inline]
    pub fn vma(self) -> Option<Vma<'a>> {
        // SAFETY: Live (type invariant).
        let vma = unsafe { bindings::vk_fault_vma(self.as_ptr()) };
        // SAFETY: The fault holds the lock of its VMA.
        unsafe { Vma::from_raw(vma) }
    }

    /// Serves it by a huge page of its own, not by the huge zero page: `do_huge_pmd_anonymous_page()`.
    ///
    /// In a page fault. It sleeps.
    pub fn without_zero_page(self) -> u32 {
        // SAFETY: Live (type invariant), and the original of the hook is there while one is called.
        unsafe { bindings::vk_zero_page_deny(self.as_ptr()) }
    }
}

/// Returns the host's own `use_zero_page`.
pub fn host() -> bool {
    // SAFETY: Any context.
    unsafe { bindings::vk_zero_page_host() }
}

/// Lets containers have the huge zero page, whatever the host says. May sleep.
///
/// # Errors
///
/// A negative errno: `-ENODEV` when a hook that keeps the host's own value is not armed.
pub fn raise() -> Result<(), i32> {
    // SAFETY: Process context (documented).
    match unsafe { bindings::vk_zero_page_raise() } {
        0 => Ok(()),
        errno => Err(errno),
    }
}

/// Gives the flag back to the host, and waits for RCU-tasks. May sleep.
pub fn lower() {
    // SAFETY: Process context (documented).
    unsafe { bindings::vk_zero_page_lower() };
}
