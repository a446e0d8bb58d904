//! Overcommit: who may commit how much, and what `/proc/meminfo` says of it.
//!
//! Hooks: `__vm_enough_memory`, `vm_commit_limit`, `vm_memory_committed` of mm/util.c.

use crate::books::Books;
use crate::container::{Container, Effective};
use crate::engine::is_enforced;
use crate::events;
use crate::registry;
use vk_ffi_shims::{briefly_of_mm, clock_ns, hook, jiffies, overcommit, Mm, Namespace, ReadGuard};
use vk_overcommit::{least_allowed_pages, Backoff, Memory, Mode, Policy, Request, Reserves};

const ENOMEM: i32 = 12;
const PAGE_SHIFT: u32 = 12;

fn host_policy() -> Policy {
    let host = overcommit::host();
    Policy {
        mode: Mode::from_raw(host.mode).unwrap_or_default(),
        ratio: host.ratio,
        kbytes: host.kbytes,
    }
}

fn pages(bytes: u64) -> u64 {
    if bytes == u64::MAX {
        vk_overcommit::UNLIMITED
    } else {
        bytes >> PAGE_SHIFT
    }
}

/// The memory that the container `ns` may count on.
fn memory(ns: Namespace<'_>, machine: &overcommit::Machine) -> Memory {
    let (memory_max, swap_max) = ns.memory_max_bytes();
    Memory {
        ram_pages: machine.ram_pages,
        hugetlb_pages: machine.hugetlb_pages,
        swap_pages: machine.swap_pages,
        memory_max_pages: pages(memory_max),
        swap_max_pages: pages(swap_max),
    }
}

/// What the snapshot says of a request without a look at who asks.
enum Glance {
    /// Granted, and charged.
    Granted,
    /// Nothing was charged: look closely.
    Unclear,
}

/// Before `__vm_enough_memory()`: any context, also atomic (swapoff). The global counter moves
/// exactly as in the original.
fn enough(
    hook: &vm_enough_memory<'_>,
    mm: Option<Mm<'_>>,
    pages: i64,
    cap_sys_admin: i32,
) -> i32 {
    ours(mm, pages, cap_sys_admin != 0).unwrap_or_else(|| hook.host(mm, pages, cap_sys_admin))
}

/// What a policy answers; `None` if the host's decides.
fn ours(mm: Option<Mm<'_>>, pages: i64, cap_sys_admin: bool) -> Option<i32> {
    if !is_enforced() {
        return None;
    }
    match glance(mm, pages)? {
        Glance::Granted => Some(0),
        Glance::Unclear => examine(mm, pages, cap_sys_admin),
    }
}

/// Grants what is certainly granted: everything in mode 1; in mode 2 what stays below the least
/// that anybody was allowed in this jiffy.
#[inline]
fn glance(mm: Option<Mm<'_>>, pages: i64) -> Option<Glance> {
    briefly_of_mm(mm, |read, ns| {
        let effective = registry::find(read, ns)?.effective(read);
        let (_, charged) = effective.books()?;
        match effective.overcommit_mode() {
            Some(Mode::Always) => {
                charged.account.charge(pages);
                overcommit::account(pages);
                Some(Glance::Granted)
            }
            Some(Mode::Never) => {
                let bound_pages = charged.least_allowed.pages(jiffies());
                if !charged.account.try_charge(pages, bound_pages) {
                    return Some(Glance::Unclear);
                }
                overcommit::charge(mm, pages);
                Some(Glance::Granted)
            }
            Some(Mode::Heuristic) | None => Some(Glance::Unclear),
        }
    })
}

