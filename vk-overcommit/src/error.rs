//! Why a charge was refused.

use core::fmt;

/// Why a request for memory was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// One request asks for more than all memory there is (mode 0).
    LargerThanMemory {
        /// The RAM and swap there is.
        memory_pages: u64,
    },
    /// The sum of all charges reaches what may be committed (mode 2).
    AboveLimit {
        /// The sum, the refused request included.
        committed_pages: i64,
        /// The least sum that is refused: the limit less the reserves.
        allowed_pages: i64,
    },
}

impl Refusal {
    /// Returns the kernel's number for the error, negative as `kernel::error::Error` has it.
    pub const fn to_errno(self) -> i32 {
        match self {
            Self::LargerThanMemory { .. } | Self::AboveLimit { .. } => -12, // ENOMEM
        }
    }

    /// Tells whether an exact recount could lead to another answer.
    pub const fn rests_on_estimate(self) -> bool {
        matches!(self, Self::AboveLimit { .. })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LargerThanMemory { memory_pages } => {
                write!(f, "larger than all memory, which has {memory_pages} pages")
            }
            Self::AboveLimit {
                committed_pages,
                allowed_pages,
            } => write!(
                f,
                "{committed_pages} pages committed, {allowed_pages} allowed"
            ),
        }
    }
}

impl core::error::Error for Refusal {}
