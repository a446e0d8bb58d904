//! The greatest of numbers that come and go.

use crate::SERVED;

/// The greatest of the numbers that containers have, for each of [`SERVED`].
///
/// When it goes, the greatest of those that are left is not known: a caller looks for it again
/// ([`Greatest::begin_again`]).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Greatest {
    greatest: [Option<u64>; SERVED.len()],
    /// How many containers have one.
    counts: [u32; SERVED.len()],
    /// One that was the greatest is gone, and others are left.
    is_stale: bool,
}

impl Greatest {
    pub(crate) const fn new() -> Self {
        Self {
            greatest: [None; SERVED.len()],
            counts: [0; SERVED.len()],
            is_stale: false,
        }
    }

    pub(crate) fn get(&self) -> impl Iterator<Item = Option<u64>> + '_ {
        self.greatest.iter().copied()
    }

    /// Counts those of one container, `numbers()`.
    pub(crate) fn add<N: Iterator<Item = Option<u64>>>(&mut self, numbers: impl Fn() -> N) {
        self.raise(numbers());
        for (count, number) in self.counts.iter_mut().zip(numbers()) {
            *count = count.saturating_add(number.is_some().into());
        }
    }

    /// The same of a container that is counted already.
    pub(crate) fn raise(&mut self, numbers: impl Iterator<Item = Option<u64>>) {
        for (greatest, number) in self.greatest.iter_mut().zip(numbers) {
            *greatest = number.max(*greatest);
        }
    }

    /// Forgets those of one that was added.
    pub(crate) fn remove(&mut self, numbers: impl Iterator<Item = Option<u64>>) {
        let rows = self.greatest.iter_mut().zip(&mut self.counts);
        for ((greatest, count), number) in rows.zip(numbers) {
            if number.is_none() {
                continue;
            }
            *count = count.saturating_sub(1);
            if *count == 0 {
                *greatest = None;
            } else if number == *greatest {
                self.is_stale = true;
            }
        }
    }

    /// Forgets all of them if one of the greatest is gone: the caller raises them again.
    pub(crate) fn begin_again(&mut self) -> bool {
        if self.is_stale {
            self.greatest = [None; SERVED.len()];
        }
        core::mem::take(&mut self.is_stale)
    }
}
