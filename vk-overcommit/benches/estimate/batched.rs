//! What could have been instead: a sum for each CPU, passed on when it is a batch.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// As many as `percpu_counter_batch` is on a machine of up to 16 CPUs.
const BATCH_PAGES: i64 = 32;

const CPUS: usize = 2;

/// An estimate in parts. It knows no eras: a recount would have to collect the parts of all CPUs
/// while they change.
pub(crate) struct Batched {
    sum: Line,
    parts: [Line; CPUS],
}

/// A cache line of its own, and the one that is fetched with it.
#[repr(align(128))]
struct Line(AtomicI64);

impl Batched {
    pub(crate) fn new() -> Self {
        Self {
            sum: Line(AtomicI64::new(0)),
            parts: [const { Line(AtomicI64::new(0)) }; CPUS],
        }
    }

    /// Charges `pages` if the estimate stays below `bound_pages` with them, whatever the CPUs keep.
    ///
    /// To and from the part without a locked instruction, as a CPU does that is not interrupted
    /// meanwhile: the kernel would have to see to that as well.
    pub(crate) fn try_charge(&self, cpu: usize, pages: i64, bound_pages: i64) -> bool {
        const KEPT_PAGES: i64 = BATCH_PAGES * CPUS as i64;
        if self.sum.0.load(Relaxed) + KEPT_PAGES + pages >= bound_pages {
            return false;
        }
        let part = &self.parts[cpu].0;
        let kept = part.load(Relaxed) + pages;
        if kept < BATCH_PAGES {
            part.store(kept, Relaxed);
        } else {
            self.sum.0.fetch_add(kept, Relaxed);
            part.store(0, Relaxed);
        }
        true
    }
}
