//! The read side of RCU, and values that are freed after a grace period.
//!
//! Who locks: readers enter a read side; whoever publishes shows the registry's lock. What may sleep:
//! [`rcu_barrier`], the drop of `Retirees`, and allocation as its flags say. When a thing is seen: a
//! published value by every read that begins later; the old one lasts while a reader is left.

use crate::bindings;
use core::marker::PhantomData;
use core::ops::Deref;
use memoffset::offset_of;
use static_assertions::{assert_not_impl_any, const_assert, const_assert_eq};
use vk_nshash::ReadSide;

/// Proof that the read side of RCU is entered, whichever guard did that.
///
/// # Invariants
///
/// This task is in a read side that `call_rcu()` and `synchronize_rcu()` wait for, while the value
/// exists.
#[derive(Debug)]
pub struct Reading(PhantomData<*mut ()>);

impl Reading {
    /// Makes the proof of a read side that who called a handler is in.
    ///
    /// # Safety
    ///
    /// The read side is left after the result is gone.
    #[doc(hidden)]
    #[inline]
    pub unsafe fn held() -> Self {
        // INVARIANT: The caller promises.
        Self(PhantomData)
    }
}

assert_not_impl_any!(Reading: Send, Sync);

// SAFETY: By the type invariant; nodes are freed by `call_rcu()`.
unsafe impl ReadSide for Reading {}

/// Proof that `rcu_read_lock()` is held by this task.
///
/// Any context; nothing may sleep while it lives.
///
/// # Invariants
///
/// The read lock is held while the value exists.
#[derive(Debug)]
pub struct ReadGuard(Reading);

impl ReadGuard {
    /// Enters the read side.
    #[inline]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        // SAFETY: May be called in any context.
        unsafe { bindings::vk_rcu_read_lock() };
        // INVARIANT: Just taken.
        Self(Reading(PhantomData))
    }
}

impl Drop for ReadGuard {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: Held (type invariant).
        unsafe { bindings::vk_rcu_read_unlock() };
    }
}

impl Deref for ReadGuard {
    type Target = Reading;
    #[inline]
    fn deref(&self) -> &Reading {
        &self.0
    }
}

/// Proof that the read side of RCU is entered for a few dozen instructions, with preemption off.
///
/// It is `rcu_read_lock_sched()`, which every grace period waits for as it does for
/// `rcu_read_lock()`, and which costs two instructions instead of two calls. Any context; nothing
/// may sleep while it lives, nor walk anything long: take a [`ReadGuard`] for that.
///
/// # Invariants
///
/// The read lock is held while the value exists.
#[derive(Debug)]
pub struct BriefGuard(Reading);

impl BriefGuard {
    /// Makes the proof of a read side that C has entered.
    ///
    /// # Safety
    ///
    /// `vk_brief_enter_*()` was called, and `vk_brief_leave()` is left to the result.
    #[inline]
    pub(crate) unsafe fn entered() -> Self {
        // INVARIANT: The caller promises. Every grace period waits for regions with preemption off
        // too.
        Self(Reading(PhantomData))
    }
}

impl Drop for BriefGuard {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: Held (type invariant).
        unsafe { bindings::vk_brief_leave() };
    }
}

impl Deref for BriefGuard {
    type Target = Reading;
    #[inline]
    fn deref(&self) -> &Reading {
        &self.0
    }
}

/// Waits until what was retired before is dropped: before a module goes. Process context.
pub fn rcu_barrier() {
    // SAFETY: Process context (documented).
    unsafe { bindings::vk_rcu_barrier() };
}

/// Room for the kernel's `struct rcu_head` and a function.
#[derive(Debug, Default)]
#[repr(C)]
pub struct RcuHead([usize; 3]);

// `struct vk_rcu` in c/sync.c has the same assertion.
const_assert_eq!(size_of::<RcuHead>(), 3 * size_of::<*const ()>());

/// The layout that [`RcuBox::retire`] relies on: the head is first.
#[repr(C)]
struct WithHead<T> {
    head: RcuHead,
    value: T,
}

const_assert_eq!(offset_of!(WithHead<u64>, head), 0);
const_assert!(offset_of!(WithHead<u64>, value) >= size_of::<RcuHead>());

#[cfg(feature = "kernel")]
pub use with_kernel::{Boxed, BoxedUnder, Cache, Locked, Published, RcuBox, Retirees};

