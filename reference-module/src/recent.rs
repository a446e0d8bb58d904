//! A number of pages that is good for one tick of a clock.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The last number kept, with the tick it was computed in, in one word: no reader sees half of it.
///
/// From the low end: 32 bits of pages, and 32 bits of the tick. More
/// than 2^32 pages, 16 TiB, are kept as the most that fits. A tick comes round again after 2^32:
/// 6 years of twenty per second, in which nobody has kept anything.
///
/// # Examples
///
/// ```
/// use vk_reference_module::Recent;
///
/// let limit = Recent::new();
/// limit.keep(7, 100);
/// assert_eq!(limit.pages(7), Some(100));
/// assert_eq!(limit.pages(8), None);
/// ```
#[derive(Debug, Default)]
pub struct Recent(AtomicU64);

const TICK_SHIFT: u32 = 32;

impl Recent {
    /// Keeps nothing.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Keeps `pages`, computed from what was read at `tick` or later.
    ///
    /// A writer that is late does no harm: nobody asks for its tick any more.
    pub fn keep(&self, tick: u64, pages: i64) {
        let pages = u32::try_from(pages.max(0)).unwrap_or(u32::MAX);
        // Relaxed: the word is all there is.
        self.0.store(tick << TICK_SHIFT | u64::from(pages), Relaxed);
    }

    /// Returns the pages kept at `tick`, if any were.
    ///
    /// None were at tick 0: it is then as if 0 had been kept, which nothing is below.
    #[inline]
    pub fn pages(&self, tick: u64) -> Option<i64> {
        let word = self.0.load(Relaxed);
        ((word >> TICK_SHIFT) as u32 == tick as u32).then_some(i64::from(word as u32))
    }
}
