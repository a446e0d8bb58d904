//! Limits that promise more than there is.

use vk_overcommit::{check_promise, Memory, Mode, Overpromise, Policy, Promises, UNLIMITED};

const MACHINE: Memory = Memory {
    ram_pages: 1000,
    hugetlb_pages: 0,
    swap_pages: 100,
    memory_max_pages: UNLIMITED,
    swap_max_pages: UNLIMITED,
};

fn pages(pages: u64) -> Policy {
    Policy {
        mode: Mode::Never,
        ratio: 0,
        kbytes: pages * 4,
    }
}

#[test]
fn the_containers_own_limits_count_and_not_the_machine() {
    let container = Memory {
        memory_max_pages: 50,
        swap_max_pages: 10,
        ..MACHINE
    };
    assert!(check_promise(&pages(50), &container).is_ok());
    assert_eq!(
        check_promise(&pages(51), &container),
        Err(Overpromise::Alone {
            limit_pages: 61,
            backing_pages: 60
        })
    );
    assert!(check_promise(&pages(51), &MACHINE).is_ok());
}

#[test]
fn the_ratio_overpromises_above_a_hundred() {
    let ratio = |ratio| Policy {
        mode: Mode::Never,
        ratio,
        kbytes: 0,
    };
    assert!(check_promise(&ratio(100), &MACHINE).is_ok());
    assert!(check_promise(&ratio(101), &MACHINE).is_err());
}

#[test]
fn hugetlb_pools_back_no_promise() {
    let memory = Memory {
        hugetlb_pages: 600,
        ..MACHINE
    };
    assert_eq!(memory.backing_pages(), 500);
    assert!(check_promise(&pages(400), &memory).is_ok());
    assert!(check_promise(&pages(401), &memory).is_err());
}

#[test]
fn a_pool_above_the_memory_backs_nothing() {
    let memory = Memory {
        hugetlb_pages: 2000,
        swap_pages: 0,
        ..MACHINE
    };
    assert_eq!(memory.backing_pages(), 0);
    assert!(check_promise(&pages(1), &memory).is_err());
}

#[test]
fn the_sum_is_compared_with_the_machine() {
    let without_swap = Memory {
        swap_max_pages: 0,
        ..MACHINE
    };
    let mut promises = Promises::new();
    promises.add(&pages(600), &without_swap);
    promises.add(&pages(500), &without_swap);
    assert_eq!(promises.sum_pages(), 1100);
    assert!(promises.check(&MACHINE).is_ok());
    promises.add(&pages(1), &without_swap);
    assert_eq!(
        promises.check(&MACHINE),
        Err(Overpromise::Together {
            sum_pages: 1101,
            backing_pages: 1100
        })
    );
}

#[test]
fn the_sum_does_not_wrap() {
    let mut promises = Promises::new();
    let most = Policy {
        mode: Mode::Never,
        ratio: 0,
        kbytes: u64::MAX,
    };
    for _ in 0..8 {
        promises.add(&most, &MACHINE);
    }
    assert_eq!(promises.sum_pages(), u64::MAX);
    assert!(promises.check(&MACHINE).is_err());
}
