//! Overcommit: who may commit how much, and what `/proc/meminfo` says of it.
//!
//! Hooks: `__vm_enough_memory`, `vm_commit_limit`, `vm_memory_committed` of mm/util.c; `do_mmap` of
//! mm/mmap.c and `newseg` of ipc/shm.c.

use crate::books::Charged;
use crate::container::{Container, Effective, Id};
use crate::engine::is_enforced;
use crate::events;
use crate::registry::{self, Accountable};
use vk_ffi_shims::overcommit::Reserve;
use vk_ffi_shims::{
    briefly_of_mm, clock_ns, coarse_jiffies, hook, overcommit, BriefGuard, Mm, Namespace,
    ReadGuard, Reading,
};
use vk_overcommit::{
    least_allowed_pages, Backoff, Charges, Memory, Mode, Policy, Refusal, Request, Reserves,
};

const ENOMEM: i32 = 12;
const PAGE_SHIFT: u32 = 12;

pub(crate) fn host_policy() -> Policy {
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
pub(crate) fn memory(ns: Namespace<'_>, machine: &overcommit::Machine) -> Memory {
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
fn enough(hook: &vm_enough_memory<'_>, mm: Option<Mm<'_>>, pages: i64, cap_sys_admin: i32) -> i32 {
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
/// that anybody is allowed, found ten to twenty times a second.
#[inline]
fn glance(mm: Option<Mm<'_>>, pages: i64) -> Option<Glance> {
    briefly_of_mm(mm, |read, ns| {
        let container = registry::find(read, ns)?;
        let effective = container.effective(read);
        let (owner, charged) = effective.books()?;
        match effective.lone_mode() {
            Some(Mode::Always) => {
                charged.account.charge(pages);
                overcommit::account(pages);
                Some(Glance::Granted)
            }
            Some(Mode::Never) => {
                let now = coarse_jiffies();
                let bound_pages = charged.least_allowed.pages(now);
                let bound_pages =
                    bound_pages.unwrap_or_else(|| refresh(ns, owner, effective, charged, now));
                if !charged.account.try_charge(pages, bound_pages) {
                    return Some(Glance::Unclear);
                }
                overcommit::charge(mm, pages);
                Some(Glance::Granted)
            }
            Some(Mode::Heuristic) | None => Some(glance_around(read, container, mm, pages)),
        }
    })
}

/// Finds the least that anybody is allowed, for this step of the clock, and returns it.
#[cold]
#[inline(never)]
fn refresh(
    subject: Namespace<'_>,
    owner: Id,
    effective: &Effective,
    charged: &Charged,
    now: u64,
) -> i64 {
    let machine = overcommit::machine();
    let bounds = Bounds::of(subject, owner, effective, &machine, host_policy());
    bounds.keep(charged, now)
}

/// What the decision about a request goes by, whoever asks.
struct Bounds<'g> {
    /// Whose limit it is.
    ns: Namespace<'g>,
    policy: Policy,
    memory: Memory,
    reserves: Reserves,
}

impl<'g> Bounds<'g> {
    fn of(
        subject: Namespace<'g>,
        owner: Id,
        effective: &Effective,
        machine: &overcommit::Machine,
        host: Policy,
    ) -> Self {
        // An ancestor lives as long as its descendants.
        let ns = subject.ancestor(owner.address).unwrap_or(subject);
        Self {
            ns,
            policy: effective.overcommit(host),
            memory: memory(ns, machine),
            reserves: effective.reserves(Reserves {
                admin_pages: machine.admin_reserve_pages,
                user_pages: machine.user_reserve_pages,
            }),
        }
    }

    /// Keeps the least that anybody is allowed by them; `now` is from before they were read.
    fn keep(&self, charged: &Charged, now: u64) -> i64 {
        let least_pages = least_allowed_pages(&self.policy, &self.memory, &self.reserves);
        charged.least_allowed.keep(now, least_pages);
        least_pages
    }
}

/// Does the same for a container that others are around: each of them has to grant it.
#[cold]
#[inline(never)]
fn glance_around(
    read: &BriefGuard,
    container: &Container,
    mm: Option<Mm<'_>>,
    pages: i64,
) -> Glance {
    if !container.effective(read).is_surrounded() {
        return Glance::Unclear;
    }
    let now = coarse_jiffies();
    let mut charges = Charges::new();
    for (_, effective, charged) in registry::accountable(read, container) {
        let bound_pages = match effective.overcommit_mode() {
            Some(Mode::Always) => i64::MAX,
            Some(Mode::Never) => charged.least_allowed.pages(now).unwrap_or(0),
            Some(Mode::Heuristic) | None => 0,
        };
        if !charges.try_charge(&charged.account, pages, bound_pages) {
            return Glance::Unclear;
        }
    }
    overcommit::charge(mm, pages);
    Glance::Granted
}

/// A request as it is examined, for whichever account.
struct Question<'g> {
    subject: Namespace<'g>,
    pages: i64,
    cap_sys_admin: bool,
    mm_total_vm_pages: Option<u64>,
    in_flight_pages: u64,
    machine: overcommit::Machine,
    host: Policy,
}

/// Gathers all that a decision needs, decides, and recounts before a refusal.
#[cold]
fn examine(mm: Option<Mm<'_>>, pages: i64, cap_sys_admin: bool) -> Option<i32> {
    let read = ReadGuard::new();
    let subject = Namespace::of_mm(&read, mm)?;
    let container = registry::find(&read, subject)?;
    let mut accountables = registry::accountable(&read, container).peekable();
    accountables.peek()?;
    overcommit::account(pages);
    let question = Question {
        subject,
        pages,
        cap_sys_admin,
        mm_total_vm_pages: mm.map(Mm::total_pages),
        in_flight_pages: overcommit::in_flight_pages(mm, pages),
        machine: overcommit::machine(),
        host: host_policy(),
    };
    let mut charges = Charges::new();
    for accountable in accountables {
        if question.put_to(accountable, &mut charges).is_err() {
            refuse(&question, accountable.0);
            return Some(-ENOMEM);
        }
    }
    Some(0)
}

/// What a refusal leaves behind, but for the accounts.
fn refuse(question: &Question<'_>, by: Id) {
    overcommit::account(question.pages.wrapping_neg());
    overcommit::warn(question.pages);
    let bytes = question
        .pages
        .unsigned_abs()
        .saturating_mul(1 << PAGE_SHIFT);
    events::tell_refused(question.subject.id(), by.number, bytes);
}

impl Question<'_> {
    /// Charges one account more, if its container admits the request.
    fn put_to<'a>(
        &self,
        (owner, effective, charged): Accountable<'a>,
        charges: &mut Charges<'a>,
    ) -> Result<(), Refusal> {
        // Before anything is read that goes into the limit.
        let now = coarse_jiffies();
        if effective.overcommit(self.host).mode == Mode::Always {
            charges.charge(&charged.account, self.pages);
            return Ok(());
        }
        let bounds = Bounds::of(self.subject, owner, effective, &self.machine, self.host);
        bounds.keep(charged, now);
        let Bounds {
            ns,
            policy,
            memory,
            reserves,
        } = bounds;
        let request = Request {
            pages: self.pages,
            cap_sys_admin: self.cap_sys_admin || ns.is_admin(),
            mm_total_vm_pages: self.mm_total_vm_pages,
        };
        let mut taken = None;
        let recount = || {
            if !overcommit::may_recount() {
                return None;
            }
            taken = Some(charged.refusals.take(clock_ns())?);
            let counted = ns.accounted_pages()?;
            Some(counted.pages.saturating_add(self.in_flight_pages))
        };
        let account = &charged.account;
        let verdict = charges.admit(account, &policy, &memory, &reserves, &request, recount);
        if let (Ok(()), Some(recount)) = (verdict, taken) {
            recount.clear();
        }
        verdict
    }
}

