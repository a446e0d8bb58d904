//! The three modes, by examples at their edges.

use vk_overcommit::{
    allowed_pages, judge, least_allowed_pages, Memory, Mode, Policy, Refusal, Request, Reserves,
    UNLIMITED,
};

const MEMORY: Memory = Memory {
    ram_pages: 10_000,
    hugetlb_pages: 500,
    swap_pages: 2_000,
    memory_max_pages: UNLIMITED,
    swap_max_pages: UNLIMITED,
};

const RESERVES: Reserves = Reserves {
    admin_pages: 300,
    user_pages: 100,
};

const ROOT: Request = Request {
    pages: 1,
    cap_sys_admin: true,
    mm_total_vm_pages: None,
};

fn policy(mode: Mode) -> Policy {
    Policy {
        mode,
        ratio: 0,
        kbytes: 4_000,
    }
}

fn judge_heuristic(memory: &Memory, pages: i64) -> Result<(), Refusal> {
    let request = Request { pages, ..ROOT };
    judge(
        &policy(Mode::Heuristic),
        memory,
        &RESERVES,
        &request,
        i64::MAX,
    )
}

#[test]
fn mode_1_refuses_nothing() {
    let request = Request {
        pages: i64::MAX,
        ..ROOT
    };
    let verdict = judge(
        &policy(Mode::Always),
        &MEMORY,
        &RESERVES,
        &request,
        i64::MAX,
    );
    assert!(verdict.is_ok());
}

#[test]
fn mode_0_refuses_one_page_more_than_all_memory() {
    assert!(judge_heuristic(&MEMORY, 12_000).is_ok());
    assert_eq!(
        judge_heuristic(&MEMORY, 12_001),
        Err(Refusal::LargerThanMemory {
            memory_pages: 12_000
        })
    );
}

#[test]
fn mode_0_goes_by_the_cgroup_where_that_has_less() {
    let memory = Memory {
        memory_max_pages: 5_000,
        swap_max_pages: 0,
        ..MEMORY
    };
    assert!(judge_heuristic(&memory, 5_000).is_ok());
    assert!(judge_heuristic(&memory, 5_001).is_err());
}

#[test]
fn mode_0_takes_a_negative_request_for_a_huge_one() {
    assert!(judge_heuristic(&MEMORY, -1).is_err());
}

#[test]
fn mode_2_admits_below_and_refuses_at_the_limit() {
    let strict = policy(Mode::Never);
    let limit = 1_000 + 2_000;
    assert!(judge(&strict, &MEMORY, &RESERVES, &ROOT, limit - 1).is_ok());
    assert_eq!(
        judge(&strict, &MEMORY, &RESERVES, &ROOT, limit),
        Err(Refusal::AboveLimit {
            committed_pages: limit,
            allowed_pages: limit
        })
    );
}

#[test]
fn mode_2_keeps_the_admin_reserve_from_others() {
    let user = Request {
        cap_sys_admin: false,
        ..ROOT
    };
    let strict = policy(Mode::Never);
    assert_eq!(allowed_pages(&strict, &MEMORY, &RESERVES, &ROOT), 3_000);
    assert_eq!(allowed_pages(&strict, &MEMORY, &RESERVES, &user), 2_700);
}

#[test]
fn mode_2_keeps_a_32nd_of_the_process_up_to_the_user_reserve() {
    let allowed_for = |total_vm| {
        let request = Request {
            mm_total_vm_pages: Some(total_vm),
            ..ROOT
        };
        allowed_pages(&policy(Mode::Never), &MEMORY, &RESERVES, &request)
    };
    assert_eq!(allowed_for(0), 3_000);
    assert_eq!(allowed_for(31), 3_000);
    assert_eq!(allowed_for(64), 2_998);
    assert_eq!(allowed_for(3_200), 2_900);
    assert_eq!(allowed_for(1_000_000), 2_900);
}

#[test]
fn the_least_allowed_is_what_a_large_process_without_privilege_gets() {
    let large = Request {
        cap_sys_admin: false,
        mm_total_vm_pages: Some(1_000_000),
        ..ROOT
    };
    let strict = policy(Mode::Never);
    let least = least_allowed_pages(&strict, &MEMORY, &RESERVES);
    assert_eq!(least, 2_600);
    assert_eq!(least, allowed_pages(&strict, &MEMORY, &RESERVES, &large));
}

#[test]
fn where_the_arithmetic_would_wrap_nothing_is_below_the_least() {
    let least = |ram_pages, admin_pages, user_pages| {
        let percent = Policy {
            ratio: 100,
            kbytes: 0,
            ..policy(Mode::Never)
        };
        let memory = Memory {
            ram_pages,
            hugetlb_pages: 0,
            swap_pages: 0,
            ..MEMORY
        };
        let reserves = Reserves {
            admin_pages,
            user_pages,
        };
        least_allowed_pages(&percent, &memory, &reserves)
    };
    assert_eq!(least(1_000, 0, 0), 1_000);
    assert_eq!(least(0, 1 << 62, 1 << 62), -(1 << 62) - (1 << 62));
    assert_eq!(least(0, i64::MAX as u64, 2), i64::MIN);
    assert_eq!(least(1_000, 1 << 63, 0), i64::MIN);
    assert_eq!(least(1_000, 0, 1 << 63), i64::MIN);
}

#[test]
fn mode_2_refuses_everybody_but_nobody_wraps_when_reserves_exceed_the_limit() {
    let poor = Memory {
        swap_max_pages: 0,
        ..MEMORY
    };
    let tiny = Policy {
        kbytes: 4,
        ..policy(Mode::Never)
    };
    let user = Request {
        cap_sys_admin: false,
        ..ROOT
    };
    assert_eq!(allowed_pages(&tiny, &poor, &RESERVES, &user), -299);
    assert!(judge(&tiny, &poor, &RESERVES, &user, 0).is_err());
    assert!(judge(&tiny, &poor, &RESERVES, &ROOT, 0).is_ok());
}

#[test]
fn mode_2_takes_a_sum_below_zero_for_none() {
    // percpu_counter_read_positive() reads it so, and less than nothing is no room.
    let strict = policy(Mode::Never);
    let bare = Memory {
        swap_pages: 0,
        ..MEMORY
    };
    let user = Request {
        cap_sys_admin: false,
        ..ROOT
    };
    let greedy = Reserves {
        admin_pages: 1_001,
        ..RESERVES
    };
    assert_eq!(allowed_pages(&strict, &bare, &greedy, &user), -1);
    assert!(judge(&strict, &bare, &greedy, &user, -1_000).is_err());
    assert!(judge(&strict, &bare, &greedy, &ROOT, -1_000).is_ok());
}

#[test]
fn refusals_are_enomem_and_say_the_numbers() {
    let larger = Refusal::LargerThanMemory { memory_pages: 7 };
    let above = Refusal::AboveLimit {
        committed_pages: 9,
        allowed_pages: 8,
    };
    assert_eq!(larger.to_errno(), -12);
    assert_eq!(above.to_errno(), -12);
    assert!(!larger.rests_on_estimate());
    assert!(above.rests_on_estimate());
    assert_eq!(
        larger.to_string(),
        "larger than all memory, which has 7 pages"
    );
    assert_eq!(above.to_string(), "9 pages committed, 8 allowed");
}
