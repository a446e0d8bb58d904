//! The chains: buckets of singly linked nodes that readers follow without a lock.
//!
//! Who locks: writers, with a lock of the caller's, shown as [`Owner::Write`]. Readers lock nothing;
//! they show a read side, [`Owner::Read`].
//!
//! What may sleep: nothing here. Every call but `iter` and `longest_chain` visits one chain, so at
//! most [`CHAIN_MAX`] nodes.
//!
//! When a thing is seen:
//!
//! - An inserted node: by every read that begins after `insert` returned. A read that overlaps may
//!   see it, and then sees it whole.
//! - A removed node: by no read that begins after `remove` returned. A read that overlaps may have
//!   found it, and may use it until its read side ends.
//! - A walk over all nodes sees once what is there all the while, at most once what comes or goes,
//!   and never what was gone before it arrived there.
//!
//! Order of stores, and who pairs with it:
//!
//! - `insert` writes the node, then stores it into the chain's head with release, as `remove` does
//!   with the node behind the removed one. Both pair with the acquire loads of heads in `find` and
//!   `Iter`: who reaches a node sees its key and value.
//! - `next` needs no order. Nodes come in at the head only, so it leads to an older node, which was
//!   published before the one that leads to it.
//! - `remove` takes the node's key away, which makes it a tombstone, then unlinks it. A reader that
//!   stands on it goes on along `next`, which stays as it is until the grace period is over; one
//!   that is on its way to it passes by.

#![allow(unsafe_code)]

use crate::atomic::{constant, nulls, AtomicPtr, AtomicUsize, Ordering};
use crate::{InsertError, Key};
use core::fmt;
use core::marker::{PhantomData, PhantomPinned};
use core::ptr::{self, NonNull};
use core::slice;

/// The most nodes of a chain, and so the most keys that a lookup compares.
///
/// Insertion refuses more. With up to 16 nodes per bucket on average it has no reason to: the
/// longest chains measured are in the README.
pub const CHAIN_MAX: usize = 64;

/// Proof that a read side is entered.
///
/// # Safety
///
/// A value exists only inside a read side of the kind that the [`GracePeriod`]s of its [`Owner`]s
/// wait for.
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
/// Before every [`Owner::Read`] that exists at the time of the call is gone, `retire` does not
/// drop, change or reuse the node.
pub unsafe trait GracePeriod<O: Owner> {
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

    /// What a reader of its tables shows.
    type Read: ReadSide;

    /// What a writer of its tables shows.
    type Write: WriteSide;

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
///
/// Once inserted it stays where it is; its [`Owner`] sees to that.
pub struct Node<T> {
    next: AtomicPtr<Node<T>>,
    /// An address, or 0 in a tombstone.
    key: AtomicUsize,
    value: T,
    // Readers may look at it while its owner is on the way to the grace period: not `Unpin`, it is
    // not taken to be the owner's alone.
    _pinned: PhantomPinned,
}

impl<T> Node<T> {
    constant! {
        /// Makes a node that is in no table.
        pub fn new(key: Key, value: T) -> Self {
            Self {
                next: AtomicPtr::new(ptr::null_mut()),
                key: AtomicUsize::new(key.address()),
                value,
                _pinned: PhantomPinned,
            }
        }
    }

    /// Returns the key, `None` once it was removed.
    #[inline]
    pub fn key(&self) -> Option<Key> {
        Key::new(self.key.load(Ordering::Relaxed))
    }

