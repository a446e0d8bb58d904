//! The chains: buckets of singly linked nodes that readers follow without a lock.
//!
//! Order of stores, and who pairs with it:
//!
//! - `insert` writes the node, then publishes it with a release store into the chain's head; pairs
//!   with the acquire loads of `find` and `Iter`: who reaches a node sees its key and value.
//! - `remove` marks the node dead, then unlinks it. A reader that reached it before goes on along
//!   `next`, which stays as it was until the grace period is over.

#![allow(unsafe_code)]

use crate::InsertError;
use core::fmt;
use core::marker::PhantomData;
use core::num::NonZeroUsize;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// The address of a kernel object, as a key; never followed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(NonZeroUsize);

impl Key {
    /// The last address, where no object is.
    pub const MAX: Self = Self(NonZeroUsize::MAX);

    /// Returns the key of the object at `address`, or `None` for the null address.
    #[inline]
    pub const fn new(address: usize) -> Option<Self> {
        match NonZeroUsize::new(address) {
            Some(address) => Some(Self(address)),
            None => None,
        }
    }

    /// Returns the address.
    #[inline]
    pub const fn address(self) -> usize {
        self.0.get()
    }

    /// Returns a bucket number below `1 << bits`, as the kernel's `hash_ptr()` does
    /// (include/linux/hash.h): the address times the golden ratio, top bits.
    #[inline]
    const fn bucket(self, bits: u32) -> usize {
        const GOLDEN_RATIO_64: u64 = 0x61C8_8646_80B5_83EB;
        if bits == 0 {
            return 0;
        }
        ((self.0.get() as u64).wrapping_mul(GOLDEN_RATIO_64) >> (64 - bits)) as usize
    }
}

impl fmt::Debug for Key {
    // Addresses of kernel objects are not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Proof that the read side of RCU is entered.
///
/// # Safety
///
/// While a value of the type exists, no grace period that begins later ends: what
/// [`GracePeriod::retire`] was given after the value was made is not freed.
pub unsafe trait ReadSide {}

/// Proof that the caller alone changes tables of its kind.
///
/// # Safety
///
/// At most one value of the type exists at a time, in the whole system, whatever the CPU.
pub unsafe trait WriteSide {}

/// Runs a grace period before it lets go of what was removed.
///
/// # Safety
///
/// `retire` does not drop or reuse the node before every [`ReadSide`] value that exists at the
/// time of the call is gone.
pub unsafe trait GracePeriod<O> {
    /// Frees `node` later.
    fn retire(&self, node: O);
}

/// A pointer that owns a [`Node`]: a box of the kernel or of std.
///
/// # Safety
///
/// - `into_node` returns the address of a node that stays valid and does not move until
///   `from_node` is called with that address.
/// - `from_node` gives back the same owner.
pub unsafe trait Owner: Sized {
    /// What the node holds.
    type Value;

    /// Gives up ownership for the address of the node.
    fn into_node(self) -> NonNull<Node<Self::Value>>;

    /// Takes ownership back.
    ///
    /// # Safety
    ///
    /// - `node` came from [`Owner::into_node`] of this type.
    /// - It was not given back before.
    unsafe fn from_node(node: NonNull<Node<Self::Value>>) -> Self;
}

/// What a table links: a key and the caller's value, in memory of the caller's.
pub struct Node<T> {
    next: AtomicPtr<Node<T>>,
    dead: AtomicBool,
    key: Key,
    value: T,
}

impl<T> Node<T> {
    /// Makes a node that is in no table.
    pub const fn new(key: Key, value: T) -> Self {
        Self {
            next: AtomicPtr::new(ptr::null_mut()),
            dead: AtomicBool::new(false),
            key,
            value,
        }
    }

    /// Returns the key.
    pub const fn key(&self) -> Key {
        self.key
    }

    /// Returns the value.
    pub const fn value(&self) -> &T {
        &self.value
    }

