//! The account, one task at a time.

use std::cell::Cell;

use vk_overcommit::{Account, Memory, Mode, Policy, Refusal, Request, Reserves, UNLIMITED};

/// A commit limit of 1000 pages, and the same number of pages in RAM.
const MEMORY: Memory = Memory {
    ram_pages: 1_000,
    hugetlb_pages: 0,
    swap_pages: 0,
    memory_max_pages: UNLIMITED,
    swap_max_pages: UNLIMITED,
};

const NO_RESERVES: Reserves = Reserves {
    admin_pages: 0,
    user_pages: 0,
};

fn admit(
    account: &Account,
    mode: Mode,
    pages: i64,
    recount: impl FnOnce() -> Option<u64>,
) -> Result<(), Refusal> {
    let policy = Policy {
        mode,
        ratio: 100,
        kbytes: 0,
    };
    let request = Request {
        pages,
        cap_sys_admin: false,
        mm_total_vm_pages: None,
    };
    account.admit(&policy, &MEMORY, &NO_RESERVES, &request, recount)
}

#[test]
fn charges_add_up_and_a_refund_takes_one_back() {
    let account = Account::new();
    assert_eq!(account.charge(10).held_pages(), 10);
    let refused = account.charge(5);
    assert_eq!(refused.pages(), 5);
    assert_eq!(refused.held_pages(), 15);
    account.refund(refused);
    assert_eq!(account.held_pages(), 10);
    assert_eq!(account.failcnt(), 0);
}

#[test]
fn a_negative_charge_counts_as_none() {
    let account = Account::new();
    account.charge(10);
    let negative = account.charge(-3);
    assert_eq!(negative.held_pages(), 10);
    account.refund(negative);
    assert_eq!(account.held_pages(), 10);
}

#[test]
fn a_recount_replaces_what_was_before_it_only() {
    let account = Account::new();
    account.charge(100);
    let recount = account.try_begin_recount().unwrap();
    account.charge(7);
    assert_eq!(recount.finish(40), 47);
    assert_eq!(account.held_pages(), 47);
    assert_eq!(account.recounts(), 1);
}

#[test]
fn there_is_one_recount_at_a_time() {
    let account = Account::new();
    let recount = account.try_begin_recount().unwrap();
    assert!(account.try_begin_recount().is_none());
    recount.finish(0);
    assert!(account.try_begin_recount().is_some());
}

#[test]
fn a_dropped_recount_changes_nothing_and_lets_the_next_one_in() {
    let account = Account::new();
    account.charge(100);
    drop(account.try_begin_recount());
    assert_eq!(account.held_pages(), 100);
    assert_eq!(account.recounts(), 0);
    assert!(account.try_begin_recount().is_some());
}

#[test]
fn a_charge_from_before_a_recount_is_not_taken_back_twice() {
    let account = Account::new();
    let refused = account.charge(5);
    account.try_begin_recount().unwrap().finish(40);
    account.refund(refused);
    assert_eq!(account.held_pages(), 40);
}

#[test]
fn a_refund_while_a_recount_runs_leaves_it_to_the_recount() {
    let account = Account::new();
    let before = account.charge(5);
    let recount = account.try_begin_recount().unwrap();
    let since = account.charge(2);
    account.refund(before);
    account.refund(since);
    assert_eq!(recount.finish(40), 40);
}

#[test]
fn a_refund_after_an_abandoned_recount_is_made() {
    let account = Account::new();
    account.charge(40);
    let before = account.charge(5);
    let recount = account.try_begin_recount().unwrap();
    let since = account.charge(2);
    drop(recount);
    account.refund(before);
    account.refund(since);
    assert_eq!(account.held_pages(), 40);
}

#[test]
fn after_many_abandoned_recounts_a_refund_waits_for_one_that_finishes() {
    let account = Account::new();
    let refused = account.charge(5);
    for _ in 0..8 {
        drop(account.try_begin_recount().unwrap());
    }
    account.refund(refused);
    assert_eq!(account.held_pages(), 5);
    assert_eq!(account.try_begin_recount().unwrap().finish(0), 0);
}

#[test]
fn an_undecided_charge_outlives_its_own_recount() {
    let account = Account::new();
    let mut own = account.charge(5);
    let recount = account.try_begin_recount().unwrap();
    assert_eq!(recount.finish_for(40, &mut own), 45);
    assert_eq!(own.held_pages(), 45);
    account.refund(own);
    assert_eq!(account.held_pages(), 40);
}

#[test]
fn an_undecided_charge_made_during_the_recount_is_counted_once() {
    let account = Account::new();
    let recount = account.try_begin_recount().unwrap();
    let mut own = account.charge(5);
    assert_eq!(recount.finish_for(40, &mut own), 45);
    account.refund(own);
    assert_eq!(account.held_pages(), 40);
}

#[test]
fn max_held_is_the_largest_exact_sum() {
    let account = Account::new();
    account.charge(1_000_000);
    assert_eq!(account.max_held_pages(), 0);
    account.try_begin_recount().unwrap().finish(300);
    account.try_begin_recount().unwrap().finish(200);
    assert_eq!(account.max_held_pages(), 300);
    assert_eq!(account.held_pages(), 200);
}