#[cfg(feature = "kernel")]
mod with_kernel {
    use super::{Reading, WithHead};
    use crate::bindings;
    use crate::RegistryGuard;
    use core::ffi::c_void;
    use core::ffi::CStr;
    use core::marker::PhantomData;
    use core::mem::MaybeUninit;
    use core::ops::Deref;
    use core::ptr::NonNull;
    use core::sync::atomic::{AtomicPtr, Ordering};
    use kernel::alloc::{AllocError, Flags};
    use kernel::prelude::*;
    use kernel::sync::lock::{GlobalGuard, GlobalLockBackend};
    use vk_nshash::{GracePeriod, Node, Owner, WriteSide};

    /// A box whose memory can be given back after an RCU grace period without sleeping.
    pub struct RcuBox<T>(KBox<WithHead<T>>);

    /// A cache of the kernel for the boxes of one type: no larger than they are, and not zeroed before
    /// they are made.
    ///
    /// Open it before the first and close it after the last; one that is closed has no memory.
    ///
    /// # Invariants
    ///
    /// Null, or what `vk_cache_create()` returned for the size and alignment of `WithHead<T>`.
    pub struct Cache<T>(AtomicPtr<c_void>, PhantomData<fn() -> T>);

    impl<T> Cache<T> {
        /// Makes one that is closed, also in a `static`.
        #[allow(clippy::new_without_default)]
        pub const fn new() -> Self {
            // INVARIANT: Null.
            Self(AtomicPtr::new(core::ptr::null_mut()), PhantomData)
        }

        /// Opens it, as `name` in /proc/slabinfo. Process context, once before each `close`.
        ///
        /// # Errors
        ///
        /// No memory.
        pub fn open(&self, name: &'static CStr) -> Result<(), AllocError> {
            let size = size_of::<WithHead<T>>() as u32;
            let align = align_of::<WithHead<T>>() as u32;
            // SAFETY: Process context (documented); the name is for ever.
            let cache = unsafe { bindings::vk_cache_create(name.as_ptr().cast(), size, align) };
            // INVARIANT: Made for this type.
            self.0.store(cache, Ordering::Release);
            match cache.is_null() {
                true => Err(AllocError),
                false => Ok(()),
            }
        }

        /// Closes it. Process context: nobody takes from it any more, and what was taken is freed.
        ///
        /// The kernel keeps the memory, and warns, if something is left.
        pub fn close(&self) {
            let cache = self.0.swap(core::ptr::null_mut(), Ordering::AcqRel);
            if !cache.is_null() {
                // SAFETY: Process context (documented); taken out once (type invariant).
                unsafe { bindings::vk_cache_destroy(cache) };
            }
        }

        fn room(&self, flags: Flags) -> Result<KBox<MaybeUninit<WithHead<T>>>, AllocError> {
            let cache = self.0.load(Ordering::Acquire);
            if cache.is_null() {
                return Err(AllocError);
            }
            // SAFETY: A cache (type invariant); the context is the caller's.
            let room = unsafe { bindings::vk_cache_alloc(cache, flags == GFP_KERNEL) };
            if room.is_null() {
                return Err(AllocError);
            }
            // SAFETY: As large and aligned as this type (type invariant), nobody else's, and a box gives
            // it to kfree(), which takes objects of any cache.
            Ok(unsafe { KBox::from_raw(room.cast()) })
        }
    }

    impl<T> RcuBox<T> {
        /// Allocates. Context: as `flags` say.
        ///
        /// # Errors
        ///
        /// No memory.
        pub fn new(value: T, flags: Flags) -> Result<Self, AllocError> {
            let head = super::RcuHead::default();
            KBox::new(WithHead { head, value }, flags).map(Self)
        }

        /// Allocates from `cache`, and has the value made there: a large one is not copied. Context: any
        /// but NMI; process context if `flags` are `GFP_KERNEL`, and nothing sleeps if they are not.
        ///
        /// # Errors
        ///
        /// No memory, or the cache is closed.
        #[inline]
        pub fn new_in(
            cache: &Cache<T>,
            flags: Flags,
            value: impl FnOnce() -> T,
        ) -> Result<Self, AllocError> {
            let room = cache.room(flags)?;
            let (head, value) = (super::RcuHead::default(), value());
            Ok(Self(KBox::write(room, WithHead { head, value })))
        }
    }

