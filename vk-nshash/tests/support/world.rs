//! A kernel for the models: a lock, a read side, and a grace period that waits for it.

use crate::{GracePeriod, InsertError, Key, Nested, Node, Owner, ReadSide, Table, WriteSide};
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Mutex, MutexGuard};
use std::collections::BTreeSet;
use std::ptr::NonNull;

loom::lazy_static! {
    static ref LOCK: Mutex<()> = Mutex::new(());
    static ref READERS: AtomicUsize = AtomicUsize::new(0);
}

/// Runs `model` in every order, and returns what came out.
pub(crate) fn outcomes<R: Ord + Send + 'static>(
    model: impl Fn() -> R + Sync + Send + 'static,
) -> BTreeSet<R> {
    // Not loom's: they outlive a run.
    let seen = std::sync::Arc::new(std::sync::Mutex::new(BTreeSet::new()));
    let all = seen.clone();
    loom::model(move || {
        let outcome = model();
        all.lock().expect("no panic").insert(outcome);
    });
    let mut seen = seen.lock().expect("no panic");
    std::mem::take(&mut *seen)
}

/// Proof of a read side.
pub(crate) struct Reader(());

impl Reader {
    /// Calls `look` inside a read side.
    pub(crate) fn enter<R>(look: impl FnOnce(&Self) -> R) -> R {
        READERS.fetch_add(1, Ordering::AcqRel);
        let seen = look(&Self(()));
        READERS.fetch_sub(1, Ordering::AcqRel);
        seen
    }
}

// SAFETY: `Grace` waits until there is none.
unsafe impl ReadSide for Reader {}

/// Proof of the write side.
pub(crate) struct Writer(#[allow(dead_code)] MutexGuard<'static, ()>);

impl Writer {
    fn lock() -> Self {
        Self(LOCK.lock().expect("no panic"))
    }
}

// SAFETY: There is one lock, and the guard holds it.
unsafe impl WriteSide for Writer {}

/// A number that loom watches: to read it while it is written, or before it is seen written, is an
/// error.
pub(crate) struct Watched(UnsafeCell<u64>);

impl Watched {
    fn new(value: u64) -> Self {
        let number = UnsafeCell::new(0);
        // loom takes what a cell begins with for known to all.
        // SAFETY: Nobody else has it.
        number.with_mut(|it| unsafe { *it = value });
        Self(number)
    }

    pub(crate) fn read(&self) -> u64 {
        // SAFETY: loom fails if it is written meanwhile.
        self.0.with(|it| unsafe { *it })
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // SAFETY: loom fails if it is read meanwhile.
        self.0.with_mut(|it| unsafe { *it = u64::MAX });
    }
}

/// A node in a box.
pub(crate) struct Boxed(Box<Node<Watched>>);

// SAFETY: A box does not move its content, and is rebuilt from the same address.
unsafe impl Owner for Boxed {
    type Value = Watched;
    type Read = Reader;
    type Write = Writer;

    fn into_node(self) -> NonNull<Node<Watched>> {
        NonNull::from(Box::leak(self.0))
    }

    unsafe fn from_node(node: NonNull<Node<Watched>>) -> Self {
        // SAFETY: `node` came from `into_node`.
        Self(unsafe { Box::from_raw(node.as_ptr()) })
    }
}

/// Drops when there was a time without a reader.
pub(crate) struct Grace;

// SAFETY: Readers of now are gone when there is none; a later one finds the node no more.
unsafe impl GracePeriod<Boxed> for Grace {
    fn retire(&self, node: Boxed) {
        // A change, though of nothing: it reads the newest value, and later readers see it.
        while READERS.fetch_add(0, Ordering::AcqRel) != 0 {
            loom::thread::yield_now();
        }
        drop(node);
    }
}

/// One chain.
pub(crate) type Chain = Table<Boxed, 0, 1>;

pub(crate) fn key_of(n: usize) -> Key {
    Key::new(n * 64).expect("not null")
}

pub(crate) fn insert(table: &Chain, n: usize, value: u64) -> bool {
    let node = Boxed(Box::new(Node::new(key_of(n), Watched::new(value))));
    let refused = table.insert(&mut Writer::lock(), node).err();
    refused.map(InsertError::into_node).is_none()
}

pub(crate) fn remove(table: &Chain, n: usize) -> Option<crate::chain::Removed<Boxed>> {
    table.remove(&mut Writer::lock(), key_of(n))
}

pub(crate) fn remove_and_wait(table: &Chain, n: usize) -> Option<u64> {
    let removed = remove(table, n)?;
    let value = removed.value().read();
    removed.after(&Grace);
    Some(value)
}

/// An object, named by how deep it lies.
pub(crate) struct Depth(pub(crate) usize);

impl Nested for Depth {
    fn key(&self) -> Key {
        key_of(self.0)
    }

    fn parent(self) -> Option<Self> {
        (self.0 > 1).then_some(Self(self.0 - 1))
    }
}
