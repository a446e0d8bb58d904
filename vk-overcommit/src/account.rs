//! What a container has committed, as an estimate that errs upward.
//!
//! The kernel's un-charges say neither whose memory it was nor come from a place that can be
//! hooked, so only charges are followed and the sum is counted anew when it would lead to a
//! refusal. Every step below is one atomic operation on one word ([`Tally`]), so any interleaving
//! of tasks is an interleaving of these steps:
//!
//! 1. `charge` adds to the estimate and notes the era.
//! 2. `try_begin_recount` opens a new era, one recount at a time. What was added before is the
//!    *base*.
//! 3. The caller walks the container's memory. Each charge from before the era either has its
//!    mapping by then, or belongs to a task that still holds its mmap lock, which the caller
//!    accounts for.
//! 4. `finish` puts the exact sum in place of the base. Charges of the new era stay on top, even
//!    those that the walk has met as well: too much is safe, too little is not.
//! 5. `try_charge` is step 1 for a charge that needs no verdict: one step that adds to the estimate,
//!    or changes nothing where the sum is not below the bound.
//! 6. `refund` takes a refused charge back, unless a recount has begun since the charge and was
//!    not abandoned. Then the recount takes it back, because a refused charge never has a mapping
//!    to be met.

use core::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use crate::tally::Tally;
use crate::{judge, Memory, Mode, Policy, Refusal, Request, Reserves};

/// The commit charge of one container.
///
/// Nothing here sleeps, allocates or takes a lock.
///
/// # Examples
///
/// Memory is mapped and unmapped; the estimate learns of the second when it is recounted:
///
/// ```
/// use vk_overcommit::Account;
///
/// let account = Account::new();
/// let mapped = account.charge(100);
/// assert_eq!(mapped.held_pages(), 100);
///
/// let recount = account.try_begin_recount().ok_or("another task recounts")?;
/// let exact_pages = 40; // what a walk of the container's VMAs found
/// assert_eq!(recount.finish(exact_pages), 40);
/// assert_eq!(account.held_pages(), 40);
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Default)]
pub struct Account {
    tally: AtomicU64,
    max_held_pages: AtomicU64,
    recounts: AtomicU64,
    failcnt: AtomicU64,
}

/// A charge that was made and may still be refused.
///
/// Dropping it means that the charge stands.
#[derive(Debug)]
pub struct Charge {
    pages: u64,
    era: u64,
    held_pages: i64,
}

/// A recount under way; there is one at a time.
///
/// Dropping it leaves the estimate as it was.
#[derive(Debug)]
#[must_use = "a dropped recount changes nothing"]
pub struct Recount<'a> {
    account: &'a Account,
    base_pages: u64,
    era: u64,
    is_open: bool,
}

impl Account {
    /// Makes an account that holds nothing.
    pub const fn new() -> Self {
        Self {
            tally: AtomicU64::new(0),
            max_held_pages: AtomicU64::new(0),
            recounts: AtomicU64::new(0),
            failcnt: AtomicU64::new(0),
        }
    }

    /// Decides on `request` and keeps the account: charge, judge, recount before a refusal.
    ///
    /// `recount` returns the exact sum of the container's charges without this one, or `None`
    /// where it cannot or should not count now (atomic context, [`Backoff`](crate::Backoff));
    /// then the estimate decides. It is called at most once, and by one task at a time.
    ///
    /// Charges are followed in every mode, so that the estimate is right when mode 2 is set.
    ///
    /// # Errors
    ///
    /// Those of [`judge`]; the charge has been taken back and counted in [`failcnt`](Self::failcnt).
    pub fn admit(
        &self,
        policy: &Policy,
        memory: &Memory,
        reserves: &Reserves,
        request: &Request,
        recount: impl FnOnce() -> Option<u64>,
    ) -> Result<(), Refusal> {
        let (charge, verdict) = self.judge(policy, memory, reserves, request, recount);
        if verdict.is_err() {
            self.refuse(charge);
        }
        verdict
    }

