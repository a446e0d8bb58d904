//! A range that khugepaged is about to collapse, and whose its small pages are.

use crate::bindings;
use crate::{Memcg, Mm, Reading};
use core::ffi::c_void;
use core::marker::PhantomData;

/// A range of memory that the handler `vote` decides about.
///
/// # Invariants
///
/// The pointer is a `struct vk_range` of c/vote.c, live for `'a`; the mmap lock of its mm is held.
#[derive(Clone, Copy, Debug)]
pub struct Range<'a>(*const c_void, PhantomData<&'a ()>);

impl<'a> Range<'a> {
    /// # Safety
    ///
    /// `raw` is what C called `vk_handler_vote()` with, and the result is gone when that returns.
    #[doc(hidden)]
    pub unsafe fn from_raw(raw: *const c_void) -> Self {
        // INVARIANT: The caller promises.
        Self(raw, PhantomData)
    }

    /// Returns the mm along which khugepaged came.
    pub fn mm(self) -> Option<Mm<'a>> {
        // SAFETY: Live (type invariant).
        let mm = unsafe { bindings::vk_range_mm(self.0) };
        // SAFETY: khugepaged holds it.
        unsafe { Mm::from_raw(mm) }
    }

    /// Returns how many small pages the range has room for.
    pub fn pages(self) -> u32 {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_range_pages(self.0) }
    }

    /// Returns the flags of the VMA along which khugepaged came.
    pub fn vm_flags(self) -> u64 {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_range_vm_flags(self.0) }
    }

    /// Tells whether it is of shared memory: `shmem_enabled` governs that.
    pub fn is_shmem(self) -> bool {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_range_is_shmem(self.0) }
    }

    /// Returns the memory cgroup that the mm is charged to, `None` for none and for the root.
    pub fn memcg<'g>(self, _read: &'g Reading) -> Option<Memcg<'g>> {
        // SAFETY: Live (type invariant), under RCU.
        let memcg = unsafe { bindings::vk_range_memcg(self.0) };
        // SAFETY: Found in this read side, below the root.
        unsafe { Memcg::from_raw(memcg) }
    }

    /// Calls `found` for each memory cgroup that small pages are charged to, `None` for none and for
    /// the root, with how many. One may come more than once, where there are many. Pages that are
    /// empty, in swap or zero are left out.
    ///
    /// `found` must not sleep, nor walk anything long: it runs under a spinlock, where there are many.
    pub fn each_owner<'g, F: FnMut(Option<Memcg<'g>>, u32)>(
        self,
        _read: &'g Reading,
        mut found: F,
    ) {
        unsafe extern "C" fn call<'g, F: FnMut(Option<Memcg<'g>>, u32)>(
            memcg: *const c_void,
            pages: u32,
            data: *mut c_void,
        ) {
            // SAFETY: `data` is the closure below, which nobody else uses meanwhile.
            let found = unsafe { &mut *data.cast::<F>() };
            // SAFETY: Found in the read side that the caller of `each_owner` holds, below the root.
            found(unsafe { Memcg::from_raw(memcg) }, pages);
        }
        // SAFETY: Live (type invariant); `call::<F>` is given the value it expects, which outlives
        // the call.
        unsafe { bindings::vk_range_each(self.0, Some(call::<F>), (&raw mut found).cast()) };
    }
}
