//! How wide the variables must be that the kernel reads where nothing can be caught.

use crate::{Own, SERVED};
use vk_sysctl::Key as Sysctl;

/// The least value that no container has more of, for each key that is laxer than the host's
/// somewhere.
///
/// Counts come and go with containers; the greatest value of those that are left is not kept, so that a
/// caller looks for it again when it is gone ([`Widest::begin_again`]).
#[derive(Clone, Copy, Debug)]
pub struct Widest {
    greatest: [Option<u64>; SERVED.len()],
    /// How many containers have the key.
    counts: [u32; SERVED.len()],
    /// One that was the greatest is gone, and others are left.
    is_stale: bool,
}

impl Default for Widest {
    fn default() -> Self {
        Self::new()
    }
}

impl Widest {
    /// No container yet.
    pub const fn new() -> Self {
        Self {
            greatest: [None; SERVED.len()],
            counts: [0; SERVED.len()],
            is_stale: false,
        }
    }

    /// Returns the greatest value of each of [`SERVED`].
    pub fn greatest(&self) -> impl Iterator<Item = Option<u64>> + '_ {
        self.greatest.iter().copied()
    }

    /// Takes the values of one container into account.
    pub fn add(&mut self, own: &Own) {
        self.raise(own);
        for (count, number) in self.counts.iter_mut().zip(widened(own)) {
            *count = count.saturating_add(number.is_some().into());
        }
    }

    /// The same of a container that is counted already.
    pub fn raise(&mut self, own: &Own) {
        for (greatest, number) in self.greatest.iter_mut().zip(widened(own)) {
            *greatest = number.max(*greatest);
        }
    }

    /// Forgets the values of one that was added.
    pub fn remove(&mut self, own: &Own) {
        let rows = self.greatest.iter_mut().zip(&mut self.counts);
        for ((greatest, count), number) in rows.zip(widened(own)) {
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

    /// Forgets the greatest values if one of them is gone: the caller raises them again.
    pub fn begin_again(&mut self) -> bool {
        if self.is_stale {
            self.greatest = [None; SERVED.len()];
        }
        core::mem::take(&mut self.is_stale)
    }
}

/// The numbers of the keys that are widened, those of `own`.
fn widened(own: &Own) -> impl Iterator<Item = Option<u64>> + '_ {
    SERVED.iter().map(|(key, ..)| {
        let value = own.sysctl().get(*key).filter(|_| is_widened(*key));
        value.and_then(|value| u64::try_from(value.number()).ok())
    })
}

/// Whether the kernel reads the key where nothing can be caught, and a container may have more.
fn is_widened(key: Sysctl) -> bool {
    matches!(
        key,
        Sysctl::MaxMapCount | Sysctl::NrOpen | Sysctl::PipeMaxSize
    )
}
