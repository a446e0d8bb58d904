//! Every pid namespace, by address.
//!
//! - Birth inserts before the first task of a namespace runs; adoption inserts those that exist at
//!   load. Both read the namespace where it cannot die: its first task is not woken yet, or RCU is
//!   held over a live task.
//! - The end hook runs after the last reader could see the namespace and just before its memory is
//!   freed, so that a freed address never leads to an old policy. It is in before the first
//!   insertion and out only when nobody looks anything up any more.
//! - A container can be stricter than the bounds of its ancestors, never laxer. `set` and writes from
//!   inside refuse what they forbid ([`forbidding`]); what was there before a bound, or came from
//!   the default, is brought into it when the snapshot is made ([`Effective::inherit`]).
//! - Correctness never depends on birth: a namespace that is not in the table has the policy of its
//!   nearest ancestor that is, and so have those below it: a container's `parent` is the nearest one
//!   around it that is in the table.
//!
//! A namespace is found by its address here, and by its id in the kernel's own tree of namespaces
//! ([`find_number`]): no second index has to be kept.
//!
//! Who locks: what changes takes the registry's spinlock, with interrupts off, for a few lookups, and
//! for a change of policy for a snapshot of each that inherits it; never for a walk over all. Lookups
//! take no lock. What may sleep: `birth`, `adopt`, `clear`, `change`; not `end`. When a thing is
//! seen: a birth before the first instruction in the namespace, a change by every lookup that
//! begins after `change` has returned (one that overlaps sees the old values or the new), an end
//! before the address can be used again.

use crate::books::{self, Charged, Shared};
use crate::container::{Container, Effective, Id, Snapshot};
use crate::demand;
use crate::descent;
use crate::events;
use crate::memory;
use core::sync::atomic::{AtomicU64, Ordering};
use kernel::alloc::AllocError;
use kernel::alloc::Flags;
use kernel::prelude::*;
use vk_ffi_shims::vk_nshash::{InsertError, Key as Address, Node, Table};
use vk_ffi_shims::{
    Boxed, Cache, ControlGuard, Namespace, Pin, RcuBox, RcuHead, ReadGuard, Reading, RegistryCell,
    RegistryGuard, Retirees,
};
use vk_reference_module::{Comm, Event, Key, Own};
use vk_sysctl::{Rule, Value};

/// MAX_PID_NS_LEVEL of include/linux/pid_namespace.h.
const LEVELS: usize = 32;

/// 128 KiB, so that a lookup costs the same with 10,000 namespaces as with one.
static TABLE: Table<Boxed<Container>, 14, 16384> = Table::new();
/// What its nodes are taken from.
static CONTAINERS: Cache<Node<Container>> = Cache::new();
/// What namespaces born from now on start with, if that is anything.
static DEFAULT: RegistryCell<Option<Own>> = RegistryCell::new(None);
static FAILED_BIRTHS: AtomicU64 = AtomicU64::new(0);

/// Before the first insertion. Process context.
pub(crate) fn open() -> core::result::Result<(), AllocError> {
    CONTAINERS.open(c"vkernel_container")
}

/// When all that was taken out is freed. Process context.
pub(crate) fn close() {
    CONTAINERS.close();
}

/// Finds the container of a namespace: its own, or the nearest ancestor's.
#[inline]
pub(crate) fn find<'g>(read: &'g Reading, ns: Namespace<'_>) -> Option<&'g Container> {
    TABLE.find_nearest_ancestor(read, ns, LEVELS)
}

/// Finds the container of the namespace at `address` itself.
#[inline]
pub(crate) fn find_at(read: &Reading, address: Address) -> Option<&Container> {
    TABLE.find(read, address)
}

/// A container with a commit policy of its own: who, its effective values, its account.
pub(crate) type Accountable<'g> = (Id, &'g Effective, &'g Charged);

