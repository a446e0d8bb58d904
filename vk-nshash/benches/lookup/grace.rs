//! The grace period of the bench: each reader says when it rests, as the kernel's CPUs do.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;

/// How many may read at once.
const READERS: usize = 2;
/// How many wait before a grace period is begun for them.
const CROWD: usize = 4_096;
/// What a reader that is gone has counted.
const GONE: u64 = u64::MAX;

/// A reader's count of rests, on a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
struct Rests(AtomicU64);

type Waiting = Vec<Box<dyn Any + Send>>;

/// Frees what was retired when every reader has rested since.
#[derive(Default)]
pub(crate) struct Grace {
    rests: [Rests; READERS],
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// Wait for the readers to rest after `seen`.
    older: Waiting,
    seen: [u64; READERS],
    newer: Waiting,
}

impl Grace {
    /// So many readers will come.
    pub(crate) fn begin(&self, readers: usize) {
        for (n, rests) in self.rests.iter().enumerate() {
            let count = if n < readers { 0 } else { GONE };
            rests.0.store(count, Ordering::SeqCst);
        }
        let mut queue = self.queue.lock().expect("no panic");
        *queue = Queue::default();
    }

    /// A reader holds no reference now.
    pub(crate) fn rest(&self, reader: usize) {
        let rests = &self.rests[reader].0;
        let count = rests.load(Ordering::Relaxed);
        // SeqCst: what it reads next it reads after this.
        rests.store(count + 1, Ordering::SeqCst);
    }

    /// A reader is gone.
    pub(crate) fn leave(&self, reader: usize) {
        self.rests[reader].0.store(GONE, Ordering::SeqCst);
    }

    /// Frees `it` later.
    pub(crate) fn retire(&self, it: Box<dyn Any + Send>) {
        let mut queue = self.queue.lock().expect("no panic");
        queue.newer.push(it);
        if queue.newer.len() < CROWD {
            return;
        }
        let now: [u64; READERS] = std::array::from_fn(|n| self.rests[n].0.load(Ordering::SeqCst));
        let have_rested = queue
            .seen
            .iter()
            .zip(now)
            .all(|(&seen, now)| now == GONE || now > seen);
        if queue.older.is_empty() || have_rested {
            queue.older = std::mem::take(&mut queue.newer);
            queue.seen = now;
        }
    }
}
