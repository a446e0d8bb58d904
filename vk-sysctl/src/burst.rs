//! One log line per burst of refusals.

use core::sync::atomic::{AtomicU64, Ordering};

/// No line yet.
const NEVER: u64 = u64::MAX;

/// Lets one event of a burst through, and counts the others.
///
/// The first event opens a window of fixed length; whatever follows within it is only counted. So
/// there is one line per window however long the burst, and the next line tells what was left out.
/// Any context; takes no lock.
///
/// # Examples
///
/// ```
/// use vk_sysctl::Burst;
///
/// let burst = Burst::new(1_000_000_000);
/// assert_eq!(burst.admit(5), Some(0));
/// assert_eq!(burst.admit(6), None);
/// assert_eq!(burst.admit(7), None);
/// assert_eq!(burst.admit(1_000_000_005), Some(2)); // with "2 more" in the line
/// ```
#[derive(Debug)]
pub struct Burst {
    window_ns: u64,
    opened_ns: AtomicU64,
    left_out: AtomicU64,
}

impl Burst {
    /// Makes one whose windows are `window_ns` long.
    pub const fn new(window_ns: u64) -> Self {
        Self {
            window_ns,
            opened_ns: AtomicU64::new(NEVER),
            left_out: AtomicU64::new(0),
        }
    }

    /// Decides about an event at `now_ns` of a clock that does not go back: the number of events
    /// left out before, if this one is to be logged.
    pub fn admit(&self, now_ns: u64) -> Option<u64> {
        let opened = self.opened_ns.load(Ordering::Relaxed);
        let is_open = opened != NEVER && now_ns.saturating_sub(opened) < self.window_ns;
        if is_open || !self.open(opened, now_ns) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.left_out.swap(0, Ordering::Relaxed))
    }

    /// Opens a window; false if another CPU was faster, whose line then stands for this event.
    fn open(&self, before: u64, now_ns: u64) -> bool {
        self.opened_ns
            .compare_exchange(before, now_ns, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}