/// Walks over the containers with a commit policy of their own that `container` is in, itself
/// included, from the nearest outward: what it holds, they hold.
pub(crate) fn accountable<'g>(
    read: &'g Reading,
    container: &'g Container,
) -> impl Iterator<Item = Accountable<'g>> {
    let mut next = Some(container);
    let step = move || loop {
        let at = next?;
        let effective = at.effective(read);
        let (owner, charged) = effective.books()?;
        if owner == at.id {
            next = at.parent.and_then(|parent| TABLE.find(read, parent));
            return Some((owner, effective, charged));
        }
        // Outward: a snapshot names nobody below its own container.
        next = TABLE.find(read, owner.address);
    };
    core::iter::from_fn(step).take(LEVELS)
}

/// Walks over all containers.
pub(crate) fn iter(read: &ReadGuard) -> impl Iterator<Item = &Container> {
    TABLE.iter(read)
}

/// Finds the container with this id, while it has an init. Process context.
pub(crate) fn find_number(read: &ReadGuard, number: u64) -> Option<&Container> {
    let ns = Namespace::of_id(read, number)?;
    find_at(read, ns.key()).filter(|container| container.id.number == number)
}

pub(crate) fn failed_births() -> u64 {
    FAILED_BIRTHS.load(Ordering::Relaxed)
}

fn make(ns: Namespace<'_>, flags: Flags) -> core::result::Result<Boxed<Container>, AllocError> {
    let (id, tree) = (Container::identify(ns), ns.tree());
    let made = || Node::new(id.address, Container::new(id, tree));
    RcuBox::new_in(&CONTAINERS, flags, made).map(Boxed)
}

/// What a namespace needs beside its container if anything is set for it or around it.
struct Outfit {
    snapshot: KBox<Snapshot>,
    books: Shared,
    own: KBox<Own>,
}

impl Outfit {
    fn new(flags: Flags) -> core::result::Result<Self, AllocError> {
        Ok(Self {
            snapshot: KBox::new(Snapshot::host(), flags)?,
            books: books::open(flags)?,
            own: KBox::new(Own::new(), flags)?,
        })
    }

    /// Gives it to a container that nobody can find yet, with `own`.
    fn fit(mut self, read: &ReadGuard, write: &mut RegistryGuard, it: &mut Container, own: Own) {
        pin(write, it, own.is_set());
        if own.has_overcommit() {
            *it.books.get_mut(write) = Some(self.books);
        }
        if own != Own::new() {
            *self.own = own;
            *it.own.get_mut(write) = Some(self.own);
        }
        *self.snapshot = compute(read, write, it);
        it.effective.set(self.snapshot);
    }
}

/// Puts a namespace in, with `own` or the default, unless it is there already; tells whether it has
/// values of its own then.
fn insert(
    ns: Namespace<'_>,
    flags: Flags,
    kept: impl FnOnce(u64) -> Option<Own>,
) -> core::result::Result<bool, AllocError> {
    let mut node = make(ns, flags)?;
    let kept = kept(ns.id());
    let mut outfit = None;
    let (refused, is_set) = loop {
        let read = ReadGuard::new();
        let mut write = RegistryGuard::lock();
        let around = ns.parent();
        let around = around.and_then(|ns| TABLE.find_nearest_ancestor(&read, ns, LEVELS));
        let container = node.0.value_mut();
        container.parent = around.map(|it| it.id.address);
        let is_plain = match &kept {
            Some(own) => *own == Own::new(),
            None => DEFAULT.get(&write).is_none(),
        };
        let (mut is_set, mut counted) = (false, Own::new());
        // Most births: nothing is set around it, and nothing for it.
        if !is_plain || !around.is_none_or(|it| it.effective(&read).is_host()) {
            let Some(outfit) = Option::<Outfit>::take(&mut outfit) else {
                release(write, read, ());
                outfit = Some(Outfit::new(flags)?);
                continue;
            };
            let own = kept.or(*DEFAULT.get(&write)).unwrap_or_default();
            is_set = own.is_set();
            if is_set {
                // Before anybody has these values.
                demand::exchange(&mut write, &Own::new(), &own);
                counted = own;
            }
            outfit.fit(&read, &mut write, container, own);
        }
        let refused = TABLE.insert(&mut write, node).err();
        if refused.is_none() {
            descent::link(&read, &mut write, ns.key());
        } else if is_set {
            demand::exchange(&mut write, &counted, &Own::new());
        }
        break (refused, is_set);
    };
    // Nobody has seen the node that comes back.
    match refused {
        None | Some(InsertError::Exists(_)) => Ok(is_set),
        // Its chain is full: as without memory, it inherits.
        Some(_) => Err(AllocError),
    }
}

