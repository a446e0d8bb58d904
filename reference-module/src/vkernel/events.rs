//! What watchers are told, and how: a ring that hooks write to, and a bell that wakes readers.
//!
//! - Whoever writes takes one raw spinlock, under which nothing else is taken, allocates nothing and
//!   does not wake anybody itself: an RCU callback or a hook under the mmap lock may write. While
//!   nobody watches it costs one load.
//! - Numbers count what was written while somebody watched. A reader sees all that begins after its
//!   request was taken, or is told how much it lost.
//! - A reader that sleeps has the device open, and an open file holds the module: the module cannot
//!   go under a sleeper.

use core::sync::atomic::{AtomicUsize, Ordering};
use vk_ffi_shims::{bell, clock_ns, current_comm, current_pid, EventCell, EventGuard};
use vk_reference_module::{Comm, Cursor, Event, Key, Own, Ring, Target, Told, Why, Writer};

/// How many events a reader may be behind.
const ROOM: usize = 512;

static RING: EventCell<Ring<ROOM>> = EventCell::new(Ring::new());
static WATCHERS: AtomicUsize = AtomicUsize::new(0);

/// Writes an event down, if anybody watches. Any context but NMI.
pub(crate) fn tell(event: impl FnOnce() -> Event) {
    // Relaxed: who learns that a watch has begun sees the count of it.
    if WATCHERS.load(Ordering::Relaxed) != 0 {
        write(event());
    }
}

#[cold]
fn write(event: Event) {
    RING.get_mut(&mut EventGuard::lock())
        .push(clock_ns(), event);
    bell::ring();
}

/// Tells of each key whose value or rule differs.
pub(crate) fn tell_changes(target: Target, before: &Own, after: &Own, by: Writer) {
    for key in Key::ALL {
        let (was, value) = (before.get(key), after.get(key));
        let rule = after.rule(key);
        if was != value || before.rule(key) != rule {
            tell(|| Event::Set {
                target,
                key,
                value,
                was,
                rule,
                by,
            });
        }
    }
}

/// Tells that the running task's write to `key` of its container `ns` was refused.
pub(crate) fn tell_denied(ns: u64, key: Key, why: Why) {
    tell(|| Event::Denied {
        ns,
        key,
        why,
        pid: current_pid(),
        comm: Comm(current_comm()),
    });
}

/// Tells that the commit limit of `by` refused `bytes` to the namespace `ns`.
pub(crate) fn tell_refused(ns: u64, by: u64, bytes: u64) {
    tell(|| Event::Refused {
        ns,
        bytes,
        by,
        pid: current_pid(),
        comm: Comm(current_comm()),
    });
}

/// Somebody who watches.
pub(crate) struct Watcher {
    cursor: Cursor,
}

impl Watcher {
    /// Watches from now on.
    pub(crate) fn new() -> Self {
        WATCHERS.fetch_add(1, Ordering::Relaxed);
        let cursor = RING.get(&EventGuard::lock()).end();
        Self { cursor }
    }

    /// Returns what comes next, and where it goes on from there.
    pub(crate) fn next(&self) -> Option<(Told, Cursor)> {
        let mut cursor = self.cursor;
        let told = RING.get(&EventGuard::lock()).take(&mut cursor)?;
        Some((told, cursor))
    }

    /// Goes on.
    pub(crate) fn go_on(&mut self, cursor: Cursor) {
        self.cursor = cursor;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        WATCHERS.fetch_sub(1, Ordering::Relaxed);
    }
}
