//! The pages counted in a vote.

use crate::Outcome;

/// How many small pages voted which way.
///
/// # Examples
///
/// ```
/// use vk_thp::{Outcome, Tally};
///
/// let tally = Tally { for_pages: 2, against_pages: 2, abstained_pages: 508 };
/// assert_eq!(tally.outcome(), Outcome::Tie);
/// assert_eq!(tally.pages(), 512);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tally {
    /// Pages whose owner wants huge pages there.
    pub for_pages: u32,
    /// Pages whose owner does not.
    pub against_pages: u32,
    /// Pages that nobody votes for.
    pub abstained_pages: u32,
}

impl Tally {
    /// Returns how many pages were counted.
    pub const fn pages(self) -> u32 {
        self.for_pages
            .saturating_add(self.against_pages)
            .saturating_add(self.abstained_pages)
    }

    /// Returns what these votes alone decide.
    pub const fn outcome(self) -> Outcome {
        if self.for_pages > self.against_pages {
            Outcome::Collapse
        } else if self.for_pages < self.against_pages {
            Outcome::Outvoted
        } else if self.for_pages > 0 {
            Outcome::Tie
        } else {
            Outcome::NoVotes
        }
    }

    /// Tells whether `left` more pages, however they vote, cannot change the outcome.
    pub(crate) const fn is_decided(self, left: u32) -> bool {
        left == 0 || self.for_pages.abs_diff(self.against_pages) > left
    }
}
