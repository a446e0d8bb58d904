//! Whether limits of mode 2 promise more than there is.

use core::fmt;

use crate::{commit_limit_pages, Memory, Policy};

/// The sum of the limits that containers in mode 2 were given.
///
/// A limit is a promise: what is granted below it shall be there when it is used. Count the
/// outermost container in mode 2 only: what is inside of it is part of its limit.
///
/// # Examples
///
/// Each of two containers may have what the machine has, but not both:
///
/// ```
/// use vk_overcommit::{Memory, Mode, Policy, Promises, UNLIMITED};
///
/// let policy = Policy { mode: Mode::Never, ratio: 100, kbytes: 0 };
/// let machine = Memory {
///     ram_pages: 1000,
///     hugetlb_pages: 0,
///     swap_pages: 0,
///     memory_max_pages: UNLIMITED,
///     swap_max_pages: UNLIMITED,
/// };
/// let mut promises = Promises::new();
/// promises.add(&policy, &machine);
/// assert!(promises.check(&machine).is_ok());
/// promises.add(&policy, &machine);
/// let refusal = promises.check(&machine).unwrap_err();
/// assert_eq!(refusal.to_errno(), -34); // ERANGE
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promises {
    sum_pages: u64,
}

/// How limits promise more than there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overpromise {
    /// One limit is above the memory and the swap that its container may have.
    Alone {
        /// The limit.
        limit_pages: u64,
        /// What the container may have.
        backing_pages: u64,
    },
    /// The limits together are above the machine's memory and swap.
    Together {
        /// Their sum.
        sum_pages: u64,
        /// What the machine has.
        backing_pages: u64,
    },
}

impl Promises {
    /// None.
    pub const fn new() -> Self {
        Self { sum_pages: 0 }
    }

    /// Adds the limit of one container in mode 2.
    pub fn add(&mut self, policy: &Policy, memory: &Memory) {
        let limit_pages = commit_limit_pages(policy, memory);
        self.sum_pages = self.sum_pages.saturating_add(limit_pages);
    }

    /// Returns the sum.
    pub const fn sum_pages(&self) -> u64 {
        self.sum_pages
    }

    /// Compares the sum with what `machine` has.
    ///
    /// # Errors
    ///
    /// [`Overpromise::Together`].
    pub fn check(&self, machine: &Memory) -> Result<(), Overpromise> {
        let backing_pages = machine.backing_pages();
        if self.sum_pages <= backing_pages {
            return Ok(());
        }
        Err(Overpromise::Together {
            sum_pages: self.sum_pages,
            backing_pages,
        })
    }
}

/// Compares the limit of one container in mode 2 with what that container may have.
///
/// Above it, the OOM killer of its memory cgroup comes before the limit.
///
/// # Errors
///
/// [`Overpromise::Alone`].
///
/// # Examples
///
/// ```
/// use vk_overcommit::{check_promise, Memory, Mode, Policy};
///
/// let memory = Memory {
///     ram_pages: 524_288,
///     hugetlb_pages: 0,
///     swap_pages: 0,
///     memory_max_pages: 65_536, // 256 MiB
///     swap_max_pages: 0,
/// };
/// let kbytes = |kbytes| Policy { mode: Mode::Never, ratio: 0, kbytes };
/// assert!(check_promise(&kbytes(256 << 10), &memory).is_ok());
/// assert!(check_promise(&kbytes(257 << 10), &memory).is_err());
/// ```
pub fn check_promise(policy: &Policy, memory: &Memory) -> Result<(), Overpromise> {
    let limit_pages = commit_limit_pages(policy, memory);
    let backing_pages = memory.backing_pages();
    if limit_pages <= backing_pages {
        return Ok(());
    }
    Err(Overpromise::Alone {
        limit_pages,
        backing_pages,
    })
}

impl Overpromise {
    /// Returns the kernel's number for the error, negative as `kernel::error::Error` has it.
    pub const fn to_errno(self) -> i32 {
        match self {
            Self::Alone { .. } | Self::Together { .. } => -34, // ERANGE
        }
    }
}

impl fmt::Display for Overpromise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alone {
                limit_pages,
                backing_pages,
            } => write!(
                f,
                "the limit of {limit_pages} pages is above memory.max and memory.swap.max, \
                 which are {backing_pages} pages together: the OOM killer may come first"
            ),
            Self::Together {
                sum_pages,
                backing_pages,
            } => write!(
                f,
                "the limits of mode 2 are {sum_pages} pages together, \
                 and the machine's memory and swap only {backing_pages}"
            ),
        }
    }
}

impl core::error::Error for Overpromise {}
