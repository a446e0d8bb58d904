//! How a vote ends.

use core::fmt;

/// What the owners of a range decided about it.
///
/// # Examples
///
/// ```
/// use vk_thp::Outcome;
///
/// assert!(Outcome::Collapse.is_collapse());
/// assert!(!Outcome::Tie.is_collapse());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// More pages voted for a huge page than against: collapse the range.
    Collapse,
    /// More voted against: leave the range as it is.
    Outvoted,
    /// As many for as against: leave the range as it is.
    Tie,
    /// No page voted: leave the range as it is.
    NoVotes,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Collapse, Self::Outvoted, Self::Tie, Self::NoVotes];

    /// Tells whether the range is to be collapsed.
    pub const fn is_collapse(self) -> bool {
        matches!(self, Self::Collapse)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Collapse => "collapse",
            Self::Outvoted => "outvoted",
            Self::Tie => "tie",
            Self::NoVotes => "no votes",
        })
    }
}
