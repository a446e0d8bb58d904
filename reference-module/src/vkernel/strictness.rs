//! Whether limits of mode 2 promise more than there is, and what comes of it: the parameter
//! `strict`.
//!
//! A change is looked at when it raises a limit: one that lowers it is never refused, however much
//! is promised. What raises a sum by itself - a birth with the default's limit, a `memory.max` that
//! was lowered later - is shown by `features`, and by the next change.

use crate::charge::{host_policy, memory};
use crate::container::{Container, Effective, Id};
use crate::engine::is_enforced;
use crate::registry;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use vk_ffi_shims::{each_namespace, overcommit, Namespace, ReadGuard};
use vk_overcommit::{
    check_promise, commit_limit_pages, Memory, Mode, Overpromise, Policy, Promises, UNLIMITED,
};
use vk_reference_module::Own;

/// What comes of a promise of more than there is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// Nothing.
    Silent,
    /// A line `warning:` in the answer to `set`, or in the log for a write from inside.
    Warns,
    /// It is refused.
    Refuses,
}

static STRICT: AtomicU32 = AtomicU32::new(1);

/// Takes the parameter: 0, 1 or 2.
pub(crate) fn set(strict: u32) {
    STRICT.store(strict, Ordering::Relaxed);
}

pub(crate) fn strictness() -> Strictness {
    match STRICT.load(Ordering::Relaxed) {
        0 => Strictness::Silent,
        1 => Strictness::Warns,
        _ => Strictness::Refuses,
    }
}

impl fmt::Display for Strictness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silent => "silent",
            Self::Warns => "warns",
            Self::Refuses => "refuses",
        })
    }
}

/// Says what the container `id` would promise too much of with `own`, if that is more than it
/// promises already. Process context.
pub(crate) fn overpromise(id: Id, own: &Own) -> Option<Overpromise> {
    if strictness() == Strictness::Silent || !own.has_overcommit() {
        return None;
    }
    let machine = overcommit::machine();
    let (policy, memory) = raised(id, own, &machine)?;
    let mut promises = Promises::new();
    promises.add(&policy, &memory);
    each_container(|read, ns, container| {
        if container.id != id {
            let now = promise(read, ns, container, container.effective(read), &machine);
            now.iter().for_each(|it| promises.add(&it.0, &it.1));
        }
    });
    let checked = check_promise(&policy, &memory).and_then(|()| promises.check(&all(&machine)));
    checked.err()
}

/// What the container `id` would promise with `own`, if that is more than now.
fn raised(id: Id, own: &Own, machine: &overcommit::Machine) -> Option<(Policy, Memory)> {
    if !is_enforced() {
        return None;
    }
    let read = ReadGuard::new();
    let ns = Namespace::of_id(&read, id.number)?;
    let container = registry::find_at(&read, ns.key()).filter(|it| it.id == id)?;
    let now = promise(&read, ns, container, container.effective(&read), machine);
    let preview = registry::preview(&read, id, own)?;
    let then = promise(&read, ns, container, &preview, machine)?;
    let limit = |it: &(Policy, Memory)| commit_limit_pages(&it.0, &it.1);
    (now.as_ref().map(limit) < Some(limit(&then))).then_some(then)
}

/// The sum of the limits, and what the machine has, in pages. Process context.
pub(crate) fn promised_pages() -> (u64, u64) {
    let machine = overcommit::machine();
    let mut promises = Promises::new();
    each_container(|read, ns, container| {
        let now = promise(read, ns, container, container.effective(read), &machine);
        now.iter().for_each(|it| promises.add(&it.0, &it.1));
    });
    (promises.sum_pages(), all(&machine).backing_pages())
}

fn each_container(mut found: impl FnMut(&ReadGuard, Namespace<'_>, &Container)) {
    if !is_enforced() {
        return;
    }
    each_namespace(|ns| {
        let read = ReadGuard::new();
        if let Some(container) = registry::find_at(&read, ns.key()) {
            found(&read, ns, container);
        }
        true
    });
}

/// What a container with these values promises: nothing, unless it has an account of its own in mode
/// 2 that none in mode 2 is around.
fn promise(
    read: &ReadGuard,
    ns: Namespace<'_>,
    container: &Container,
    effective: &Effective,
    machine: &overcommit::Machine,
) -> Option<(Policy, Memory)> {
    let host = host_policy();
    let (owner, _) = effective.books()?;
    let policy = effective.overcommit(host);
    if owner != container.id || policy.mode != Mode::Never {
        return None;
    }
    let around = registry::parent(read, container);
    let is_inside = around.is_some_and(|around| {
        registry::accountable(read, around)
            .any(|(_, its, _)| its.overcommit(host).mode == Mode::Never)
    });
    (!is_inside).then(|| (policy, memory(ns, machine)))
}

/// The machine's memory, with no cgroup.
fn all(machine: &overcommit::Machine) -> Memory {
    Memory {
        ram_pages: machine.ram_pages,
        hugetlb_pages: machine.hugetlb_pages,
        swap_pages: machine.swap_pages,
        memory_max_pages: UNLIMITED,
        swap_max_pages: UNLIMITED,
    }
}