    impl<T: Send + 'static> RcuBox<T> {
        /// Drops the value after a grace period, in an RCU callback: its drop must be atomic.
        ///
        /// Any context.
        pub fn retire(self) {
            let raw = KBox::into_raw(self.0);
            // SAFETY:
            // - The head is the first field (asserted above) and three words long.
            // - `drop_retired::<T>` matches the type; the memory is ours until it runs.
            unsafe { bindings::vk_call_rcu(raw.cast(), Some(drop_retired::<T>)) };
        }
    }

    impl<T> Deref for RcuBox<T> {
        type Target = T;
        fn deref(&self) -> &T {
            &self.0.value
        }
    }

    impl<T> core::ops::DerefMut for RcuBox<T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.0.value
        }
    }

    /// # Safety
    ///
    /// `head` came from `KBox::<WithHead<T>>::into_raw` and is given back once.
    unsafe extern "C" fn drop_retired<T>(head: *mut c_void) {
        // SAFETY: By the contract of this function.
        drop(unsafe { KBox::from_raw(head.cast::<WithHead<T>>()) });
    }

    impl Reading {
        /// Takes Rust-for-Linux's own guard for a proof.
        #[inline]
        pub fn of(_guard: &kernel::sync::rcu::Guard) -> &Self {
            // INVARIANT: The guard is in the read side of `rcu_read_lock()` while it is borrowed.
            &Self(PhantomData)
        }
    }

    /// Rust-for-Linux's own guard of a `global_lock!`, as proof that its holder alone changes tables.
    ///
    /// # Invariants
    ///
    /// There is one lock for each `B`, so one value of this type at a time.
    pub struct Locked<B: GlobalLockBackend>(GlobalGuard<B>);

    // SAFETY: By the type invariant: the lock is exclusive, and `B` is of one `static` only (safety
    // contract of `GlobalLock::new`).
    unsafe impl<B: GlobalLockBackend> WriteSide for Locked<B> {}

    impl<B: GlobalLockBackend> From<GlobalGuard<B>> for Locked<B> {
        fn from(guard: GlobalGuard<B>) -> Self {
            // INVARIANT: The guard shows that the lock is held.
            Self(guard)
        }
    }

    impl<B: GlobalLockBackend> Deref for Locked<B> {
        type Target = GlobalGuard<B>;
        fn deref(&self) -> &GlobalGuard<B> {
            &self.0
        }
    }

    impl<B: GlobalLockBackend> core::ops::DerefMut for Locked<B> {
        fn deref_mut(&mut self) -> &mut GlobalGuard<B> {
            &mut self.0
        }
    }

    /// A node of a `vk_nshash` table in an [`RcuBox`].
    pub struct Boxed<T>(pub RcuBox<Node<T>>);

    /// The same in a table that is changed under another lock than the registry's:
    /// `BoxedUnder<T, Locked<MY_LOCK>>`.
    pub struct BoxedUnder<T, W>(RcuBox<Node<T>>, PhantomData<fn(W)>);

    impl<T> From<RcuBox<Node<T>>> for Boxed<T> {
        fn from(node: RcuBox<Node<T>>) -> Self {
            Self(node)
        }
    }

    impl<T, W> From<RcuBox<Node<T>>> for BoxedUnder<T, W> {
        fn from(node: RcuBox<Node<T>>) -> Self {
            Self(node, PhantomData)
        }
    }

    macro_rules! boxed {
        ($boxed:ident<T $(, $lock:ident: $proof:ident)?>, $write:ty) => {
            impl<T $(, $lock)?> $boxed<T $(, $lock)?> {
                /// Allocates a node. Context: as `flags` say.
                ///
                /// # Errors
                ///
                /// No memory.
                pub fn new(node: Node<T>, flags: Flags) -> Result<Self, AllocError> {
                    RcuBox::new(node, flags).map(Self::from)
                }
            }

            // SAFETY: A box does not move its content, and is rebuilt from the same address: the node
            // is a fixed distance behind the start of the allocation.
            unsafe impl<T $(, $lock: $proof)?> Owner for $boxed<T $(, $lock)?> {
                type Value = T;
                type Read = Reading;
                type Write = $write;

                fn into_node(self) -> NonNull<Node<T>> {
                    NonNull::from(&mut KBox::leak(self.0 .0).value)
                }

                unsafe fn from_node(node: NonNull<Node<T>>) -> Self {
                    let distance = memoffset::offset_of!(WithHead<Node<T>>, value);
                    // SAFETY: `node` is that far inside its allocation (contract of this function).
                    let start = unsafe { node.as_ptr().byte_sub(distance) };
                    // SAFETY: `start` is what `into_node` leaked.
                    Self::from(RcuBox(unsafe { KBox::from_raw(start.cast()) }))
                }
            }

            // SAFETY: `call_rcu()` waits for every read side that exists now.
            unsafe impl<T: Send + 'static $(, $lock: $proof)?> GracePeriod<$boxed<T $(, $lock)?>>
                for super::RcuHead
            {
                fn retire(&self, node: $boxed<T $(, $lock)?>) {
                    node.0.retire();
                }
            }
        };
    }

    boxed!(Boxed<T>, RegistryGuard);
    boxed!(BoxedUnder<T, W: WriteSide>, W);

    /// A pointer to an immutable value that readers follow under RCU.
    ///
    /// # Invariants
    ///
    /// `value` is `shared`, or came from `KBox::into_raw`; an older one of those is freed only after a
    /// grace period.
    pub struct Published<T: 'static> {
        value: AtomicPtr<T>,
        shared: Option<&'static T>,
    }

    impl<T> Published<T> {
        /// Publishes a first value.
        pub fn new(value: KBox<T>) -> Self {
            // INVARIANT: From `into_raw`.
            Self {
                value: AtomicPtr::new(KBox::into_raw(value)),
                shared: None,
            }
        }

        /// Publishes a first value that others share, and that is never freed.
        pub const fn shared(value: &'static T) -> Self {
            // INVARIANT: The shared one; nobody writes through the pointer.
            Self {
                value: AtomicPtr::new(core::ptr::from_ref(value).cast_mut()),
                shared: Some(value),
            }
        }

        /// Takes what was published for a box, unless it is the shared value.
        ///
        /// # Safety
        ///
        /// `value` was in `self.value`, is no longer, and is given here once.
        unsafe fn owned(&self, value: *mut T) -> Option<KBox<T>> {
            let is_shared = self
                .shared
                .is_some_and(|shared| core::ptr::eq(shared, value));
            // SAFETY: From `into_raw` (type invariant), taken out once (contract of this function).
            (!is_shared).then(|| unsafe { KBox::from_raw(value) })
        }

        /// Returns the value. Any context.
        #[inline]
        pub fn read<'g>(&'g self, _read: &'g Reading) -> &'g T {
            // Acquire: pairs with the swap in `replace`.
            let value = self.value.load(Ordering::Acquire);
            // SAFETY: Valid for the read side (type invariant).
            unsafe { &*value }
        }

        /// Puts another first value in, before any reader can reach it.
        pub fn set(&mut self, value: KBox<T>) {
            // INVARIANT: From `into_raw`; `&mut self` keeps readers away from the old one.
            let old = core::mem::replace(self.value.get_mut(), KBox::into_raw(value));
            // SAFETY: Just taken out.
            drop(unsafe { self.owned(old) });
        }

        /// Publishes `value`; the old one goes to `retirees`. Nothing sleeps.
        ///
        /// # Errors
        ///
        /// `retirees` has no room: nothing was changed and `value` comes back.
        pub fn replace(
            &self,
            _write: &mut RegistryGuard,
            value: KBox<T>,
            retirees: &mut Retirees<T>,
        ) -> Result<(), KBox<T>> {
            if retirees.0.len() == retirees.0.capacity() {
                return Err(value);
            }
            // AcqRel: readers see the value behind the pointer.
            let old = self.value.swap(KBox::into_raw(value), Ordering::AcqRel);
            // SAFETY: Just taken out; `Retirees` waits for readers.
            let Some(old) = (unsafe { self.owned(old) }) else {
                return Ok(());
            };
            // There is room.
            if let Err(refused) = retirees.0.push_within_capacity(old) {
                core::mem::forget(refused);
            }
            Ok(())
        }
    }

    impl<T> Drop for Published<T> {
        fn drop(&mut self) {
            let last = *self.value.get_mut();
            // SAFETY: Out, since `self` goes; whoever drops the owner has waited for its readers.
            drop(unsafe { self.owned(last) });
        }
    }

    /// Old values that readers may still see. Dropping it waits for a grace period.
    ///
    /// Drop it in process context, with no lock held.
    pub struct Retirees<T>(KVec<KBox<T>>);

    impl<T> Retirees<T> {
        /// Makes room for `count` values. May sleep.
        ///
        /// # Errors
        ///
        /// No memory.
        pub fn with_room(count: usize) -> Result<Self, AllocError> {
            KVec::with_capacity(count, GFP_KERNEL).map(Self)
        }
    }

    impl<T> Drop for Retirees<T> {
        fn drop(&mut self) {
            if !self.0.is_empty() {
                // SAFETY: Process context (documented).
                unsafe { bindings::vk_synchronize_rcu() };
            }
        }
    }
}
