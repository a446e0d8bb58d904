//! The account under real threads.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, TryLockError};
use std::thread;

use vk_overcommit::Account;

const TASKS: usize = 3;
const ROUNDS: u64 = 20_000;
const RECOUNTS: u64 = 200;
const BOUND_PAGES: i64 = 1 << 40;

/// An mm: its lock, and the pages mapped in it.
type Mm = Mutex<u64>;

/// Maps, refuses and unmaps under the mm's lock, as system calls do.
fn live(account: &Account, mm: &Mm, seed: u64) {
    let mut random = seed;
    let mut rounds = 0;
    while rounds < ROUNDS || account.recounts() < RECOUNTS {
        rounds += 1;
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let pages = random % 100;
        let mut mapped = mm.lock().unwrap();
        if random % 7 == 0 {
            if account.try_charge(pages as i64, BOUND_PAGES) {
                *mapped += pages;
            }
            continue;
        }
        let charge = account.charge(pages as i64);
        match random % 3 {
            0 => account.refuse(charge),
            1 => *mapped += pages,
            _ => *mapped = mapped.saturating_sub(pages),
        }
    }
}

/// Counts what is mapped. Waits for each lock, as a caller may who holds none.
fn recount(account: &Account, mms: &[Mm]) {
    let Some(recount) = account.try_begin_recount() else {
        return;
    };
    let sum = mms.iter().map(|mm| *mm.lock().unwrap()).sum();
    recount.finish(sum);
}

/// Counts, or gives up where a lock is taken.
fn recount_if_quiet(account: &Account, mms: &[Mm]) {
    let Some(recount) = account.try_begin_recount() else {
        return;
    };
    let mut sum = 0;
    for mm in mms {
        match mm.try_lock() {
            Ok(mapped) => sum += *mapped,
            Err(TryLockError::WouldBlock) => return,
            Err(error) => panic!("{error}"),
        }
    }
    recount.finish(sum);
}

/// The estimate with all locks held, so that no charge is on its way, is at least the truth.
fn check(account: &Account, mms: &[Mm]) {
    let locked: Vec<_> = mms.iter().map(|mm| mm.lock().unwrap()).collect();
    let truth: u64 = locked.iter().map(|mapped| **mapped).sum();
    assert!(account.held_pages() >= truth as i64);
}

#[test]
fn the_estimate_is_never_below_the_truth() {
    let account = Account::new();
    let mms: [Mm; TASKS] = Default::default();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let counters: [fn(&Account, &[Mm]); 3] = [recount, recount_if_quiet, check];
        for counter in counters {
            let (account, mms, done) = (&account, &mms, &done);
            scope.spawn(move || {
                while !done.load(SeqCst) {
                    counter(account, mms);
                    thread::yield_now();
                }
            });
        }
        let account = &account;
        let tasks: Vec<_> = (1..)
            .zip(&mms)
            .map(|(seed, mm)| scope.spawn(move || live(account, mm, seed)))
            .collect();
        for task in tasks {
            task.join().unwrap();
        }
        done.store(true, SeqCst);
    });
    check(&account, &mms);
    let truth: u64 = mms.iter().map(|mm| *mm.lock().unwrap()).sum();
    recount(&account, &mms);
    assert_eq!(account.held_pages(), truth as i64);
    assert!(account.recounts() > RECOUNTS);
    assert!(account.failcnt() > 0);
}
