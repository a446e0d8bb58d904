//! Owners and proofs for tests on one thread.

use std::ptr::NonNull;
use vk_nshash::{GracePeriod, Key, Nested, Node, Owner, ReadSide, Table, WriteSide};

/// Proof of a read side: there is one thread.
pub(crate) struct Read;
// SAFETY: `Free` is called with no reference to a value alive.
unsafe impl ReadSide for Read {}

/// Proof of the write side.
pub(crate) struct Write;
// SAFETY: Each test makes them one after the other, on one thread.
unsafe impl WriteSide for Write {}

/// A node in a box.
#[derive(Debug)]
pub(crate) struct Boxed<T>(pub(crate) Box<Node<T>>);

// SAFETY: A box does not move its content, and is rebuilt from the same address.
unsafe impl<T> Owner for Boxed<T> {
    type Value = T;
    type Read = Read;
    type Write = Write;

    fn into_node(self) -> NonNull<Node<T>> {
        NonNull::from(Box::leak(self.0))
    }

    unsafe fn from_node(node: NonNull<Node<T>>) -> Self {
        // SAFETY: `node` came from `into_node`.
        Self(unsafe { Box::from_raw(node.as_ptr()) })
    }
}

/// Drops at once.
pub(crate) struct Free;
// SAFETY: No reader is alive when it is called.
unsafe impl<T> GracePeriod<Boxed<T>> for Free {
    fn retire(&self, node: Boxed<T>) {
        drop(node);
    }
}

/// Few buckets, so that chains are long.
pub(crate) type Small = Table<Boxed<u64>, 3, 8>;

/// An address as those of kernel objects: aligned to a cache line.
pub(crate) fn key(n: usize) -> Key {
    Key::new(n * 64).expect("not null")
}

/// A node that is in no table.
pub(crate) fn node(n: usize, value: u64) -> Boxed<u64> {
    Boxed(Box::new(Node::new(key(n), value)))
}

/// Object `n` lies in object `n / 2`, and 1 in none.
pub(crate) struct Half(pub(crate) usize);

impl Nested for Half {
    fn key(&self) -> Key {
        key(self.0)
    }

    fn parent(self) -> Option<Self> {
        (self.0 > 1).then_some(Self(self.0 / 2))
    }
}
