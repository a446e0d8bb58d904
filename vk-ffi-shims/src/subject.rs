//! Whose policy a decision is about.
//!
//! Who locks: nobody; RCU keeps what is found. What may sleep: nothing; any context. When a thing is
//! seen: the namespace that a task is in from its birth to its release; past that it is the host's.

use crate::bindings;
use crate::{BriefGuard, Namespace, ReadGuard};
use core::ffi::c_void;
use core::marker::PhantomData;
use core::ptr::NonNull;

impl<'g> Namespace<'g> {
    /// Returns the running task's active namespace, `None` for the host.
    ///
    /// Any context.
    #[inline]
    pub fn of_current(_read: &'g ReadGuard) -> Option<Self> {
        // SAFETY: The read lock is held.
        let ns = unsafe { bindings::vk_subject_current() };
        // SAFETY: A live task pins its namespace, and RCU keeps it for `'g`.
        unsafe { Self::from_raw(ns) }
    }

    /// Returns the namespace of the task that owns `mm`: the running task's for its own, or
    /// without an `mm`.
    ///
    /// When tasks of two namespaces share one mm (CLONE_VM), the task that asks decides.
    #[inline]
    pub fn of_mm(_read: &'g ReadGuard, mm: Option<Mm<'_>>) -> Option<Self> {
        let mm = mm.map_or(core::ptr::null(), Mm::as_ptr);
        // SAFETY: The read lock is held, and `mm` is null or live (type invariant).
        let ns = unsafe { bindings::vk_subject_mm(mm) };
        // SAFETY: As in `of_current`.
        unsafe { Self::from_raw(ns) }
    }

    /// Returns the namespace of the task that owns the mm of `vma`.
    #[inline]
    pub fn of_vma(_read: &'g ReadGuard, vma: Vma<'_>) -> Option<Self> {
        // SAFETY: The read lock is held, and the VMA is live (type invariant).
        let ns = unsafe { bindings::vk_subject_vma(vma.as_ptr()) };
        // SAFETY: As in `of_current`.
        unsafe { Self::from_raw(ns) }
    }
}

/// Calls `then` with the namespace of [`Namespace::of_mm`], briefly: it must not sleep, nor walk
/// anything long. `None` for the host.
///
/// Any context. Read side and subject cost one call.
#[inline]
pub fn briefly_of_mm<T>(
    mm: Option<Mm<'_>>,
    then: impl for<'g> FnOnce(&'g BriefGuard, Namespace<'g>) -> Option<T>,
) -> Option<T> {
    let mm = mm.map_or(core::ptr::null(), Mm::as_ptr);
    // SAFETY: `mm` is null or live (type invariant).
    let ns = unsafe { bindings::vk_brief_enter_mm(mm) };
    // SAFETY: Just entered.
    let read = unsafe { BriefGuard::entered() };
    // SAFETY: As in `Namespace::of_current`.
    let ns = unsafe { Namespace::from_raw(ns) }?;
    then(&read, ns)
}

/// Calls `then` with the namespace of [`Namespace::of_vma`], as [`briefly_of_mm`] does.
#[inline]
pub fn briefly_of_vma<T>(
    vma: Vma<'_>,
    then: impl for<'g> FnOnce(&'g BriefGuard, Namespace<'g>) -> Option<T>,
) -> Option<T> {
    // SAFETY: The VMA is live (type invariant).
    let ns = unsafe { bindings::vk_brief_enter_vma(vma.as_ptr()) };
    // SAFETY: Just entered.
    let read = unsafe { BriefGuard::entered() };
    // SAFETY: As in `Namespace::of_current`.
    let ns = unsafe { Namespace::from_raw(ns) }?;
    then(&read, ns)
}

macro_rules! argument {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// # Invariants
        ///
        /// The pointer is live for `'a`: the hooked function's caller holds it.
        #[derive(Clone, Copy, Debug)]
        pub struct $name<'a>(NonNull<c_void>, PhantomData<&'a ()>);

        impl $name<'_> {
            /// Makes one of a hooked function's argument.
            ///
            /// # Safety
            ///
            /// `raw` is null or live until the handler returns.
            #[doc(hidden)]
            #[inline]
            pub unsafe fn from_raw(raw: *const c_void) -> Option<Self> {
                NonNull::new(raw.cast_mut()).map(|raw| Self(raw, PhantomData))
            }

            #[doc(hidden)]
            #[inline]
            pub fn as_ptr(self) -> *const c_void {
                self.0.as_ptr()
            }
        }
    };
}

argument!(
    /// A `struct mm_struct` that a hooked function was given.
    Mm
);
argument!(
    /// A `struct vm_area_struct` that a hooked function was given.
    Vma
);
argument!(
    /// A `struct folio` that a hooked function looks at.
    Folio
);

impl Mm<'_> {
    /// Returns the pages that are mapped.
    #[doc(alias = "total_vm")]
    pub fn total_pages(self) -> u64 {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_mm_total_pages(self.as_ptr()) }.unsigned_abs()
    }
}
