//! How wide the variables must be that the kernel reads where nothing can be caught.

use crate::greatest::Greatest;
use crate::{Own, SERVED};
use vk_sysctl::Key as Sysctl;

/// The least value that no container has more of, for each key that is laxer than the host's
/// somewhere.
///
/// Counts come and go with containers; when the greatest value is gone, a caller looks for it again
/// ([`Widest::begin_again`]).
#[derive(Clone, Copy, Debug)]
pub struct Widest(Greatest);

impl Default for Widest {
    fn default() -> Self {
        Self::new()
    }
}

impl Widest {
    /// No container yet.
    pub const fn new() -> Self {
        Self(Greatest::new())
    }

    /// Returns the greatest value of each of [`SERVED`].
    pub fn greatest(&self) -> impl Iterator<Item = Option<u64>> + '_ {
        self.0.get()
    }

    /// Takes the values of one container into account.
    pub fn add(&mut self, own: &Own) {
        self.0.add(|| widened(own));
    }

    /// The same of a container that is counted already.
    pub fn raise(&mut self, own: &Own) {
        self.0.raise(widened(own));
    }

    /// Forgets the values of one that was added.
    pub fn remove(&mut self, own: &Own) {
        self.0.remove(widened(own));
    }

    /// Forgets the greatest values if one of them is gone: the caller raises them again.
    pub fn begin_again(&mut self) -> bool {
        self.0.begin_again()
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
