//! A pause between two recounts.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The earliest time at which something costly may be done again.
///
/// The clock is the caller's and must not go back (`ktime_get_ns()`). Two of these bound what
/// recounts cost: one after a refusal, one for readers of `Committed_AS`.
///
/// # Examples
///
/// ```
/// use vk_overcommit::Backoff;
///
/// let after_refusal = Backoff::new();
/// assert!(after_refusal.is_due(0));
/// after_refusal.hold_off(1_000, Backoff::REFUSAL_NS);
/// assert!(!after_refusal.is_due(1_001));
/// after_refusal.clear(); // a process that had charges has exited
/// assert!(after_refusal.is_due(1_002));
/// ```
#[derive(Debug, Default)]
pub struct Backoff {
    not_before_ns: AtomicU64,
}

impl Backoff {
    /// How long a recount that ended in a refusal holds: 10 ms.
    pub const REFUSAL_NS: u64 = 10_000_000;

    /// How long a recount serves readers: 100 ms.
    pub const READER_NS: u64 = 100_000_000;

    /// Makes a pause that is over.
    pub const fn new() -> Self {
        Self {
            not_before_ns: AtomicU64::new(0),
        }
    }

    /// Tells whether the pause is over at `now_ns`.
    pub fn is_due(&self, now_ns: u64) -> bool {
        // Relaxed: the time guards no data, and being late or early by one call costs one recount.
        now_ns >= self.not_before_ns.load(Relaxed)
    }

    /// Starts a pause of `pause_ns`.
    pub fn hold_off(&self, now_ns: u64, pause_ns: u64) {
        self.not_before_ns
            .store(now_ns.saturating_add(pause_ns), Relaxed);
    }

    /// Ends the pause, because something has changed since.
    pub fn clear(&self) {
        self.not_before_ns.store(0, Relaxed);
    }
}