fn unless_empty(own: Own) -> Option<Own> {
    (own != Own::new()).then_some(own)
}

/// As [`insert`], those around it first, so that each container finds its parent.
///
/// # Errors
///
/// No memory for it, or for one around it.
fn insert_behind_ancestors(
    ns: Namespace<'_>,
    flags: Flags,
    kept: &mut impl FnMut(u64) -> Option<Own>,
) -> core::result::Result<bool, AllocError> {
    loop {
        let mut outermost = ns;
        let mut at = ns;
        while let Some(around) = at.parent() {
            at = around;
            if TABLE.find(&ReadGuard::new(), at.key()).is_none() {
                outermost = at;
            }
        }
        let is_set = insert(outermost, flags, &mut *kept)?;
        if outermost.key() == ns.key() {
            return Ok(is_set);
        }
    }
}

/// Birth: process context, before the namespace's first task runs; may sleep.
pub(crate) fn birth(ns: Namespace<'_>) {
    if TABLE.find(&ReadGuard::new(), ns.key()).is_some() {
        return;
    }
    let inserted = match crate::engine::is_enforced() {
        true => insert(ns, GFP_KERNEL, |_| None),
        // Those around it may not be adopted yet.
        false => insert_behind_ancestors(ns, GFP_KERNEL, &mut |number| {
            (number != ns.id()).then_some(Own::new())
        }),
    };
    match inserted {
        Ok(has_policy) => tell_birth(ns, has_policy),
        Err(AllocError) => {
            FAILED_BIRTHS.fetch_add(1, Ordering::Relaxed);
            pr_warn!(
                "no memory for ns:{}; it inherits the policy around it\n",
                ns.id()
            );
        }
    }
}

fn tell_birth(ns: Namespace<'_>, has_policy: bool) {
    events::tell(|| {
        let init = ns.init();
        Event::Born {
            ns: ns.id(),
            parent: ns.parent().map(Namespace::id),
            level: ns.level(),
            pid: init.map_or(0, |init| init.pid),
            has_policy,
            comm: Comm(init.map_or([0; 16], |init| init.comm)),
        }
    });
}

/// End: an RCU callback, atomic.
pub(crate) fn end(ns: Namespace<'_>) {
    let read = ReadGuard::new();
    let mut write = RegistryGuard::lock();
    if let Some(removed) = TABLE.remove(&mut write, ns.key()) {
        let container = removed.value();
        let own = container.own.get_mut(&mut write).take();
        let had_policy = own.as_ref().is_some_and(|own| own.is_set());
        if let Some(own) = &own {
            demand::exchange(&mut write, own, &Own::new());
        }
        let held = container.pin.get_mut(&mut write).take();
        memory::forget(&read, &mut write, container);
        descent::unlink(&read, &mut write, container);
        let ns = container.id.number;
        drop(write);
        drop(read);
        events::tell(|| Event::Gone { ns, had_policy });
        removed.after(&RcuHead::default());
        if had_policy {
            crate::engine::reconsider();
        }
        drop(held);
    }
}

