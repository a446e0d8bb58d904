//! The vote about a range that khugepaged is about to collapse: its small pages may be charged to
//! several containers, and each one votes by the policy of its own.
//!
//! Hooks: `collapse_huge_page` (or, where the compiler put that into its caller,
//! `collapse_single_pmd`) and `collapse_file` of mm/khugepaged.c.
//!
//! Pages that no container claims vote as the host. But what is charged to the very cgroup that the
//! scanned process is in, and that nobody claims, is its container's: so a container that shares
//! its cgroup with the one around it still has the pages that its policy lets it have.

use crate::container::{count, Container, Counters};
use crate::engine::is_enforced;
use crate::memory::{owner, Owner};
use crate::registry;
use core::sync::atomic::{AtomicU64, Ordering};
use vk_ffi_shims::{hook, shmem, thp, Memcg, Namespace, Range, ReadGuard};
use vk_thp::{
    Enabled, OrderMode, Orders, Outcome, ShmemEnabled, ShmemOrderMode, VmaFlags, Vote, PMD_ORDER,
};

/// What all ranges come to, those of the host included.
pub(crate) static TOTAL: Counters = Counters::new();

/// Tells whether a range may be collapsed. khugepaged; the mmap lock is held.
fn vote(range: Range<'_>) -> bool {
    if !is_enforced() {
        return true;
    }
    let read = ReadGuard::new();
    let scanned = Namespace::of_mm(&read, range.mm()).and_then(|ns| registry::find(&read, ns));
    let is_shmem = range.is_shmem();
    let host = if is_shmem { host_shmem() } else { host() };
    let flags = VmaFlags::from_bits_truncate(range.vm_flags());
    let electorate = Electorate {
        scanned: match owner(&read, range.memcg(&read)) {
            Owner::Nobody => scanned.map(|container| (container, range.memcg(&read))),
            _ => None,
        },
        is_shmem,
    };
    let mut vote = Vote::new(range.pages(), flags, host);
    range.each_owner(&read, |memcg, pages| {
        electorate.cast(&read, &mut vote, memcg, pages);
    });
    keep(scanned, &vote, range.pages());
    vote.outcome().is_collapse()
}

/// Who votes how about one range.
struct Electorate<'g> {
    /// The container of the scanned memory and its cgroup, if nobody claims that.
    scanned: Option<(&'g Container, Option<Memcg<'g>>)>,
    is_shmem: bool,
}

impl<'g> Electorate<'g> {
    /// Counts the pages of one cgroup. Atomic.
    fn cast(&self, read: &'g ReadGuard, vote: &mut Vote, memcg: Option<Memcg<'g>>, pages: u32) {
        let container = match owner(read, memcg) {
            Owner::Ambiguous => {
                let _ = vote.abstain(pages);
                return;
            }
            Owner::Container(container) => Some(container),
            Owner::Nobody => self.of_scanned(memcg),
        };
        let policy = container.map_or(OrderMode::Inherit, |it| self.policy(read, it));
        let before = vote.tally();
        let _ = vote.run(policy, pages);
        let after = vote.tally();
        for counters in [Some(&TOTAL), container.map(|it| &it.counters)]
            .into_iter()
            .flatten()
        {
            let more = |counter: &AtomicU64, after: u32, before: u32| {
                counter.fetch_add(after.wrapping_sub(before).into(), Ordering::Relaxed);
            };
            more(&counters.votes_for, after.for_pages, before.for_pages);
            more(
                &counters.votes_against,
                after.against_pages,
                before.against_pages,
            );
        }
    }

    fn of_scanned(&self, memcg: Option<Memcg<'_>>) -> Option<&'g Container> {
        let (container, its) = self.scanned?;
        (its.map(Memcg::key) == memcg.map(Memcg::key)).then_some(container)
    }

    fn policy(&self, read: &ReadGuard, container: &Container) -> OrderMode {
        let thp = container.effective(read).thp();
        if self.is_shmem {
            thp.shmem_enabled.map_or(OrderMode::Inherit, of_shmem)
        } else {
            thp.enabled.map_or(OrderMode::Inherit, of_enabled)
        }
    }
}

const fn of_enabled(word: Enabled) -> OrderMode {
    match word {
        Enabled::Always => OrderMode::Always,
        Enabled::Madvise => OrderMode::Madvise,
        Enabled::Never => OrderMode::Never,
    }
}

/// khugepaged collapses only what lies within the file.
const fn of_shmem(word: ShmemEnabled) -> OrderMode {
    match word {
        ShmemEnabled::Always | ShmemEnabled::WithinSize | ShmemEnabled::Force => OrderMode::Always,
        ShmemEnabled::Advise => OrderMode::Madvise,
        ShmemEnabled::Never | ShmemEnabled::Deny => OrderMode::Never,
    }
}

fn host() -> Enabled {
    Enabled::from_raw(thp::host_enabled()).unwrap_or(Enabled::Never)
}

/// What the host's files say of shared memory of 2 MiB.
fn host_shmem() -> Enabled {
    let global = ShmemEnabled::from_raw(shmem::host()).unwrap_or(ShmemEnabled::Never);
    let orders = shmem::orders();
    let has = |mask| Orders::from_bits_retain(mask).contains(Orders::from_order(PMD_ORDER));
    let mode = if matches!(global, ShmemEnabled::Deny) {
        ShmemOrderMode::Never
    } else if has(orders.always) {
        ShmemOrderMode::Always
    } else if has(orders.inherit) {
        ShmemOrderMode::Inherit
    } else if has(orders.within_size) {
        ShmemOrderMode::WithinSize
    } else if has(orders.madvise) {
        ShmemOrderMode::Advise
    } else {
        ShmemOrderMode::Never
    };
    let mode = match mode {
        ShmemOrderMode::Always | ShmemOrderMode::WithinSize => OrderMode::Always,
        ShmemOrderMode::Advise => OrderMode::Madvise,
        ShmemOrderMode::Never => OrderMode::Never,
        ShmemOrderMode::Inherit => of_shmem(global),
    };
    mode.effective(Enabled::Never)
}

/// Keeps what the range came to, for its container and in total.
fn keep(scanned: Option<&Container>, vote: &Vote, pages: u32) {
    let tally = vote.tally();
    let voted = tally.for_pages.saturating_add(tally.against_pages);
    let abstained = pages.saturating_sub(voted);
    for counters in [Some(&TOTAL), scanned.map(|it| &it.counters)]
        .into_iter()
        .flatten()
    {
        counters
            .votes_abstained
            .fetch_add(abstained.into(), Ordering::Relaxed);
        if vote.outcome() == Outcome::Tie {
            count(&counters.votes_tied);
        }
        if !vote.outcome().is_collapse() {
            count(&counters.ranges_denied);
        }
    }
}

hook!(vote => crate::vote::vote);