/// Before `do_mmap()` and `newseg()`: what the flags ask for that say not to charge.
///
/// The strictest counts: mode 2 of the container or of one around it.
fn reserve(mm: Option<Mm<'_>>) -> Reserve {
    if !is_enforced() {
        return Reserve::AsHost;
    }
    let read = ReadGuard::new();
    let ns = Namespace::of_mm(&read, mm);
    let Some(container) = ns.and_then(|ns| registry::find(&read, ns)) else {
        return Reserve::AsHost;
    };
    let modes = registry::accountable(&read, container);
    let mut modes = modes.map(|(_, effective, _)| effective.overcommit_mode());
    match modes.next() {
        Some(Some(Mode::Never)) => Reserve::Ignored,
        Some(Some(_)) if modes.any(|mode| mode == Some(Mode::Never)) => Reserve::Ignored,
        Some(Some(_)) => Reserve::Honoured,
        Some(None) | None => Reserve::AsHost,
    }
}

/// Tells whether what the namespace holds is no business of a host in mode 2: whether the outermost
/// container with a commit policy that it is in has a mode of its own, and no limit.
fn is_apart(read: &ReadGuard, ns: Namespace<'_>) -> bool {
    if !is_enforced() {
        return false;
    }
    let container = registry::find(read, ns);
    let outermost = container.and_then(|it| registry::accountable(read, it).last());
    let mode = outermost.and_then(|(_, effective, _)| effective.overcommit_mode());
    matches!(mode, Some(Mode::Heuristic | Mode::Always))
}

