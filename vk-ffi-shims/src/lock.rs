//! The locks of the module, as proofs.
//!
//! What may sleep: who holds the control mutex or the text; nobody under the two spinlocks. When a thing
//! is seen: what is in a cell of a lock, by the next who holds it.
//!
//! Lock order: control, then registry, then events; control, then text.

use crate::bindings;
use core::cell::UnsafeCell;
use core::ffi::c_ulong;
use core::marker::PhantomData;
use vk_nshash::WriteSide;

/// The registry's spinlock is held, interrupts are off. Any context but NMI.
///
/// # Invariants
///
/// The lock is held by this CPU while the value exists.
#[derive(Debug)]
pub struct RegistryGuard {
    flags: c_ulong,
    not_send: PhantomData<*mut ()>,
}

impl RegistryGuard {
    /// Takes the lock.
    pub fn lock() -> Self {
        // SAFETY: Any context; not recursive, since the guard is the only way in.
        let flags = unsafe { bindings::vk_registry_lock() };
        Self {
            flags,
            not_send: PhantomData,
        }
    }
}

impl Drop for RegistryGuard {
    fn drop(&mut self) {
        // SAFETY: Held (type invariant), and `flags` are what the lock returned.
        unsafe { bindings::vk_registry_unlock(self.flags) };
    }
}

// SAFETY: One CPU at a time holds the spinlock (type invariant), and there is only one.
unsafe impl WriteSide for RegistryGuard {}

/// The control mutex is held: one change of policy or of hooks at a time. Process context.
///
/// # Invariants
///
/// The mutex is held by this task while the value exists.
#[derive(Debug)]
pub struct ControlGuard(PhantomData<*mut ()>);

impl ControlGuard {
    /// Takes the mutex; may sleep.
    pub fn lock() -> Self {
        // SAFETY: Process context (documented).
        unsafe { bindings::vk_control_lock() };
        Self(PhantomData)
    }

    /// Takes the mutex if nobody has it.
    pub fn try_lock() -> Option<Self> {
        // SAFETY: Process context (documented).
        let is_ours = unsafe { bindings::vk_control_trylock() };
        // Not `then_some`: a guard that is made in vain would unlock for somebody else.
        is_ours.then(|| Self(PhantomData))
    }
}

impl Drop for ControlGuard {
    fn drop(&mut self) {
        // SAFETY: Held (type invariant).
        unsafe { bindings::vk_control_unlock() };
    }
}

/// The lock of the events is held, interrupts are off. Any context but NMI; a leaf in the order of
/// locks, and a raw one: it may be taken under any lock of the kernel.
///
/// # Invariants
///
/// The lock is held by this CPU while the value exists.
#[derive(Debug)]
pub struct EventGuard {
    flags: c_ulong,
    not_send: PhantomData<*mut ()>,
}

impl EventGuard {
    /// Takes the lock.
    pub fn lock() -> Self {
        // SAFETY: Any context; not recursive, since the guard is the only way in.
        let flags = unsafe { bindings::vk_event_lock() };
        Self {
            flags,
            not_send: PhantomData,
        }
    }
}

impl Drop for EventGuard {
    fn drop(&mut self) {
        // SAFETY: Held (type invariant), and `flags` are what the lock returned.
        unsafe { bindings::vk_event_unlock(self.flags) };
    }
}

/// The text of the kernel is locked: nobody else changes it, or registers a probe. Process context.
///
/// # Invariants
///
/// The locks are held by this task while the value exists.
#[derive(Debug)]
pub struct TextGuard(PhantomData<*mut ()>);

impl TextGuard {
    /// Takes the locks; may sleep. Only once c/inline.c is bound.
    pub(crate) fn lock() -> Self {
        // SAFETY: Process context, and bound (documented); not recursive, since the guard is the
        // only way in.
        unsafe { bindings::vk_text_lock() };
        Self(PhantomData)
    }
}

impl Drop for TextGuard {
    fn drop(&mut self) {
        // SAFETY: Held (type invariant).
        unsafe { bindings::vk_text_unlock() };
    }
}

macro_rules! guarded_cell {
    ($(#[$doc:meta])* $cell:ident, $guard:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $cell<T>(UnsafeCell<T>);

        // SAFETY: Every access shows the guard, of which one exists at a time.
        unsafe impl<T: Send> Sync for $cell<T> {}

        impl<T> $cell<T> {
            /// Makes a cell, also in a `static`.
            pub const fn new(value: T) -> Self {
                Self(UnsafeCell::new(value))
            }

            /// Looks at the value.
            pub fn get<'g>(&'g self, _lock: &'g $guard) -> &'g T {
                // SAFETY: The lock is held while `_lock` is borrowed, and a mutable borrow of
                // the guard excludes this one.
                unsafe { &*self.0.get() }
            }

            /// Changes the value.
            pub fn get_mut<'g>(&'g self, _lock: &'g mut $guard) -> &'g mut T {
                // SAFETY: As above, and the guard is borrowed mutably.
                unsafe { &mut *self.0.get() }
            }
        }
    };
}

guarded_cell!(
    /// A value that only the holder of the control mutex sees.
    ControlCell,
    ControlGuard
);
guarded_cell!(
    /// A value that only the holder of the registry lock sees.
    RegistryCell,
    RegistryGuard
);
guarded_cell!(
    /// A value that only the holder of the event lock sees.
    EventCell,
    EventGuard
);
guarded_cell!(
    /// A value that only the holder of the text's locks sees.
    TextCell,
    TextGuard
);
