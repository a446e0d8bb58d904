//! The suites' platform on the host: threads of std, and RCU by a lock.
//!
//! A reader shares the lock. A grace period is over when somebody got it alone.

use std::any::Any;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;
use vk_nshash::{GracePeriod, Key, Node, Owner, ReadSide, WriteSide};

static READERS: RwLock<()> = RwLock::new(());
static WRITER: Mutex<()> = Mutex::new(());
static RETIRED: Mutex<Vec<Box<dyn Any + Send>>> = Mutex::new(Vec::new());

/// Proof of a read side.
pub(crate) struct ReadGuard(#[allow(dead_code)] RwLockReadGuard<'static, ()>);

impl ReadGuard {
    pub(crate) fn new() -> Self {
        Self(READERS.read().unwrap_or_else(PoisonError::into_inner))
    }
}

// SAFETY: What was retired is dropped under the same lock held alone.
unsafe impl ReadSide for ReadGuard {}

/// Proof of the write side.
pub(crate) struct WriteGuard(#[allow(dead_code)] MutexGuard<'static, ()>);

impl WriteGuard {
    pub(crate) fn lock() -> Self {
        Self(WRITER.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// SAFETY: There is one lock, and the guard holds it.
unsafe impl WriteSide for WriteGuard {}

/// A node in a box.
pub(crate) struct Boxed<T>(Box<Node<T>>);

// SAFETY: A box does not move its content, and is rebuilt from the same address.
unsafe impl<T> Owner for Boxed<T> {
    type Value = T;
    type Read = ReadGuard;
    type Write = WriteGuard;

    fn into_node(self) -> NonNull<Node<T>> {
        NonNull::from(Box::leak(self.0))
    }

    unsafe fn from_node(node: NonNull<Node<T>>) -> Self {
        // SAFETY: `node` came from `into_node`.
        Self(unsafe { Box::from_raw(node.as_ptr()) })
    }
}

/// Lets go of nodes when no reader is left.
pub(crate) struct Grace;

// SAFETY: The node is dropped with READERS held alone, which waits for every guard of now.
unsafe impl<T: Send + 'static> GracePeriod<Boxed<T>> for Grace {
    fn retire(&self, node: Boxed<T>) {
        retired().push(node.0);
        if let Ok(_alone) = READERS.try_write() {
            retired().clear();
        }
    }
}

/// Makes a node for a table.
pub(crate) fn node<T>(key: Key, value: T) -> Option<Boxed<T>> {
    Some(Boxed(Box::new(Node::new(key, value))))
}

/// Returns what drops nodes after a grace period.
pub(crate) fn grace() -> Grace {
    Grace
}

/// Waits until all that was retired is dropped.
pub(crate) fn barrier() {
    let _alone = READERS.write().unwrap_or_else(PoisonError::into_inner);
    retired().clear();
}

/// Calls `work` with 0 to `count - 1` in as many threads at once, and waits for the last.
pub(crate) fn threads<F: Fn(u32) + Sync>(count: u32, work: &F) -> Result<(), i32> {
    std::thread::scope(|scope| {
        for index in 0..count {
            scope.spawn(move || work(index));
        }
    });
    Ok(())
}

/// Returns how many CPUs to spread threads over.
pub(crate) fn cpus() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u32)
}

/// Returns nanoseconds that only move on.
pub(crate) fn clock_ns() -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

fn retired() -> MutexGuard<'static, Vec<Box<dyn Any + Send>>> {
    RETIRED.lock().unwrap_or_else(PoisonError::into_inner)
}