/// Adopts the namespaces that exist. Process context.
pub(crate) fn adopt(mut kept: impl FnMut(u64) -> Option<Own>) {
    vk_ffi_shims::each_namespace(|ns| {
        // Atomic: RCU is held so that the namespace cannot die before it is in the table.
        if insert_behind_ancestors(ns, GFP_ATOMIC, &mut kept).is_err() {
            FAILED_BIRTHS.fetch_add(1, Ordering::Relaxed);
        }
        true
    });
}

/// Takes everything out. Process context, nobody looks anything up any more.
pub(crate) fn clear(mut keep: impl FnMut(u64, Own)) {
    /// So many are found in one walk.
    const BATCH: usize = 64;
    loop {
        let mut batch = [None; BATCH];
        let mut is_empty = true;
        let read = ReadGuard::new();
        for (slot, container) in batch.iter_mut().zip(TABLE.iter(&read)) {
            *slot = Some(container.id);
            is_empty = false;
        }
        drop(read);
        if is_empty {
            break;
        }
        for id in batch.into_iter().flatten() {
            take_out(id, &mut keep);
        }
    }
}

fn take_out(id: Id, keep: &mut impl FnMut(u64, Own)) {
    let read = ReadGuard::new();
    let mut write = RegistryGuard::lock();
    let Some(removed) = TABLE.remove(&mut write, id.address) else {
        return release(write, read, ());
    };
    let container = removed.value();
    let own = container.own(&write);
    demand::exchange(&mut write, &own, &Own::new());
    let held = container.pin.get_mut(&mut write).take();
    memory::forget(&read, &mut write, container);
    descent::unlink(&read, &mut write, container);
    release(write, read, ());
    keep(id.number, own);
    removed.after(&RcuHead::default());
    drop(held);
}

/// Keeps the module loaded while a container has a policy of its own.
fn pin(write: &mut RegistryGuard, container: &Container, is_set: bool) {
    let held = container.pin.get_mut(write);
    if is_set && held.is_none() {
        *held = Some(Pin::new());
    } else if !is_set {
        *held = None;
    }
}

/// Lets go of the module although policies are kept: `disarm --force`.
pub(crate) fn unpin_all() {
    let read = ReadGuard::new();
    for container in TABLE.iter(&read) {
        let held = container.pin.get_mut(&mut RegistryGuard::lock()).take();
        drop(held);
    }
}

fn compute(read: &ReadGuard, write: &RegistryGuard, container: &Container) -> Snapshot {
    let own = container.own.get(write).as_deref();
    Snapshot::new(effective_with(read, write, container, own), container.tree)
}

/// What would be enforced for `container` if it had `own`.
fn effective_with(
    read: &ReadGuard,
    write: &RegistryGuard,
    container: &Container,
    own: Option<&Own>,
) -> Effective {
    let mut effective = Effective::host();
    let (mut at, mut its) = (container, own);
    for _ in 0..LEVELS {
        if let Some(its) = its {
            effective.inherit(at.id, its, || at.books.get(write).clone().map(Charged::new));
        }
        let Some(parent) = at.parent.and_then(|parent| TABLE.find(read, parent)) else {
            break;
        };
        (at, its) = (parent, parent.own.get(write).as_deref());
    }
    effective
}

/// What would be enforced for the container `id` if it had `own`.
pub(crate) fn preview(read: &ReadGuard, id: Id, own: &Own) -> Option<Effective> {
    let write = RegistryGuard::lock();
    let container = TABLE.find(read, id.address).filter(|it| it.id == id)?;
    Some(effective_with(read, &write, container, Some(own)))
}

/// Returns the first rule of `container` or its ancestors that does not admit `value`.
pub(crate) fn forbidding(
    read: &ReadGuard,
    container: &Container,
    key: Key,
    value: Value,
) -> Option<Rule> {
    let mut at = container;
    for _ in 0..LEVELS {
        let rule = own(at).rule(key);
        if rule.bound(value).is_err() {
            return Some(rule);
        }
        at = at.parent.and_then(|parent| TABLE.find(read, parent))?;
    }
    None
}

