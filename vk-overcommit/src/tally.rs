//! The estimate as one word, so that every step of the protocol is one atomic operation.

/// Estimate, era and state of an account.
///
/// From the low end: 44 bits of pages, a bit for "too many to count", a bit for "a recount runs",
/// 3 bits for the recounts abandoned since the last one finished, 15 bits for the era, which
/// counts the recounts begun.
///
/// An era lasts 10 ms at the least where the caller backs off, and a charge is settled by the call
/// that made it; the same number coming round again within one call would take five minutes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally(u64);

const PAGES_BITS: u32 = 44;
const PAGES_MAX: u64 = (1 << PAGES_BITS) - 1;
const OVERFLOWED: u64 = 1 << PAGES_BITS;
const RECOUNTING: u64 = OVERFLOWED << 1;
const ABANDONED_SHIFT: u32 = PAGES_BITS + 2;
const ABANDONED_MAX: u64 = 7;
const ERA_SHIFT: u32 = ABANDONED_SHIFT + 3;
const ERA_MAX: u64 = u64::MAX >> ERA_SHIFT;

impl Tally {
    pub(crate) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    pub(crate) const fn word(self) -> u64 {
        self.0
    }

    /// The estimate; `i64::MAX` stands for "too many to count".
    pub(crate) const fn held_pages(self) -> i64 {
        if self.has_overflowed() {
            return i64::MAX;
        }
        self.pages() as i64
    }

    pub(crate) const fn era(self) -> u64 {
        self.0 >> ERA_SHIFT
    }

    pub(crate) const fn is_recounting(self) -> bool {
        self.0 & RECOUNTING != 0
    }

    /// Adds a charge.
    pub(crate) const fn plus(self, pages: u64) -> Self {
        let sum = self.pages().saturating_add(pages);
        if sum > PAGES_MAX {
            return self.with_pages(PAGES_MAX).with(OVERFLOWED);
        }
        self.with_pages(sum)
    }

    /// Adds a charge if the estimate stays below `bound_pages`.
    #[inline]
    pub(crate) const fn plus_below(self, pages: u64, bound_pages: u64) -> Option<Self> {
        // Too many to count is one more than the most that fits, and so above any bound.
        let sum = (self.0 & (OVERFLOWED | PAGES_MAX)).saturating_add(pages);
        if sum >= bound_pages || sum > PAGES_MAX {
            return None;
        }
        Some(Self(self.0.wrapping_add(pages)))
    }

    /// Takes a charge of `era` back, unless a recount has done or will do so.
    ///
    /// What has overflowed stays: its sum is not known.
    pub(crate) const fn minus(self, pages: u64, era: u64) -> Self {
        if self.has_overflowed() || !self.contains(era) {
            return self;
        }
        self.with_pages(self.pages().saturating_sub(pages))
    }

    /// Tells whether the charges of `era` are in the pages to stay: a finished recount has
    /// dropped older ones, and one that runs would drop all from before it.
    const fn contains(self, era: u64) -> bool {
        let age = self.era().wrapping_sub(era) & ERA_MAX;
        let age_max = if self.is_recounting() {
            0
        } else {
            self.abandoned()
        };
        age <= age_max
    }

    /// Opens a new era, in which what is added is told apart from `base_pages`.
    ///
    /// Counts the recount as abandoned until it finishes.
    pub(crate) const fn begin(self) -> Self {
        let base = if self.has_overflowed() {
            self.with_pages(0)
        } else {
            self
        };
        base.next_era()
            .with_abandoned(self.abandoned().saturating_add(1))
            .with(RECOUNTING)
    }

    /// The pages from before the era that `begin` opened.
    pub(crate) const fn base_pages(self) -> u64 {
        self.pages()
    }

    /// Ends the recount: `exact_pages` take the place of `base_pages`.
    pub(crate) const fn finish(self, base_pages: u64, exact_pages: u64) -> Self {
        let since_pages = self.pages().saturating_sub(base_pages);
        let full = self.pages() == PAGES_MAX;
        let settled = self.without(RECOUNTING).with_abandoned(0);
        if full {
            return settled.with(OVERFLOWED);
        }
        settled
            .without(OVERFLOWED)
            .with_pages(0)
            .plus(exact_pages)
            .plus(since_pages)
    }

    /// Ends the recount without a result.
    pub(crate) const fn abandon(self) -> Self {
        self.without(RECOUNTING)
    }

    const fn pages(self) -> u64 {
        self.0 & PAGES_MAX
    }

    const fn abandoned(self) -> u64 {
        self.0 >> ABANDONED_SHIFT & ABANDONED_MAX
    }

    /// Of more than fit, the oldest are forgotten: their charges wait for a recount.
    const fn with_abandoned(self, recounts: u64) -> Self {
        let fitting = if recounts > ABANDONED_MAX {
            ABANDONED_MAX
        } else {
            recounts
        };
        let cleared = self.0 & !(ABANDONED_MAX << ABANDONED_SHIFT);
        Self(cleared | fitting << ABANDONED_SHIFT)
    }

    const fn next_era(self) -> Self {
        Self(self.0.wrapping_add(1 << ERA_SHIFT))
    }

    const fn has_overflowed(self) -> bool {
        self.0 & OVERFLOWED != 0
    }

    const fn with_pages(self, pages: u64) -> Self {
        Self(self.0 & !PAGES_MAX | pages & PAGES_MAX)
    }

    const fn with(self, bit: u64) -> Self {
        Self(self.0 | bit)
    }

    const fn without(self, bit: u64) -> Self {
        Self(self.0 & !bit)
    }
}
