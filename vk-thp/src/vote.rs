//! The vote of a range's owners on whether it becomes one huge page.

use core::ops::ControlFlow;

use crate::{Enabled, OrderMode, Outcome, Tally, VmaFlags};

/// A vote about one range, page by page.
///
/// khugepaged makes one page of up to 512 small ones that may belong to several containers: a fork
/// shares its parent's, a memfd is shared by whoever has it. Each small page has one vote, cast by
/// the policy of the container that is charged for it:
///
/// | the small page | votes |
/// |---|---|
/// | owner says `always` | for |
/// | owner says `madvise` | for if the scanned VMA has `MADV_HUGEPAGE`, else against |
/// | owner says `never` | against |
/// | owner says `inherit` | as the host's policy would |
/// | has no memcg, the root's, or that of a dead container | as the host's: `inherit` |
/// | is empty, zero or in swap | not: [`abstain`](Self::abstain) |
/// | its memcg holds several containers | not: [`abstain`](Self::abstain) |
///
/// More votes for than against collapse the range. A tie does not, and neither do no votes at all.
/// The order of the pages makes no difference.
///
/// Ask the voters only where khugepaged collapses on its own account: `MADV_COLLAPSE` is the
/// program's own word.
///
/// Context: any, also under a page-table lock. It takes no lock, allocates nothing and does not
/// sleep; the state is a few words on the stack.
///
/// # Examples
///
/// A walker looks up each run of equal owners once, and stops when the rest cannot matter:
///
/// ```
/// use vk_thp::{Enabled, OrderMode, Outcome, VmaFlags, Vote};
///
/// /// A page-table entry: nothing, or a page charged to the cgroup of this id.
/// #[derive(Clone, Copy, PartialEq)]
/// enum Entry {
///     None,
///     Page { cgroup: u64 },
/// }
///
/// fn poll(entries: &[Entry], policy_of: impl Fn(u64) -> OrderMode) -> Outcome {
///     let mut vote = Vote::new(entries.len() as u32, VmaFlags::empty(), Enabled::Never);
///     for run in entries.chunk_by(|entry, next| entry == next) {
///         let len = run.len() as u32;
///         let step = match run.first() {
///             Some(Entry::Page { cgroup }) => vote.run(policy_of(*cgroup), len),
///             _ => vote.abstain(len),
///         };
///         if step.is_break() {
///             break;
///         }
///     }
///     vote.outcome()
/// }
///
/// let policy_of = |cgroup| match cgroup {
///     7 => OrderMode::Always,
///     8 => OrderMode::Never,
///     _ => OrderMode::Inherit, // The host's own pages.
/// };
/// let mut entries = [Entry::None; 512];
/// entries[..300].fill(Entry::Page { cgroup: 7 });
/// assert_eq!(poll(&entries, policy_of), Outcome::Collapse);
/// entries[300..].fill(Entry::Page { cgroup: 8 });
/// assert_eq!(poll(&entries, policy_of), Outcome::Collapse);
/// entries[256..300].fill(Entry::Page { cgroup: 1 });
/// assert_eq!(poll(&entries, policy_of), Outcome::Tie);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Vote {
    tally: Tally,
    left_pages: u32,
    is_advised: bool,
    host: Enabled,
}

impl Vote {
    /// Opens the vote about `pages` small pages: 512 for a page of PMD order.
    ///
    /// `scanned` are the flags of the VMA that khugepaged came along, `host` is the host's own
    /// policy for pages of this size.
    pub const fn new(pages: u32, scanned: VmaFlags, host: Enabled) -> Self {
        Self {
            tally: Tally {
                for_pages: 0,
                against_pages: 0,
                abstained_pages: 0,
            },
            left_pages: pages,
            is_advised: scanned.contains(VmaFlags::HUGEPAGE),
            host,
        }
    }

    /// Counts `len` pages whose owner has `policy`.
    ///
    /// Breaks with the outcome once the pages not yet counted cannot change it, at the latest with
    /// the last. Whoever wants the exact tally goes on; the outcome stays. Pages beyond those that
    /// the vote was opened about are not counted.
    pub const fn run(&mut self, policy: OrderMode, len: u32) -> ControlFlow<Outcome> {
        let len = self.take(len);
        if self.is_for(policy) {
            self.tally.for_pages = self.tally.for_pages.saturating_add(len);
        } else {
            self.tally.against_pages = self.tally.against_pages.saturating_add(len);
        }
        self.step()
    }

    /// Counts `len` pages that do not vote. Breaks as [`run`](Self::run) does.
    pub const fn abstain(&mut self, len: u32) -> ControlFlow<Outcome> {
        let len = self.take(len);
        self.tally.abstained_pages = self.tally.abstained_pages.saturating_add(len);
        self.step()
    }

    /// Returns the outcome if no other page votes.
    pub const fn outcome(&self) -> Outcome {
        self.tally.outcome()
    }

    /// Returns what has been counted so far.
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    const fn is_for(&self, policy: OrderMode) -> bool {
        match policy.effective(self.host) {
            Enabled::Always => true,
            Enabled::Madvise => self.is_advised,
            Enabled::Never => false,
        }
    }

    /// Takes up to `len` pages from those left.
    const fn take(&mut self, len: u32) -> u32 {
        let taken = if len < self.left_pages {
            len
        } else {
            self.left_pages
        };
        self.left_pages = self.left_pages.saturating_sub(taken);
        taken
    }

    const fn step(&self) -> ControlFlow<Outcome> {
        if self.tally.is_decided(self.left_pages) {
            ControlFlow::Break(self.outcome())
        } else {
            ControlFlow::Continue(())
        }
    }
}
