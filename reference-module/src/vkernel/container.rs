//! A pid namespace that the module knows.
//!
//! - Who locks: what is in a `RegistryCell` is seen and changed under the registry's lock alone; `id`,
//!   `tree` and `parent` never change once it can be found; counters are counted by whoever comes by.
//! - What may sleep: nothing. It holds no reference on its namespace, nor on a memory cgroup: `id` is
//!   compared, and the address is never followed.
//! - When a thing is seen: `effective` by whoever reads it under RCU, the old snapshot or the new one,
//!   whole; the old one is freed when its last reader has left.

use crate::books::{Charged, Shared};
use crate::descent::Links;
use core::sync::atomic::{AtomicU64, Ordering};
use kernel::alloc::KBox;
use vk_ffi_shims::vk_nshash::Key as Address;
use vk_ffi_shims::{Mark, Namespace, Pin, Published, Reading, RegistryCell, RegistryGuard, Tree};
use vk_reference_module::{Own, Places};
use vk_sysctl::{Audit, Burst};

/// What a snapshot is keyed by: the 64-bit id for people, the address for the kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) number: u64,
    pub(crate) address: Address,
}

pub(crate) type Effective = vk_reference_module::Effective<Id, Charged>;

/// What readers follow: the effective values, and the mark that leads the stubs to them.
pub(crate) struct Snapshot {
    effective: Effective,
    /// There is one while anything is set; older snapshots keep theirs until no reader is left.
    _mark: Option<Mark>,
}

/// That of most namespaces.
static HOST: Snapshot = Snapshot::host();

impl Snapshot {
    /// Everything is the host's.
    pub(crate) const fn host() -> Self {
        Self {
            effective: Effective::host(),
            _mark: None,
        }
    }

    pub(crate) fn new(effective: Effective, tree: Tree) -> Self {
        Self {
            _mark: (!effective.is_host()).then(|| tree.mark()),
            effective,
        }
    }
}

/// One namespace: what was set for it, and what follows from that and its ancestors.
pub(crate) struct Container {
    pub(crate) id: Id,
    pub(crate) tree: Tree,
    /// The nearest one around it that is known.
    pub(crate) parent: Option<Address>,
    pub(crate) links: RegistryCell<Links>,
    /// From its first commit policy on.
    pub(crate) books: RegistryCell<Option<Shared>>,
    /// What was set for it, if anything was.
    pub(crate) own: RegistryCell<Option<KBox<Own>>>,
    /// Held while a policy of its own is enforced.
    pub(crate) pin: RegistryCell<Option<Pin>>,
    pub(crate) effective: Published<Snapshot>,
    /// The memory cgroups it claims.
    pub(crate) places: RegistryCell<Places<Address>>,
    pub(crate) counters: Counters,
}

/// What happened to its tasks.
pub(crate) struct Counters {
    /// Asks for a huge page that its policy granted or denied.
    pub(crate) thp_granted: AtomicU64,
    pub(crate) thp_denied: AtomicU64,
    /// Small pages charged to it that voted for a huge page, or against it.
    pub(crate) votes_for: AtomicU64,
    pub(crate) votes_against: AtomicU64,
    /// Of ranges of its memory: small pages that did not vote, ties, and all that were denied.
    pub(crate) votes_abstained: AtomicU64,
    pub(crate) votes_tied: AtomicU64,
    pub(crate) ranges_denied: AtomicU64,
    /// Writes from inside that were refused.
    pub(crate) writes_denied: AtomicU64,
    /// What happened to each parameter.
    pub(crate) audit: Audit,
    /// One line of the log per burst of refusals.
    pub(crate) denials: Burst,
}

impl Counters {
    pub(crate) const fn new() -> Self {
        const BURST_NS: u64 = 1_000_000_000;
        Self {
            thp_granted: AtomicU64::new(0),
            thp_denied: AtomicU64::new(0),
            votes_for: AtomicU64::new(0),
            votes_against: AtomicU64::new(0),
            votes_abstained: AtomicU64::new(0),
            votes_tied: AtomicU64::new(0),
            ranges_denied: AtomicU64::new(0),
            writes_denied: AtomicU64::new(0),
            audit: Audit::new(),
            denials: Burst::new(BURST_NS),
        }
    }
}

impl Container {
    /// One for which nothing is set.
    pub(crate) const fn new(id: Id, tree: Tree) -> Self {
        Self {
            id,
            tree,
            parent: None,
            links: RegistryCell::new(Links::new()),
            books: RegistryCell::new(None),
            own: RegistryCell::new(None),
            pin: RegistryCell::new(None),
            effective: Published::shared(&HOST),
            places: RegistryCell::new(Places::new()),
            counters: Counters::new(),
        }
    }

    pub(crate) fn identify(ns: Namespace<'_>) -> Id {
        Id {
            number: ns.id(),
            address: ns.key(),
        }
    }

    /// Returns what was set for it.
    pub(crate) fn own(&self, write: &RegistryGuard) -> Own {
        self.own.get(write).as_deref().copied().unwrap_or_default()
    }

    #[inline]
    pub(crate) fn effective<'g>(&'g self, read: &'g Reading) -> &'g Effective {
        &self.effective.read(read).effective
    }
}

/// Counts one more. Relaxed: a number for people.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
