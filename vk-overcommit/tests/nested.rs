//! Requests that count for several accounts.

use vk_overcommit::{
    Account, Charges, Memory, Mode, Policy, Refusal, Request, Reserves, LEVELS, UNLIMITED,
};

const MEMORY: Memory = Memory {
    ram_pages: 1000,
    hugetlb_pages: 0,
    swap_pages: 0,
    memory_max_pages: UNLIMITED,
    swap_max_pages: UNLIMITED,
};

const NOTHING_KEPT: Reserves = Reserves {
    admin_pages: 0,
    user_pages: 0,
};

/// Mode 2 with a limit of so many pages.
fn limited(pages: u64) -> Policy {
    Policy {
        mode: Mode::Never,
        ratio: 0,
        kbytes: pages * 4,
    }
}

/// Asks the accounts from the nearest on, each with its limit and what a recount of it finds.
fn ask(pages: i64, levels: &[(&Account, u64, u64)]) -> Result<(), Refusal> {
    let request = Request {
        pages,
        cap_sys_admin: false,
        mm_total_vm_pages: None,
    };
    let mut charges = Charges::new();
    for &(account, limit_pages, exact_pages) in levels {
        let policy = limited(limit_pages);
        charges.admit(account, &policy, &MEMORY, &NOTHING_KEPT, &request, || {
            Some(exact_pages)
        })?;
    }
    Ok(())
}

#[test]
fn is_charged_at_every_level() {
    let accounts = [const { Account::new() }; LEVELS];
    let levels: Vec<_> = accounts.iter().map(|account| (account, 100, 0)).collect();
    assert_eq!(ask(60, &levels), Ok(()));
    assert!(accounts.iter().all(|account| account.held_pages() == 60));
}

#[test]
fn the_outermost_of_all_refuses_for_all() {
    let accounts = [const { Account::new() }; LEVELS];
    let mut levels: Vec<_> = accounts.iter().map(|account| (account, 100, 0)).collect();
    levels[LEVELS - 1].1 = 60;
    assert!(ask(60, &levels).is_err());
    assert!(accounts.iter().all(|account| account.held_pages() == 0));
    assert!(accounts.iter().all(|account| account.failcnt() == 1));
}

#[test]
fn a_refusal_is_taken_back_after_recounts_too() {
    let (inner, outer) = (Account::new(), Account::new());
    for exact_pages in [7, 8, 9] {
        inner.try_begin_recount().unwrap().finish(exact_pages);
    }
    assert!(ask(60, &[(&inner, 100, 9), (&outer, 50, 0)]).is_err());
    assert_eq!(inner.held_pages(), 9);
}

#[test]
fn accounts_around_the_one_that_refuses_hear_nothing() {
    let (inner, outer) = (Account::new(), Account::new());
    assert!(ask(60, &[(&inner, 50, 0), (&outer, 100, 0)]).is_err());
    assert_eq!((inner.failcnt(), outer.failcnt()), (1, 0));
    assert_eq!((inner.held_pages(), outer.held_pages()), (0, 0));
}

#[test]
fn the_quick_way_takes_everything_back_where_it_is_unclear() {
    let (inner, outer) = (Account::new(), Account::new());
    let mut charges = Charges::new();
    assert!(charges.try_charge(&inner, 60, 100));
    assert!(!charges.try_charge(&outer, 60, 60));
    assert_eq!((inner.held_pages(), outer.held_pages()), (0, 0));
    assert_eq!((inner.failcnt(), outer.failcnt()), (0, 0));
}