/// The parent of a container, if it is known.
pub(crate) fn parent<'g>(read: &'g ReadGuard, container: &Container) -> Option<&'g Container> {
    container.parent.and_then(|parent| TABLE.find(read, parent))
}

/// Why a container's values were not changed.
pub(crate) enum ChangeError {
    /// It is gone.
    Gone,
    /// No memory; nothing was changed.
    NoMemory,
}

impl From<AllocError> for ChangeError {
    fn from(_: AllocError) -> Self {
        Self::NoMemory
    }
}

/// Opens the books of the container `id`, if it has none. Process context, may sleep.
pub(crate) fn open_books(id: Id) -> core::result::Result<(), ChangeError> {
    let books = books::open(GFP_KERNEL)?;
    let read = ReadGuard::new();
    let mut write = RegistryGuard::lock();
    let found = TABLE.find(&read, id.address);
    let Some(container) = found.filter(|it| it.id == id) else {
        return release(write, read, Err(ChangeError::Gone));
    };
    container.books.get_mut(&mut write).get_or_insert(books);
    release(write, read, Ok(()))
}

/// Returns the books of a container, if they were ever opened.
pub(crate) fn books(container: &Container) -> Option<Shared> {
    container.books.get(&RegistryGuard::lock()).clone()
}

/// Gives the container `id` the values `own` and publishes the snapshots of all that inherit.
///
/// Readers see the old set or the new one. Process context, may sleep.
pub(crate) fn change(
    _control: &mut ControlGuard,
    id: Id,
    own: &Own,
) -> core::result::Result<(), ChangeError> {
    if own.has_overcommit() {
        open_books(id)?;
    }
    let mut its = match *own == Own::new() {
        true => None,
        false => Some(KBox::new(*own, GFP_KERNEL)?),
    };
    let mut room = 8;
    loop {
        let mut fresh = KVec::with_capacity(room, GFP_KERNEL)?;
        for _ in 0..room {
            fresh.push(KBox::new(Snapshot::host(), GFP_KERNEL)?, GFP_KERNEL)?;
        }
        // Dropped last, with no lock held: it waits for readers.
        let mut retirees = Retirees::with_room(room)?;
        let read = ReadGuard::new();
        let mut write = RegistryGuard::lock();
        let Some(container) = TABLE.find(&read, id.address) else {
            return release(write, read, Err(ChangeError::Gone));
        };
        if container.id != id {
            return release(write, read, Err(ChangeError::Gone));
        }
        let heirs = descent::count(&read, &write, container);
        if heirs > room {
            room = heirs + heirs / 4;
            drop(write);
            drop(read);
            continue;
        }
        let before = container.own(&write);
        demand::exchange(&mut write, &before, own);
        core::mem::swap(container.own.get_mut(&mut write), &mut its);
        pin(&mut write, container, own.is_set());
        let mut next = Some(container);
        while let (Some(heir), Some(mut snapshot)) = (next, fresh.pop()) {
            *snapshot = compute(&read, &write, heir);
            // There is room for each: counted above, under the same lock.
            let _ = heir.effective.replace(&mut write, snapshot, &mut retirees);
            next = descent::next(&read, &write, container, heir);
        }
        return release(write, read, Ok(()));
    }
}

/// Leaves both sides in order, before anything that sleeps is dropped.
fn release<T>(write: RegistryGuard, read: ReadGuard, result: T) -> T {
    drop(write);
    drop(read);
    result
}

/// Returns what the container has of its own.
pub(crate) fn own(container: &Container) -> Own {
    container.own(&RegistryGuard::lock())
}

pub(crate) fn default_own() -> Own {
    DEFAULT.get(&RegistryGuard::lock()).unwrap_or_default()
}

pub(crate) fn set_default(own: Own) {
    *DEFAULT.get_mut(&mut RegistryGuard::lock()) = unless_empty(own);
}
