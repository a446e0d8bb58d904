//! The verb `stat`.

use crate::charge;
use crate::container::{Container, Counters};
use crate::control::{gone, no_lines, Answer};
use crate::facts;
use crate::output::Output;
use crate::registry;
use crate::vote;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicU64, Ordering};
use vk_ffi_shims::{ControlGuard, ReadGuard};
use vk_overcommit::Account;
use vk_reference_module::{Errno, Refusal, Request, Target};
use vk_sysctl::{Event as Audited, Key as Sysctl};

pub(crate) fn stat<'a>(request: &Request<'a>, out: &mut Output) -> Answer<'a> {
    const PAGE: u64 = 4096;
    no_lines(request)?;
    let _control = ControlGuard::lock();
    let wanted = match request.target {
        Some(Target::Default) => {
            return Err(Refusal::plain(Errno::EINVAL, "default has no counters"))
        }
        Some(Target::Namespace(number)) => Some(number),
        None => None,
    };
    let mut is_found = false;
    let found = wanted.map_or_else(facts::live, facts::one)?;
    for facts in found.iter() {
        is_found = true;
        let read = ReadGuard::new();
        let Some(ns) = facts.namespace(&read) else {
            continue;
        };
        let found = registry::find(&read, ns);
        let Some(container) = found.filter(|it| it.id.number == facts.number) else {
            continue;
        };
        let (mut estimate, mut held, mut limit) = (None, None, None);
        if facts.has_books {
            let effective = container.effective(&read);
            estimate = charge::estimate_pages(effective);
            held = charge::held_pages(ns, effective);
            limit = charge::limit_pages(&read, ns, container);
        }
        let snapshot = Stat::of(&read, container);
        drop(read);
        if wanted.is_none() && held.is_none() && snapshot.is_empty() {
            continue;
        }
        write!(
            out,
            "ns:{} held={} estimate={} maxheld={} limit={} failcnt={} recounts={} thp_granted={} thp_denied={} {} writes_denied={}",
            facts.number,
            held.unwrap_or(0).saturating_mul(PAGE),
            estimate.unwrap_or(0).saturating_mul(PAGE),
            snapshot.max_held_pages.saturating_mul(PAGE),
            limit.unwrap_or(0).saturating_mul(PAGE),
            snapshot.failcnt,
            snapshot.recounts,
            snapshot.thp_granted,
            snapshot.thp_denied,
            snapshot.votes,
            snapshot.writes_denied,
        )
        .ok();
        for (key, event, count) in audited(&snapshot.audit) {
            write!(out, " {key}.{}={count}", event.name()).ok();
        }
        out.write_char('\n').ok();
    }
    if wanted.is_none() {
        writeln!(out, "total {}", Votes::of(&vote::TOTAL)).ok();
    }
    if wanted.is_some() && !is_found {
        return Err(gone());
    }
    Ok(())
}

/// A container's counters, taken at once.
struct Stat {
    max_held_pages: u64,
    failcnt: u64,
    recounts: u64,
    thp_granted: u64,
    thp_denied: u64,
    votes: Votes,
    writes_denied: u64,
    audit: [[u64; Audited::COUNT]; Sysctl::COUNT],
}

/// What happened to parameters, as far as anything did.
fn audited(
    audit: &[[u64; Audited::COUNT]; Sysctl::COUNT],
) -> impl Iterator<Item = (Sysctl, Audited, u64)> + '_ {
    Sysctl::ALL
        .into_iter()
        .zip(audit)
        .flat_map(|(key, counts)| {
            let counted = Audited::ALL.into_iter().zip(counts.iter().copied());
            counted
                .filter(|(_, count)| *count != 0)
                .map(move |(event, count)| (key, event, count))
        })
}

/// How votes in khugepaged went.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Votes {
    for_pages: u64,
    against_pages: u64,
    abstained_pages: u64,
    tied: u64,
    denied: u64,
}

impl Votes {
    fn of(counters: &Counters) -> Self {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            for_pages: load(&counters.votes_for),
            against_pages: load(&counters.votes_against),
            abstained_pages: load(&counters.votes_abstained),
            tied: load(&counters.votes_tied),
            denied: load(&counters.ranges_denied),
        }
    }
}

impl fmt::Display for Votes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "votes_for={} votes_against={} votes_abstained={} votes_tied={} ranges_denied={}",
            self.for_pages, self.against_pages, self.abstained_pages, self.tied, self.denied
        )
    }
}

impl Stat {
    fn of(read: &ReadGuard, container: &Container) -> Self {
        let books = match container.effective(read).books() {
            Some((_, charged)) => Some(charged.books.clone()),
            None => registry::books(container),
        };
        let of_account =
            |count: fn(&Account) -> u64| books.as_ref().map_or(0, |it| count(&it.account));
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            max_held_pages: of_account(Account::max_held_pages),
            failcnt: of_account(Account::failcnt),
            recounts: of_account(Account::recounts),
            thp_granted: load(&container.counters.thp_granted),
            thp_denied: load(&container.counters.thp_denied),
            votes: Votes::of(&container.counters),
            writes_denied: load(&container.counters.writes_denied),
            audit: Sysctl::ALL
                .map(|key| Audited::ALL.map(|event| container.counters.audit.get(key, event))),
        }
    }

    fn is_empty(&self) -> bool {
        self.failcnt == 0
            && self.thp_granted == 0
            && self.thp_denied == 0
            && audited(&self.audit).next().is_none()
    }
}