    #[inline]
    fn has(&self, key: Key) -> bool {
        self.key.load(Ordering::Relaxed) == key.address()
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
            .field("key", &self.key())
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

/// A hash table of `1 << BITS` chains.
///
/// Readers never wait and never write. Writers are serialised by the caller, who shows
/// [`Owner::Write`]. The table does not grow: with `n` nodes a chain has `n >> BITS` on average, and
/// never more than [`CHAIN_MAX`].
///
/// # Invariants
///
/// - Every pointer in a chain came from [`Owner::into_node`] and was not given back yet, or is
///   within a grace period of its removal.
/// - Only the holder of the [`Owner::Write`] stores to heads and `next`.
/// - A node's `next` is older than the node.
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

    constant! {
        /// Makes an empty table, also in a `static`.
        #[allow(clippy::let_unit_value)]
        pub fn new() -> Self {
            let () = Self::BUCKETS_ARE_A_POWER_OF_TWO;
            Self {
                heads: nulls(),
                owner: PhantomData,
            }
        }
    }

    #[inline]
    fn head(&self, key: Key) -> Option<&AtomicPtr<Node<O::Value>>> {
        self.heads.get(key.bucket(BITS))
    }

    /// Finds the value of `key`.
    ///
    /// Any context but NMI; the reference is good until the read side is left:
    ///
    /// ```compile_fail,E0515
    /// use vk_nshash::{Key, Owner, Table};
    ///
    /// fn keeps<O: Owner>(table: &Table<O, 4, 16>, read: O::Read, key: Key) -> Option<&O::Value> {
    ///     table.find(&read, key)
    /// }
    /// ```
    #[inline]
    pub fn find<'g>(&'g self, read: &'g O::Read, key: Key) -> Option<&'g O::Value> {
        self.enter(read, key).seek(key)
    }

    /// Enters the chain of `key`.
    #[inline]
    pub(crate) fn enter<'g>(&'g self, _read: &'g O::Read, key: Key) -> Walk<'g, O::Value> {
        self.head(key).map_or(Walk::NOWHERE, Walk::enter)
    }

    /// Puts `node` in.
    ///
    /// Context: that of the caller's lock.
    ///
    /// # Errors
    ///
    /// - [`InsertError::Exists`]: the key is there already; the node comes back.
    /// - [`InsertError::Crowded`]: its chain has [`CHAIN_MAX`] nodes; the node comes back.
    /// - [`InsertError::Removed`]: the node was in a table before; it comes back.
    pub fn insert(&self, _write: &mut O::Write, node: O) -> Result<(), InsertError<O>> {
        let raw = node.into_node();
        // SAFETY: `raw` is a valid node (contract of `Owner`), not shared yet.
        let new = unsafe { raw.as_ref() };
        let key = new.key().ok_or(InsertError::Removed(()));
        let head = match key.and_then(|key| self.room_for(key)) {
            Ok(head) => head,
            // SAFETY: `raw` came from `into_node` just now, and nobody else has it.
            Err(refusal) => return Err(refusal.of(unsafe { O::from_node(raw) })),
        };
        new.next
            .store(head.load(Ordering::Relaxed), Ordering::Relaxed);
        // Pairs with the acquire loads of readers: who reaches the node sees its key and value.
        head.store(raw.as_ptr(), Ordering::Release);
        Ok(())
    }

    /// Returns the head of the chain for a new `key`, or why there is no room. For writers.
    fn room_for(&self, key: Key) -> Result<&AtomicPtr<Node<O::Value>>, InsertError<()>> {
        let head = self.head(key).ok_or(InsertError::Crowded(()))?;
        let mut at = head.load(Ordering::Relaxed);
        let mut len = 0_usize;
        // SAFETY: `at` is null or a node of this table (type invariant); only a writer unlinks, and
        // the caller is the only one.
        while let Some(node) = unsafe { at.as_ref() } {
            if node.has(key) {
                return Err(InsertError::Exists(()));
            }
            len = len.wrapping_add(1);
            if len == CHAIN_MAX {
                return Err(InsertError::Crowded(()));
            }
            at = node.next.load(Ordering::Relaxed);
        }
        Ok(head)
    }

    /// Takes the node of `key` out and hands it back, to be retired after a grace period.
    ///
    /// `None` if the key is not in the table. Context: that of the caller's lock.
    pub fn remove(&self, _write: &mut O::Write, key: Key) -> Option<Removed<O>> {
        let mut link = self.head(key)?;
        loop {
            let at = link.load(Ordering::Relaxed);
            // SAFETY: As in `room_for`.
            let node = unsafe { at.as_ref() }?;
            if node.has(key) {
                // Nothing is published by it: who comes after the removal sees it anyhow, and the
                // others may have come before.
                node.key.store(0, Ordering::Relaxed);
                // Pairs with the acquire loads of readers, if `link` is a head.
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
    /// exactly once, what comes or goes meanwhile at most once. Any context but NMI.
    pub fn iter<'g>(&'g self, _read: &'g O::Read) -> Iter<'g, O::Value> {
        Iter {
            heads: self.heads.iter(),
            walk: Walk::NOWHERE,
        }
    }

    /// Returns how many nodes the longest chain has, to judge the size of the table by.
    ///
    /// Any context but NMI.
    pub fn longest_chain(&self, _read: &O::Read) -> usize {
        let len = |head| Walk::enter(head).fold(0_usize, |len, _| len.wrapping_add(1));
        self.heads.iter().map(len).max().unwrap_or(0)
    }
}

impl<O: Owner, const BITS: u32, const BUCKETS: usize> Drop for Table<O, BITS, BUCKETS> {
    // `&mut self`: no reader is left.
    fn drop(&mut self) {
        for head in &self.heads {
            let mut at = head.load(Ordering::Relaxed);
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

// SAFETY: It owns the node as `O` would, and readers of this thread may share the value with it.
unsafe impl<O: Owner + Send> Send for Removed<O> where O::Value: Sync {}

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

/// The way of a reader along a chain, tombstones included.
///
/// # Invariants
///
/// `at` is null or a node that was reached inside a read side that lasts for `'g`.
pub(crate) struct Walk<'g, T> {
    at: *mut Node<T>,
    read: PhantomData<&'g Node<T>>,
}

impl<'g, T> Walk<'g, T> {
    const NOWHERE: Self = Self {
        at: ptr::null_mut(),
        read: PhantomData,
    };

    /// Enters the chain behind `head`; readers only.
    #[inline]
    fn enter(head: &'g AtomicPtr<Node<T>>) -> Self {
        // INVARIANT: What a head leads to is valid (type invariant of `Table`), and each caller
        // was shown a read side that lasts for `'g`.
        // Acquire: pairs with the release stores into heads.
        Self {
            at: head.load(Ordering::Acquire),
            read: PhantomData,
        }
    }

    /// Returns where it stands.
    #[inline]
    fn here(&self) -> Option<&'g Node<T>> {
        // SAFETY: Null or a node that stays valid for `'g` (type invariant).
        unsafe { self.at.as_ref() }
    }

    /// Goes on behind `node`, on which it stands.
    #[inline]
    fn pass(&mut self, node: &'g Node<T>) {
        // INVARIANT: What `next` leads to is retired no earlier than within this read side.
        self.at = node.next.load(Ordering::Relaxed);
    }

    /// Goes on to the node of `key`.
    #[inline]
    pub(crate) fn seek(mut self, key: Key) -> Option<&'g T> {
        while let Some(node) = self.here() {
            // A tombstone has no key, whoever has its address now.
            if node.has(key) {
                return Some(&node.value);
            }
            self.pass(node);
        }
        None
    }
}

impl<'g, T> Iterator for Walk<'g, T> {
    type Item = &'g Node<T>;

    #[inline]
    fn next(&mut self) -> Option<&'g Node<T>> {
        let node = self.here()?;
        self.pass(node);
        Some(node)
    }
}

/// An iterator over the values of a [`Table`].
pub struct Iter<'g, T> {
    heads: slice::Iter<'g, AtomicPtr<Node<T>>>,
    walk: Walk<'g, T>,
}

impl<'g, T> Iterator for Iter<'g, T> {
    type Item = &'g T;

    fn next(&mut self) -> Option<&'g T> {
        loop {
            // It may have been removed while the walk stood before it.
            let is_live = |node: &&Node<T>| node.key().is_some();
            if let Some(node) = self.walk.find(is_live) {
                return Some(&node.value);
            }
            self.walk = Walk::enter(self.heads.next()?);
        }
    }
}
