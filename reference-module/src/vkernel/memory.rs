//! Whose a page is: the container that its memory cgroup belongs to.
//!
//! A container *claims* the memory cgroup its init is in, unless the init's parent, outside of it, is
//! in the same: what is charged there may be anybody's. It keeps the claim on those that its init
//! was in before, because what was charged there stays there; and lets go when it ends.
//!
//! - Who locks: claims are changed under the registry's lock; lookups take none, and run under RCU
//!   in any context but NMI.
//! - When a thing is seen: a claim by every lookup that begins after the init was born, has executed
//!   its program, or was moved (its `write` to cgroup.procs returned); the end of a claim before
//!   the namespace's memory is freed.
//! - A cgroup that two claim is nobody's page by page: [`Owner::Ambiguous`], until one has ended.
//! - A cgroup nobody claims is as the one around it, up to the root. So nested cgroups need no claim,
//!   nor do pages whose cgroup was removed: the kernel hands them to its parent.
//! - Without memory for a claim, in atomic context, the cgroup is as the one around it; counted.
//!
//! Which claims there are does not depend on what is set, so nothing is late when a policy comes.

use crate::container::{Container, Id};
use crate::registry;
use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicU64, Ordering};
use kernel::prelude::*;
use vk_ffi_shims::vk_nshash::{InsertError, Key, Nested, Node, Table};
use vk_ffi_shims::{
    hook, Boxed, Memcg, Namespace, RcuBox, RcuHead, ReadGuard, Reading, RegistryGuard,
};
use vk_reference_module::Claim;

/// How far a lookup climbs. Whoever nests cgroups deeper has pages that are nobody's.
const LEVELS: usize = 64;

/// By cgroup id. 32 KiB.
static CLAIMS: Table<Boxed<Claim>, 12, 4096> = Table::new();
static FAILED: AtomicU64 = AtomicU64::new(0);

/// Whose the pages are that are charged to a memory cgroup.
#[derive(Clone, Copy)]
pub(crate) enum Owner<'g> {
    /// One container's.
    Container(&'g Container),
    /// Of one of several, nobody knows which. Such pages abstain from a vote.
    Ambiguous,
    /// No container's, as far as anybody knows: the host's, or of a cgroup that a namespace shares with
    /// the one around it.
    Nobody,
}

/// Tells whose the pages are that are charged to `memcg`, `None` for the root. Any context.
pub(crate) fn owner<'g>(read: &'g Reading, memcg: Option<Memcg<'g>>) -> Owner<'g> {
    let mut at = memcg;
    for _ in 0..LEVELS {
        let Some(memcg) = at else {
            return Owner::Nobody;
        };
        if let Some(claim) = CLAIMS.find(read, memcg.key()) {
            return claimant(read, claim);
        }
        at = memcg.parent();
    }
    Owner::Ambiguous
}

fn claimant<'g>(read: &'g Reading, claim: &Claim) -> Owner<'g> {
    let found = claim.sole().and_then(|(number, address)| {
        let container = registry::find_at(read, Key::new(address.get())?)?;
        (container.id.number == number).then_some(container)
    });
    found.map_or(Owner::Ambiguous, Owner::Container)
}

pub(crate) fn failed_claims() -> u64 {
    FAILED.load(Ordering::Relaxed)
}

/// The init of `ns` is in `memcg`. Atomic.
fn placed(ns: Namespace<'_>, memcg: Memcg<'_>) {
    let read = ReadGuard::new();
    // One that is not known has nothing of its own; one above that is its own covers what is below.
    let Some(container) = registry::find_at(&read, ns.key()) else {
        return;
    };
    if matches!(owner(&read, Some(memcg)), Owner::Container(it) if it.id == container.id) {
        return;
    }
    let Ok(spare) = RcuBox::new(Node::new(memcg.key(), Claim::new()), GFP_ATOMIC) else {
        FAILED.fetch_add(1, Ordering::Relaxed);
        return;
    };
    // Freed with the lock released, if it was not needed.
    let unused = claim(&read, ns.key(), memcg.key(), Boxed(spare));
    drop(unused);
}

/// Lets the namespace claim the cgroup `place`; returns `spare` if there is a claim on it already.
fn claim(
    read: &ReadGuard,
    ns: Key,
    place: Key,
    spare: Boxed<Claim>,
) -> Option<InsertError<Boxed<Claim>>> {
    let mut write = RegistryGuard::lock();
    // Under the lock: its end has not come, and will take the claim away.
    let container = registry::find_at(read, ns)?;
    if container.places.get(&write).has(place) {
        return None;
    }
    let unused = CLAIMS.insert(&mut write, spare).err();
    let Some(claim) = CLAIMS.find(read, place) else {
        FAILED.fetch_add(1, Ordering::Relaxed);
        return unused;
    };
    claim.join(claimant_of(container.id));
    if let Some(oldest) = container.places.get_mut(&mut write).push(place) {
        leave(read, &mut write, container.id, oldest);
    }
    unused
}

/// Takes all claims of a container away that has ended, or that is taken out of the registry.
pub(crate) fn forget(read: &ReadGuard, write: &mut RegistryGuard, container: &Container) {
    let places = container.places.get_mut(write).take();
    for place in places {
        leave(read, write, container.id, place);
    }
}

fn leave(read: &ReadGuard, write: &mut RegistryGuard, id: Id, place: Key) {
    let is_last = CLAIMS
        .find(read, place)
        .is_some_and(|claim| claim.leave(claimant_of(id)));
    if !is_last {
        return;
    }
    if let Some(removed) = CLAIMS.remove(write, place) {
        removed.after(&RcuHead::default());
    }
}

fn claimant_of(id: Id) -> (u64, NonZeroUsize) {
    (id.number, id.address.into())
}

hook!(placed => crate::memory::placed);