    /// Returns the value of a node that is in no table.
    pub fn value_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Node<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("key", &self.key)
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

/// A hash table of `1 << BITS` chains.
///
/// Readers never wait and never write. Writers are serialised by the caller, who shows a
/// [`WriteSide`]. The table does not grow: with `n` nodes a chain has `n >> BITS` on average.
///
/// # Invariants
///
/// - Every pointer in a chain came from [`Owner::into_node`] and was not given back yet, or is
///   within a grace period of its removal.
/// - Only the holder of a [`WriteSide`] stores to heads and `next`.
pub struct Table<O: Owner, const BITS: u32, const BUCKETS: usize> {
    heads: [AtomicPtr<Node<O::Value>>; BUCKETS],
    owner: PhantomData<O>,
}

// SAFETY: The table owns its nodes, and hands out `&O::Value` to any thread.
unsafe impl<O: Owner + Send, const BITS: u32, const BUCKETS: usize> Sync for Table<O, BITS, BUCKETS> where
    O::Value: Send + Sync
{
}
// SAFETY: As above; moving the table moves its nodes' ownership.
unsafe impl<O: Owner + Send, const BITS: u32, const BUCKETS: usize> Send for Table<O, BITS, BUCKETS> where
    O::Value: Send + Sync
{
}

impl<O: Owner, const BITS: u32, const BUCKETS: usize> Default for Table<O, BITS, BUCKETS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<O: Owner, const BITS: u32, const BUCKETS: usize> Table<O, BITS, BUCKETS> {
    const BUCKETS_ARE_A_POWER_OF_TWO: () = assert!(BITS < 32 && BUCKETS == 1 << BITS);

    /// Makes an empty table, also in a `static`.
    #[allow(clippy::let_unit_value)]
    pub const fn new() -> Self {
        let () = Self::BUCKETS_ARE_A_POWER_OF_TWO;
        Self {
            heads: [const { AtomicPtr::new(ptr::null_mut()) }; BUCKETS],
            owner: PhantomData,
        }
    }

    #[inline]
    fn head(&self, key: Key) -> Option<&AtomicPtr<Node<O::Value>>> {
        self.heads.get(key.bucket(BITS))
    }

    /// Finds the value of `key`.
    ///
    /// Any context but NMI; the reference is good until the read side is left.
    #[inline]
    pub fn find<'g, G: ReadSide>(&'g self, _read: &'g G, key: Key) -> Option<&'g O::Value> {
        let mut at = self.head(key)?.load(Ordering::Acquire);
        // SAFETY: `at` is null or a node of this table (type invariant), which stays valid while
        // `_read` lives.
        while let Some(node) = unsafe { at.as_ref() } {
            if node.key == key {
                // A removed node may still be reached: its address may have a new owner already.
                return (!node.dead.load(Ordering::Acquire)).then_some(&node.value);
            }
            at = node.next.load(Ordering::Acquire);
        }
        None
    }

    /// Puts `node` in.
    ///
    /// # Errors
    ///
    /// [`InsertError::Exists`]: the key is there already; the node comes back.
    pub fn insert<W: WriteSide>(&self, _write: &mut W, node: O) -> Result<(), InsertError<O>> {
        let raw = node.into_node();
        // SAFETY: `raw` is a valid node (contract of `Owner`), not shared yet.
        let new = unsafe { raw.as_ref() };
        let Some(head) = self.head(new.key) else {
            // SAFETY: `raw` came from `into_node` just now.
            return Err(InsertError::Exists(unsafe { O::from_node(raw) }));
        };

        let first = head.load(Ordering::Relaxed);
        let mut at = first;
        // SAFETY: `at` is null or a node of this table (type invariant); only a writer unlinks, and
        // the caller is the only one.
        while let Some(node) = unsafe { at.as_ref() } {
            if node.key == new.key {
                // SAFETY: `raw` came from `into_node` just now.
                return Err(InsertError::Exists(unsafe { O::from_node(raw) }));
            }
            at = node.next.load(Ordering::Relaxed);
        }

        new.dead.store(false, Ordering::Relaxed);
        new.next.store(first, Ordering::Relaxed);
        // Pairs with the acquire loads of readers: who reaches the node sees its key and value.
        head.store(raw.as_ptr(), Ordering::Release);
        Ok(())
    }

