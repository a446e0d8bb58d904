//! Pid namespaces.
//!
//! Who locks: nobody; a [`Namespace`] is good inside the read side that it was found in, and holds no
//! reference. What may sleep: nothing here. When a thing is seen: [`Namespace::of_id`],
//! [`Namespace::of_init`] and [`each_namespace`] see one from before its first instruction until its
//! init is reaped.

use crate::{bindings, ReadGuard};
use core::ffi::c_void;
use core::marker::PhantomData;
use core::ptr::NonNull;
use vk_nshash::{Key, Nested};

/// A pid namespace below the initial one, under RCU.
///
/// # Invariants
///
/// The pointer is a live `struct pid_namespace` for `'g`.
#[derive(Clone, Copy, Debug)]
pub struct Namespace<'g> {
    raw: NonNull<c_void>,
    read: PhantomData<&'g ()>,
}

/// A namespace right below the initial one, with all that are below it.
///
/// # Invariants
///
/// The number is one of `vk_ns_tree()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tree(u32);

/// A mark on a tree: while one exists, the stubs send the tree's tasks to the handlers.
///
/// Nobody in a tree without a mark gets there, so make it before a policy can be found. Trees may
/// share a mark: what it says of another tree is only that handlers are asked.
#[derive(Debug)]
pub struct Mark(Tree);

impl Tree {
    /// Marks it. Any context.
    #[must_use = "the mark is gone when it is dropped"]
    pub fn mark(self) -> Mark {
        // SAFETY: A number of a tree (type invariant).
        unsafe { bindings::vk_tree_mark(self.0) };
        Mark(self)
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        // SAFETY: As in `mark`, once for each.
        unsafe { bindings::vk_tree_unmark(self.0 .0) };
    }
}

/// The init of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Init {
    /// Its pid in the initial namespace.
    pub pid: i32,
    /// Its name, zero-terminated.
    pub comm: [u8; 16],
}

impl<'g> Namespace<'g> {
    /// Makes one of what the kernel gave us.
    ///
    /// # Safety
    ///
    /// `raw` is null or a `struct pid_namespace` that lives as long as the read side `'g`.
    #[doc(hidden)]
    #[inline]
    pub unsafe fn from_raw(raw: *const c_void) -> Option<Self> {
        // INVARIANT: The caller promises.
        NonNull::new(raw.cast_mut()).map(|raw| Self {
            raw,
            read: PhantomData,
        })
    }

    /// Returns the namespace whose init has this pid in the initial one; `None` if that is no init.
    pub fn of_init(_read: &'g ReadGuard, pid: i32) -> Option<Self> {
        // SAFETY: The read lock is held.
        let ns = unsafe { bindings::vk_ns_of_init(pid) };
        // SAFETY: Null, or what a task is in, which lives as long as the read side.
        unsafe { Self::from_raw(ns) }
    }

    /// Returns the namespace with this 64-bit id that has an init; does not depend on how many there are.
    ///
    /// Process context.
    pub fn of_id(_read: &'g ReadGuard, id: u64) -> Option<Self> {
        // SAFETY: The read lock is held.
        let ns = unsafe { bindings::vk_ns_of_id(id) };
        // SAFETY: Null, or one that was found in this read side, and that is freed after a grace
        // period.
        unsafe { Self::from_raw(ns) }
    }

    pub(crate) fn as_ptr(self) -> *const c_void {
        self.raw.as_ptr()
    }

    /// Returns the key that tables know it by.
    #[inline]
    pub fn key(self) -> Key {
        match Key::new(self.raw.as_ptr() as usize) {
            Some(key) => key,
            // A `NonNull` is not null.
            None => Key::MAX,
        }
    }

    /// Returns the parent, unless that is the initial namespace.
    pub fn parent(self) -> Option<Self> {
        // SAFETY: Live (type invariant).
        let parent = unsafe { bindings::vk_ns_parent(self.as_ptr()) };
        // SAFETY: A namespace holds a reference on its parent.
        unsafe { Self::from_raw(parent) }
    }

    /// Returns the 64-bit id that is never used again.
    #[doc(alias = "ns_id")]
    pub fn id(self) -> u64 {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_ns_id(self.as_ptr()) }
    }

    /// Returns how deep it is nested; the initial namespace is 0.
    pub fn level(self) -> u32 {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_ns_level(self.as_ptr()) }
    }

    /// Returns the tree it is in.
    pub fn tree(self) -> Tree {
        // SAFETY: Live (type invariant).
        Tree(unsafe { bindings::vk_ns_tree(self.as_ptr()) })
    }

    /// Returns itself or the ancestor that `key` stands for.
    pub fn ancestor(self, key: Key) -> Option<Self> {
        let mut at = self;
        while at.key() != key {
            at = at.parent()?;
        }
        Some(at)
    }

    /// Returns its init, if it has one.
    pub fn init(self) -> Option<Init> {
        let mut comm = [0; 16];
        // SAFETY: Live (type invariant), and `comm` is as long as TASK_COMM_LEN.
        let pid = unsafe { bindings::vk_ns_init_pid(self.as_ptr(), comm.as_mut_ptr()) };
        (pid != 0).then_some(Init { pid, comm })
    }

    /// Returns how many pids are in use, in it and below.
    pub fn tasks(self) -> u32 {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_ns_tasks(self.as_ptr()) }
    }

    /// Tells whether the running task is in an ancestor of it.
    pub fn is_below_current(self) -> bool {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_ns_below_current(self.as_ptr()) }
    }

    /// Tells whether the running task has CAP_SYS_ADMIN in the user namespace it belongs to.
    pub fn is_admin(self) -> bool {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_ns_admin(self.as_ptr()) }
    }

    /// Returns memory.max and memory.swap.max in bytes, `u64::MAX` for none: those of its init's
    /// memory cgroup, the least over that one's ancestors.
    pub fn memory_max_bytes(self) -> (u64, u64) {
        let (mut memory, mut swap) = (u64::MAX, u64::MAX);
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_ns_memory_max(self.as_ptr(), &mut memory, &mut swap) };
        (memory, swap)
    }
}

impl Nested for Namespace<'_> {
    #[inline]
    fn key(&self) -> Key {
        (*self).key()
    }

    #[inline]
    fn parent(self) -> Option<Self> {
        Namespace::parent(self)
    }
}

/// Calls `found` for each namespace that has an init, until it returns false.
///
/// Process context; `found` runs under RCU and must not sleep.
pub fn each_namespace<F: FnMut(Namespace<'_>) -> bool>(mut found: F) {
    unsafe extern "C" fn call<F: FnMut(Namespace<'_>) -> bool>(
        ns: *const c_void,
        data: *mut c_void,
    ) -> bool {
        // SAFETY: `data` is the closure below, which nobody else uses meanwhile.
        let found = unsafe { &mut *data.cast::<F>() };
        // SAFETY: `vk_ns_each()` holds the read lock around the call.
        unsafe { Namespace::from_raw(ns) }.is_none_or(found)
    }
    // SAFETY: `call::<F>` is given the `F` it expects, which outlives the call.
    unsafe { bindings::vk_ns_each(Some(call::<F>), (&raw mut found).cast()) };
}