/// The commit limit of the container, in pages: that of its own mode, and no more than what mode 2
/// leaves to a container around it.
pub(crate) fn limit_pages(read: &Reading, ns: Namespace<'_>, container: &Container) -> Option<u64> {
    let (machine, host) = (overcommit::machine(), host_policy());
    let limits = registry::accountable(read, container).enumerate();
    let counting = limits.filter_map(|(outward, (owner, effective, _))| {
        let policy = effective.overcommit(host);
        let memory = memory(ns.ancestor(owner.address).unwrap_or(ns), &machine);
        let limit = vk_overcommit::commit_limit_pages(&policy, &memory);
        (outward == 0 || policy.mode == Mode::Never).then_some(limit)
    });
    counting.min()
}

/// What the container is taken to have committed before anybody counts, in pages.
pub(crate) fn estimate_pages(effective: &Effective) -> Option<u64> {
    let (_, books) = effective.books()?;
    Some(books.account.held_pages().unsigned_abs())
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

/// Counts what the container `id` holds already, when it gets a commit policy.
///
/// Process context, no mmap lock held.
pub(crate) fn recount(id: Id) {
    let read = ReadGuard::new();
    let Some(ns) = Namespace::of_id(&read, id.number) else {
        return;
    };
    let container = registry::find(&read, ns).filter(|container| container.id == id);
    let Some(books) = container.and_then(registry::books) else {
        return;
    };
    let Some(recount) = books.account.try_begin_recount() else {
        return;
    };
    if let Some(counted) = ns.accounted_pages() {
        recount.finish(counted.pages);
    }
}

fn current<T>(then: impl FnOnce(&ReadGuard, Namespace<'_>, &Container) -> Option<T>) -> Option<T> {
    if !is_enforced() {
        return None;
    }
    let read = ReadGuard::new();
    let ns = Namespace::of_current(&read)?;
    then(&read, ns, registry::find(&read, ns)?)
}

/// `CommitLimit` of /proc/meminfo. Process context.
fn commit_limit(hook: &vm_commit_limit<'_>) -> u64 {
    let ours = current(|read, ns, container| limit_pages(read, ns, container));
    ours.unwrap_or_else(|| hook.host())
}

/// `Committed_AS` of /proc/meminfo. Process context.
fn memory_committed(hook: &vm_memory_committed<'_>) -> u64 {
    let ours = current(|read, ns, container| held_pages(ns, container.effective(read)));
    ours.unwrap_or_else(|| hook.host())
}

hook!(fn vm_enough_memory(mm: Option<Mm<'_>>, pages: i64, cap_sys_admin: i32) -> i32, Replace<Mm> => enough);
hook!(fn vm_commit_limit() -> u64, Replace<Current> => commit_limit);
hook!(fn vm_memory_committed() -> u64, Replace<Current> => memory_committed);
hook!(reserve => crate::charge::reserve);
hook!(apart => crate::charge::is_apart);