#[test]
fn too_much_to_count_stays_so_until_recounted() {
    let account = Account::new();
    let huge = account.charge(i64::MAX);
    assert_eq!(huge.held_pages(), i64::MAX);
    account.refund(huge);
    assert_eq!(account.held_pages(), i64::MAX);

    drop(account.try_begin_recount());
    assert_eq!(account.held_pages(), i64::MAX);

    let recount = account.try_begin_recount().unwrap();
    account.charge(7);
    assert_eq!(account.held_pages(), i64::MAX);
    assert_eq!(recount.finish(40), 47);
}

#[test]
fn too_much_to_count_during_a_recount_is_not_forgotten() {
    let account = Account::new();
    let recount = account.try_begin_recount().unwrap();
    account.charge(i64::MAX);
    assert_eq!(recount.finish(0), i64::MAX);
    assert_eq!(account.try_begin_recount().unwrap().finish(9), 9);
    assert_eq!(
        account.try_begin_recount().unwrap().finish(u64::MAX),
        i64::MAX
    );
}

#[test]
fn a_charge_is_tried_against_any_bound() {
    const MOST: i64 = (1 << 44) - 1;
    let account = Account::new();
    assert!(!account.try_charge(0, 0));
    assert!(!account.try_charge(5, -1));
    assert!(!account.try_charge(5, i64::MIN));
    assert!(!account.try_charge(5, 5));
    assert!(account.try_charge(-5, 1));
    assert_eq!(account.held_pages(), 0);

    assert!(account.try_charge(5, 6));
    assert!(!account.try_charge(i64::MAX, i64::MAX));
    assert!(!account.try_charge(MOST - 4, i64::MAX));
    assert_eq!(account.held_pages(), 5);
    assert!(account.try_charge(MOST - 5, i64::MAX));
    assert_eq!(account.held_pages(), MOST);

    account.charge(1);
    assert_eq!(account.held_pages(), i64::MAX);
    assert!(!account.try_charge(0, i64::MAX));
    assert_eq!(account.try_begin_recount().unwrap().finish(7), 7);
    assert!(account.try_charge(0, 8));
}

#[test]
fn a_charge_that_was_tried_is_part_of_what_a_recount_replaces() {
    let account = Account::new();
    assert!(account.try_charge(3, 10));
    let recount = account.try_begin_recount().unwrap();
    assert!(account.try_charge(2, 10));
    assert_eq!(recount.finish(1), 3);
}

#[test]
fn the_era_goes_round_without_touching_the_pages() {
    let account = Account::new();
    account.charge(3);
    for _ in 0..70_000 {
        drop(account.try_begin_recount().unwrap());
    }
    assert_eq!(account.held_pages(), 3);
    assert!(account.try_begin_recount().is_some());
}

#[test]
fn admits_on_the_estimate_without_a_recount() {
    let account = Account::new();
    let asked = Cell::new(false);
    let verdict = admit(&account, Mode::Never, 999, || {
        asked.set(true);
        Some(0)
    });
    assert!(verdict.is_ok());
    assert!(!asked.get());
    assert_eq!(account.held_pages(), 999);
}

#[test]
fn recounts_before_it_refuses() {
    let account = Account::new();
    account.charge(5_000); // long since unmapped, but for 100 pages
    assert!(admit(&account, Mode::Never, 899, || Some(100)).is_ok());
    assert_eq!(account.held_pages(), 999);
    assert_eq!(account.recounts(), 1);
    assert_eq!(account.failcnt(), 0);
}

#[test]
fn refuses_after_the_recount_and_takes_the_charge_back() {
    let account = Account::new();
    account.charge(5_000);
    assert_eq!(
        admit(&account, Mode::Never, 900, || Some(100)),
        Err(Refusal::AboveLimit {
            committed_pages: 1_000,
            allowed_pages: 1_000
        })
    );
    assert_eq!(account.held_pages(), 100);
    assert_eq!(account.max_held_pages(), 100);
    assert_eq!(account.failcnt(), 1);
}

#[test]
fn decides_on_the_estimate_where_nobody_can_recount() {
    let account = Account::new();
    account.charge(500);
    assert!(admit(&account, Mode::Never, 500, || None).is_err());
    assert_eq!(account.held_pages(), 500);
    assert_eq!(account.failcnt(), 1);
    assert_eq!(account.recounts(), 0);
    assert!(admit(&account, Mode::Never, 499, || None).is_ok());
}

#[test]
fn decides_on_the_estimate_while_another_task_recounts() {
    let account = Account::new();
    account.charge(500);
    let other = account.try_begin_recount().unwrap();
    let asked = Cell::new(false);
    let verdict = admit(&account, Mode::Never, 500, || {
        asked.set(true);
        Some(0)
    });
    assert!(verdict.is_err());
    assert!(!asked.get());
    assert_eq!(other.finish(400), 400);
}

#[test]
fn the_other_modes_keep_the_account_and_never_recount() {
    let account = Account::new();
    let asked = Cell::new(false);
    let recount = || {
        asked.set(true);
        Some(0)
    };
    assert!(admit(&account, Mode::Always, 5_000, recount).is_ok());
    assert!(admit(&account, Mode::Heuristic, 1_000, recount).is_ok());
    assert_eq!(account.held_pages(), 6_000);
    assert_eq!(
        admit(&account, Mode::Heuristic, 1_001, recount),
        Err(Refusal::LargerThanMemory {
            memory_pages: 1_000
        })
    );
    assert_eq!(account.held_pages(), 6_000);
    assert_eq!(account.failcnt(), 1);
    assert!(!asked.get());
}
