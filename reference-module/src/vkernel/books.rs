//! The account of one container, with the times of its last recounts.

use core::ops::Deref;
use kernel::alloc::{AllocError, Flags};
use kernel::sync::Arc;
use vk_overcommit::{Account, Backoff};
use vk_reference_module::Recent;

/// What snapshots point to: it outlives the container while a descendant charges it.
pub(crate) struct Books {
    pub(crate) account: Account,
    /// What recounts that end in refusals may cost.
    pub(crate) refusals: Allowance,
    /// What a reader of the view is shown is cached this long.
    pub(crate) shown: Backoff,
}

pub(crate) type Shared = Arc<Books>;

/// Makes new ones. Context: as `flags` say.
pub(crate) fn open(flags: Flags) -> Result<Shared, AllocError> {
    Arc::new(Books::new(), flags)
}

impl Books {
    pub(crate) const fn new() -> Self {
        Self {
            account: Account::new(),
            refusals: Allowance::new(),
            shown: Backoff::new(),
        }
    }
}

/// The books as one snapshot knows them: with what its policy let everybody have a moment ago.
///
/// A change of policy makes a new snapshot, with nothing kept: it takes effect at once. The size
/// of the machine, the limits of the cgroup and the host's own values are at most 100 ms old.
pub(crate) struct Charged {
    pub(crate) books: Shared,
    /// [`least_allowed_pages`](vk_overcommit::least_allowed_pages), by
    /// [`coarse_jiffies`](vk_ffi_shims::coarse_jiffies).
    pub(crate) least_allowed: Recent,
}

impl Charged {
    pub(crate) fn new(books: Shared) -> Self {
        Self {
            books,
            least_allowed: Recent::new(),
        }
    }
}

impl Deref for Charged {
    type Target = Books;
    fn deref(&self) -> &Books {
        &self.books
    }
}

/// How many recounts in a row may end in refusals.
const BURST: usize = 16;

/// Recounts that end in refusals: some at once, and one in [`Backoff::REFUSAL_NS`] in the long run.
///
/// A burst, because a refused program often asks for less at once: a process whose fork was
/// refused must still get the page that it needs to say so.
pub(crate) struct Allowance([Backoff; BURST]);

impl Allowance {
    const fn new() -> Self {
        Self([const { Backoff::new() }; BURST])
    }

    /// Takes a recount, if one is left; `clear` gives back one that did not end in a refusal.
    pub(crate) fn take(&self, now_ns: u64) -> Option<&Backoff> {
        let left = self.0.iter().find(|pause| pause.is_due(now_ns))?;
        left.hold_off(now_ns, Backoff::REFUSAL_NS * BURST as u64);
        Some(left)
    }
}
