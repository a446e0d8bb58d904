//! Memory cgroups: which one a page is charged to, and which one the init of a namespace is in.
//!
//! - Locks: none. Nothing here sleeps but [`with_memcg`], [`watch_places`] and [`unwatch_places`].
//! - A [`Memcg`] is good for the read side under which it was found. What outlives that is its
//!   [`key`](Memcg::key), which no other cgroup ever has.
//! - A page's memory cgroup may change at any time: when that is removed, its pages are its
//!   parent's.

use crate::bindings;
use crate::{Folio, Reading};
use core::ffi::c_void;
use core::marker::PhantomData;
use core::ptr::NonNull;
use vk_nshash::{Key, Nested};

/// A memory cgroup below the root, under RCU.
///
/// # Invariants
///
/// The pointer is a `struct mem_cgroup` that is not freed in `'g`.
#[derive(Clone, Copy, Debug)]
pub struct Memcg<'g> {
    raw: NonNull<c_void>,
    read: PhantomData<&'g Reading>,
}

impl<'g> Memcg<'g> {
    /// Makes one of what the kernel gave us.
    ///
    /// # Safety
    ///
    /// `raw` is null or a `struct mem_cgroup` below the root, found in the read side `'g`.
    #[doc(hidden)]
    #[inline]
    pub unsafe fn from_raw(raw: *const c_void) -> Option<Self> {
        // INVARIANT: The caller promises; memory cgroups are freed after a grace period.
        NonNull::new(raw.cast_mut()).map(|raw| Self {
            raw,
            read: PhantomData,
        })
    }

    /// Returns the one that `folio` is charged to, `None` for none and for the root.
    ///
    /// Any context. A page of a removed cgroup is its parent's.
    #[doc(alias = "folio_memcg_check")]
    #[inline]
    pub fn of_folio(_read: &'g Reading, folio: Folio<'_>) -> Option<Self> {
        // SAFETY: Under RCU, and the folio is live (type invariant).
        let memcg = unsafe { bindings::vk_folio_memcg(folio.as_ptr()) };
        // SAFETY: Found in this read side, below the root.
        unsafe { Self::from_raw(memcg) }
    }

    /// Returns the 64-bit id of its cgroup, which is never used again, as a key of tables.
    #[doc(alias = "mem_cgroup_id")]
    #[inline]
    pub fn key(self) -> Key {
        // SAFETY: Not freed (type invariant).
        let id = unsafe { bindings::vk_memcg_id(self.raw.as_ptr()) };
        // Ids begin at 1, with the root.
        Key::new(id as usize).unwrap_or(Key::MAX)
    }
}

impl Nested for Memcg<'_> {
    #[inline]
    fn key(&self) -> Key {
        (*self).key()
    }

    #[inline]
    fn parent(self) -> Option<Self> {
        // SAFETY: Not freed (type invariant).
        let parent = unsafe { bindings::vk_memcg_parent(self.raw.as_ptr()) };
        // SAFETY: A memory cgroup holds a reference on its parent.
        unsafe { Self::from_raw(parent) }
    }
}

/// Calls `found` with the memory cgroup that counts for the cgroup with this id, `None` for the root;
/// returns `None` if there is no such cgroup.
///
/// Process context; `found` runs under RCU and must not sleep.
pub fn with_memcg<T, F: FnOnce(Option<Memcg<'_>>) -> T>(id: u64, found: F) -> Option<T> {
    struct Call<T, F> {
        found: Option<F>,
        result: Option<T>,
    }
    unsafe extern "C" fn call<T, F: FnOnce(Option<Memcg<'_>>) -> T>(
        memcg: *const c_void,
        data: *mut c_void,
    ) {
        // SAFETY: `data` is the value below, which nobody else uses meanwhile.
        let call = unsafe { &mut *data.cast::<Call<T, F>>() };
        // SAFETY: `vk_memcg_with()` holds the read lock around the call.
        let memcg = unsafe { Memcg::from_raw(memcg) };
        call.result = call.found.take().map(|found| found(memcg));
    }
    let mut data = Call {
        found: Some(found),
        result: None,
    };
    // SAFETY: Process context (documented); `call::<T, F>` is given the value it expects, which
    // outlives the call.
    unsafe { bindings::vk_memcg_with(id, Some(call::<T, F>), (&raw mut data).cast()) };
    data.result
}

/// Tells the handler `placed` where the init of each namespace is, now and from now on: when it
/// executes a program, when it is moved. (At its birth the hook of that does.)
///
/// Process context, may sleep.
///
/// # Errors
///
/// A negative errno: this kernel lacks a tracepoint, or memory.
#[doc(alias = "sched_process_exec")]
#[doc(alias = "cgroup_attach_task")]
pub fn watch_places() -> Result<(), i32> {
    // SAFETY: Process context (documented).
    match unsafe { bindings::vk_places_watch() } {
        0 => Ok(()),
        errno => Err(errno),
    }
}

/// Ends that, and waits until no handler runs any more. Process context.
pub fn unwatch_places() {
    // SAFETY: Process context (documented).
    unsafe { bindings::vk_places_unwatch() };
}