    /// Takes the node of `key` out and hands it back, to be retired after a grace period.
    ///
    /// `None` if the key is not in the table.
    pub fn remove<W: WriteSide>(&self, _write: &mut W, key: Key) -> Option<Removed<O>> {
        let mut link = self.head(key)?;
        loop {
            let at = link.load(Ordering::Relaxed);
            // SAFETY: As in `insert`.
            let node = unsafe { at.as_ref() }?;
            if node.key == key {
                node.dead.store(true, Ordering::Release);
                link.store(node.next.load(Ordering::Relaxed), Ordering::Release);
                return NonNull::new(at).map(|node| Removed {
                    node,
                    owner: PhantomData,
                });
            }
            link = &node.next;
        }
    }

    /// Walks over all values, in no particular order.
    ///
    /// Survives concurrent insertion and removal: what is in the table all the while is seen
    /// exactly once, what comes or goes meanwhile at most once.
    pub fn iter<'g, G: ReadSide>(&'g self, _read: &'g G) -> Iter<'g, O::Value> {
        Iter {
            heads: self.heads.iter(),
            at: ptr::null_mut(),
        }
    }

    /// Climbs from `start` along `parent` to the nearest key that is in the table.
    ///
    /// Gives up after `most` steps, which the caller takes from the depth that the kernel allows
    /// (32 for pid namespaces, `MAX_PID_NS_LEVEL`).
    pub fn find_nearest_ancestor<'g, G: ReadSide>(
        &'g self,
        read: &'g G,
        start: Key,
        most: usize,
        mut parent: impl FnMut(Key) -> Option<Key>,
    ) -> Option<&'g O::Value> {
        let mut key = start;
        for _ in 0..most {
            if let Some(value) = self.find(read, key) {
                return Some(value);
            }
            key = parent(key)?;
        }
        None
    }
}

impl<O: Owner, const BITS: u32, const BUCKETS: usize> Drop for Table<O, BITS, BUCKETS> {
    // `&mut self`: no reader is left.
    fn drop(&mut self) {
        for head in &mut self.heads {
            let mut at = *head.get_mut();
            while let Some(node) = NonNull::new(at) {
                // SAFETY: The node is in the table (type invariant) and nobody else sees it.
                at = unsafe { node.as_ref() }.next.load(Ordering::Relaxed);
                // SAFETY: It came from `into_node` and is given back once.
                drop(unsafe { O::from_node(node) });
            }
        }
    }
}

/// A node that was taken out of its table, but that readers may still see.
///
/// It is leaked if it is dropped: only a grace period makes it safe to free.
#[must_use = "give it to `after`, or its memory is lost"]
pub struct Removed<O: Owner> {
    node: NonNull<Node<O::Value>>,
    owner: PhantomData<O>,
}

// SAFETY: It owns the node as `O` would.
unsafe impl<O: Owner + Send> Send for Removed<O> {}

impl<O: Owner> Removed<O> {
    /// Looks at the value.
    pub fn value(&self) -> &O::Value {
        // SAFETY: The node is not given back before `after`.
        &unsafe { self.node.as_ref() }.value
    }

    /// Hands the node to `grace`, which frees it when no reader can see it any more.
    pub fn after<G: GracePeriod<O>>(self, grace: &G) {
        // SAFETY: It came from `into_node`, was unlinked, and is given back once: `self` is gone.
        grace.retire(unsafe { O::from_node(self.node) });
    }
}

/// An iterator over the values of a [`Table`].
pub struct Iter<'g, T> {
    heads: core::slice::Iter<'g, AtomicPtr<Node<T>>>,
    at: *mut Node<T>,
}

impl<'g, T> Iterator for Iter<'g, T> {
    type Item = &'g T;

    fn next(&mut self) -> Option<&'g T> {
        loop {
            // SAFETY: `at` is null or was reached inside the read side, which outlives `'g`.
            while let Some(node) = unsafe { self.at.as_ref::<'g>() } {
                self.at = node.next.load(Ordering::Acquire);
                if !node.dead.load(Ordering::Acquire) {
                    return Some(&node.value);
                }
            }
            self.at = self.heads.next()?.load(Ordering::Acquire);
        }
    }
}