    /// Charges `request` and judges it, recounting before a refusal; takes nothing back.
    pub(crate) fn judge(
        &self,
        policy: &Policy,
        memory: &Memory,
        reserves: &Reserves,
        request: &Request,
        recount: impl FnOnce() -> Option<u64>,
    ) -> (Charge, Result<(), Refusal>) {
        let mut charge = self.charge(request.pages);
        let verdict = |committed_pages| judge(policy, memory, reserves, request, committed_pages);

        let first = verdict(charge.held_pages());
        if first.is_ok() {
            return (charge, first);
        }
        let last = match policy.mode {
            Mode::Never => match self.recount_for(&mut charge, recount) {
                Some(held_pages) => verdict(held_pages),
                None => first,
            },
            Mode::Heuristic | Mode::Always => first,
        };
        (charge, last)
    }

    /// Adds `pages` and returns the proof, which also knows the new estimate.
    ///
    /// A negative number counts as none: what is given back is seen by the next recount.
    pub fn charge(&self, pages: i64) -> Charge {
        let pages = u64::try_from(pages).unwrap_or(0);
        // Relaxed: the mmap lock, under which charge and mapping happen, orders both against a
        // walk that holds it; see step 3 above.
        let tally = self.update(Relaxed, |tally| tally.plus(pages));
        Charge {
            pages,
            era: tally.era(),
            held_pages: tally.held_pages(),
        }
    }

    /// Adds `pages` if the estimate stays below `bound_pages` with them, and tells whether it did.
    ///
    /// With the [`least_allowed_pages`](crate::least_allowed_pages) of mode 2 for a bound, this is
    /// what [`admit`](Self::admit) comes to where it needs no look at who asks: the charge stands.
    /// Otherwise nothing has changed, and `admit` is to be asked.
    ///
    /// # Examples
    ///
    /// ```
    /// use vk_overcommit::Account;
    ///
    /// let account = Account::new();
    /// assert!(account.try_charge(99, 100));
    /// assert!(!account.try_charge(1, 100));
    /// assert_eq!(account.held_pages(), 99);
    /// ```
    #[inline]
    pub fn try_charge(&self, pages: i64, bound_pages: i64) -> bool {
        self.charge_below(pages, bound_pages).is_some()
    }

    /// [`try_charge`](Self::try_charge), with the charge.
    #[inline]
    pub(crate) fn charge_below(&self, pages: i64, bound_pages: i64) -> Option<Charge> {
        let pages = u64::try_from(pages).unwrap_or(0);
        let bound_pages = u64::try_from(bound_pages).unwrap_or(0);
        // Relaxed: as in `charge`.
        let before = self.tally.fetch_update(Relaxed, Relaxed, |word| {
            let charged = Tally::from_word(word).plus_below(pages, bound_pages);
            charged.map(Tally::word)
        });
        let tally = Tally::from_word(before.ok()?);
        Some(Charge {
            pages,
            era: tally.era(),
            held_pages: tally.held_pages().saturating_add(pages as i64),
        })
    }

    /// Takes back a charge that was refused.
    pub fn refund(&self, charge: Charge) {
        self.update(Relaxed, |tally| tally.minus(charge.pages, charge.era));
    }

    /// Takes back a charge that was refused and counts the refusal.
    pub fn refuse(&self, charge: Charge) {
        self.refund(charge);
        self.failcnt.fetch_add(1, Relaxed);
    }