/// Gathers all that a decision needs, decides, and recounts before a refusal.
#[cold]
fn examine(mm: Option<Mm<'_>>, pages: i64, cap_sys_admin: bool) -> Option<i32> {
    let read = ReadGuard::new();
    let subject = Namespace::of_mm(&read, mm)?;
    let effective = registry::find(&read, subject)?.effective(&read);
    let (owner, books) = effective.books()?;
    // Before anything is read that goes into the limit.
    let now = jiffies();
    let policy = effective.overcommit(host_policy());

    overcommit::account(pages);
    if policy.mode == Mode::Always {
        books.account.charge(pages);
        return Some(0);
    }
    // An ancestor lives as long as its descendants.
    let ns = subject.ancestor(owner.address).unwrap_or(subject);
    let machine = overcommit::machine();
    let in_flight_pages = overcommit::in_flight_pages(mm, pages);
    let request = Request {
        pages,
        cap_sys_admin: cap_sys_admin || ns.is_admin(),
        mm_total_vm_pages: mm.map(Mm::total_pages),
    };
    let reserves = Reserves {
        admin_pages: machine.admin_reserve_pages,
        user_pages: machine.user_reserve_pages,
    };
    let memory = memory(ns, &machine);
    let least_pages = least_allowed_pages(&policy, &memory, &reserves);
    books.least_allowed.keep(now, least_pages);
    let mut taken = None;
    let verdict = books
        .account
        .admit(&policy, &memory, &reserves, &request, || {
            if !overcommit::may_recount() {
                return None;
            }
            taken = Some(books.refusals.take(clock_ns())?);
            Some(ns.accounted_pages()?.pages.saturating_add(in_flight_pages))
        });
    match verdict {
        Ok(()) => {
            if let Some(recount) = taken {
                recount.clear();
            }
            Some(0)
        }
        Err(_) => {
            overcommit::account(pages.wrapping_neg());
            overcommit::warn(pages);
            let bytes = pages.unsigned_abs().saturating_mul(1 << PAGE_SHIFT);
            events::tell_refused(subject.id(), owner.number, bytes);
            Some(-ENOMEM)
        }
    }
}

/// The commit limit of the container, in pages.
pub(crate) fn limit_pages(ns: Namespace<'_>, effective: &Effective) -> Option<u64> {
    let (owner, _) = effective.books()?;
    let ns = ns.ancestor(owner.address).unwrap_or(ns);
    let policy = effective.overcommit(host_policy());
    Some(vk_overcommit::commit_limit_pages(
        &policy,
        &memory(ns, &overcommit::machine()),
    ))
}

/// What the container has committed, in pages: recounted, at most every 100 ms.
///
/// Process context, no mmap lock held.
pub(crate) fn held_pages(ns: Namespace<'_>, effective: &Effective) -> Option<u64> {
    let (owner, books) = effective.books()?;
    let now = clock_ns();
    if books.shown.is_due(now) {
        if let Some(recount) = books.account.try_begin_recount() {
            let ns = ns.ancestor(owner.address).unwrap_or(ns);
            if let Some(counted) = ns.accounted_pages() {
                recount.finish(counted.pages);
                books.shown.hold_off(now, Backoff::READER_NS);
            }
        }
    }
    Some(books.account.held_pages().unsigned_abs())
}

/// Counts what a container already holds, when it gets a commit policy.
///
/// Process context, no mmap lock held.
pub(crate) fn recount(ns: Namespace<'_>, books: &Books) {
    if let Some(recount) = books.account.try_begin_recount() {
        if let Some(counted) = ns.accounted_pages() {
            recount.finish(counted.pages);
        }
    }
}

fn current<T>(then: impl FnOnce(Namespace<'_>, &Container, &Effective) -> Option<T>) -> Option<T> {
    if !is_enforced() {
        return None;
    }
    let read = ReadGuard::new();
    let ns = Namespace::of_current(&read)?;
    let container = registry::find(&read, ns)?;
    then(ns, container, container.effective(&read))
}

/// `CommitLimit` of /proc/meminfo. Process context.
fn commit_limit(hook: &vm_commit_limit<'_>) -> u64 {
    let ours = current(|ns, _, effective| limit_pages(ns, effective));
    ours.unwrap_or_else(|| hook.host())
}

/// `Committed_AS` of /proc/meminfo. Process context.
fn memory_committed(hook: &vm_memory_committed<'_>) -> u64 {
    let ours = current(|ns, _, effective| held_pages(ns, effective));
    ours.unwrap_or_else(|| hook.host())
}

hook!(fn vm_enough_memory(mm: Option<Mm<'_>>, pages: i64, cap_sys_admin: i32) -> i32, Replace<Mm> => enough);
hook!(fn vm_commit_limit() -> u64, Replace<Current> => commit_limit);
hook!(fn vm_memory_committed() -> u64, Replace<Current> => memory_committed);
