//! The account of one container, with the times of its last recounts.

use kernel::sync::Arc;
use vk_overcommit::{Account, Backoff};

/// What snapshots point to: it outlives the container while a descendant charges it.
pub(crate) struct Books {
    pub(crate) account: Account,
    /// After a refusal the next recount waits.
    pub(crate) refused: Backoff,
    /// What a reader of the view is shown is cached this long.
    pub(crate) shown: Backoff,
}

pub(crate) type Shared = Arc<Books>;

impl Books {
    pub(crate) const fn new() -> Self {
        Self {
            account: Account::new(),
            refused: Backoff::new(),
            shown: Backoff::new(),
        }
    }
}