    /// Begins a recount, unless one is under way.
    pub fn try_begin_recount(&self) -> Option<Recount<'_>> {
        let mut word = self.tally.load(Relaxed);
        loop {
            let tally = Tally::from_word(word);
            if tally.is_recounting() {
                return None;
            }
            let begun = tally.begin();
            // Acquire: pairs with the release in `Recount::end`, for what the walk writes.
            match self
                .tally
                .compare_exchange_weak(word, begun.word(), Acquire, Relaxed)
            {
                Ok(_) => return Some(Recount::new(self, begun)),
                Err(seen) => word = seen,
            }
        }
    }

    /// Returns the estimate, which is never below the sum of the charges that stand.
    ///
    /// `i64::MAX` says that there was too much to count (2^44 pages) since the last recount.
    #[doc(alias = "Committed_AS")]
    pub fn held_pages(&self) -> i64 {
        Tally::from_word(self.tally.load(Relaxed)).held_pages()
    }

    /// Returns the largest exact sum that a recount has found.
    pub fn max_held_pages(&self) -> u64 {
        self.max_held_pages.load(Relaxed)
    }

    /// Returns how many recounts came to a result.
    pub fn recounts(&self) -> u64 {
        self.recounts.load(Relaxed)
    }

    /// Returns how many requests were refused.
    pub fn failcnt(&self) -> u64 {
        self.failcnt.load(Relaxed)
    }

    fn recount_for(
        &self,
        charge: &mut Charge,
        recount: impl FnOnce() -> Option<u64>,
    ) -> Option<i64> {
        let begun = self.try_begin_recount()?;
        let exact_pages = recount()?;
        Some(begun.finish_for(exact_pages, charge))
    }

    fn update(&self, order: core::sync::atomic::Ordering, step: impl Fn(Tally) -> Tally) -> Tally {
        let mut word = self.tally.load(Relaxed);
        loop {
            let next = step(Tally::from_word(word));
            match self
                .tally
                .compare_exchange_weak(word, next.word(), order, Relaxed)
            {
                Ok(_) => return next,
                Err(seen) => word = seen,
            }
        }
    }
}

impl Charge {
    /// Returns the pages charged.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// Returns the estimate right after the charge, the charge included.
    pub fn held_pages(&self) -> i64 {
        self.held_pages
    }

    /// An era has 15 bits.
    pub(crate) fn era(&self) -> u32 {
        self.era as u32
    }

    /// Makes one of what was kept of it; the estimate is not known any more.
    pub(crate) fn made_before(pages: u64, era: u32) -> Self {
        Self {
            pages,
            era: u64::from(era),
            held_pages: 0,
        }
    }
}

impl<'a> Recount<'a> {
    fn new(account: &'a Account, begun: Tally) -> Self {
        Self {
            account,
            base_pages: begun.base_pages(),
            era: begun.era(),
            is_open: true,
        }
    }

    /// Puts `exact_pages` in place of all charges from before the recount, and returns the new
    /// estimate.
    pub fn finish(mut self, exact_pages: u64) -> i64 {
        self.settle(exact_pages, 0)
    }

    /// Does what [`finish`](Self::finish) does for a task whose own `charge` is still undecided,
    /// so that no walk can have met it. The charge stays in the estimate.
    pub fn finish_for(mut self, exact_pages: u64, charge: &mut Charge) -> i64 {
        if charge.era == self.era {
            // Made since the recount began: it is on top of the base already.
            return self.settle(exact_pages, 0);
        }
        charge.era = self.era;
        charge.held_pages = self.settle(exact_pages, charge.pages);
        charge.held_pages
    }

    fn settle(&mut self, exact_pages: u64, undecided_pages: u64) -> i64 {
        let base_pages = self.base_pages;
        let standing_pages = exact_pages.saturating_add(undecided_pages);
        let account = self.account;
        account.max_held_pages.fetch_max(exact_pages, Relaxed);
        account.recounts.fetch_add(1, Relaxed);
        self.end(|tally| tally.finish(base_pages, standing_pages))
    }

    fn end(&mut self, step: impl Fn(Tally) -> Tally) -> i64 {
        self.is_open = false;
        self.account.update(Release, step).held_pages()
    }
}

impl Drop for Recount<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.end(Tally::abandon);
        }
    }
}
