//! The commit limit, by examples.

use vk_overcommit::{commit_limit_pages, Memory, Mode, Policy, Reserves, UNLIMITED};

/// 2 GiB of RAM, 64 MiB of it in hugetlb pools, and 1 GiB of swap.
const MACHINE: Memory = Memory {
    ram_pages: 524_288,
    hugetlb_pages: 16_384,
    swap_pages: 262_144,
    memory_max_pages: UNLIMITED,
    swap_max_pages: UNLIMITED,
};

fn strict(ratio: i32, kbytes: u64) -> Policy {
    Policy {
        mode: Mode::Never,
        ratio,
        kbytes,
    }
}

#[test]
fn without_cgroup_limits_it_is_the_kernels() {
    let limit = commit_limit_pages(&strict(50, 0), &MACHINE);
    assert_eq!(limit, (524_288 - 16_384) / 2 + 262_144);
}

#[test]
fn the_ratio_is_of_memory_max() {
    let memory = Memory {
        memory_max_pages: 65_536,
        swap_max_pages: 0,
        ..MACHINE
    };
    assert_eq!(commit_limit_pages(&strict(50, 0), &memory), 32_768);
    assert_eq!(commit_limit_pages(&strict(100, 0), &memory), 65_536);
    assert_eq!(commit_limit_pages(&strict(0, 0), &memory), 0);
}

#[test]
fn a_memory_max_above_the_machine_counts_as_none() {
    let memory = Memory {
        memory_max_pages: MACHINE.ram_pages,
        swap_max_pages: 1 << 40,
        ..MACHINE
    };
    assert_eq!(
        commit_limit_pages(&strict(80, 0), &memory),
        commit_limit_pages(&strict(80, 0), &MACHINE)
    );
}

#[test]
fn the_lesser_swap_is_added() {
    let memory = Memory {
        swap_max_pages: 1000,
        ..MACHINE
    };
    assert_eq!(commit_limit_pages(&strict(0, 4), &memory), 1001);
    assert_eq!(commit_limit_pages(&strict(0, 4), &MACHINE), 262_145);
}

#[test]
fn kbytes_go_before_the_ratio_and_round_down() {
    let memory = Memory {
        swap_max_pages: 0,
        ..MACHINE
    };
    assert_eq!(commit_limit_pages(&strict(50, 98_304), &memory), 24_576);
    assert_eq!(commit_limit_pages(&strict(50, 7), &memory), 1);
    assert_eq!(commit_limit_pages(&strict(50, 3), &memory), 0);
}

#[test]
fn a_ratio_rounds_down_after_the_product() {
    let memory = Memory {
        ram_pages: 199,
        hugetlb_pages: 0,
        swap_pages: 0,
        ..MACHINE
    };
    assert_eq!(commit_limit_pages(&strict(1, 0), &memory), 1);
    assert_eq!(commit_limit_pages(&strict(99, 0), &memory), 197);
}

#[test]
fn a_negative_ratio_wraps_as_in_c() {
    let memory = Memory {
        ram_pages: 1,
        hugetlb_pages: 0,
        swap_pages: 0,
        ..MACHINE
    };
    assert_eq!(commit_limit_pages(&strict(-1, 0), &memory), u64::MAX / 100);
}

#[test]
fn defaults_are_the_kernels() {
    let policy = Policy::default();
    assert_eq!(policy.mode, Mode::Heuristic);
    assert_eq!(policy.ratio, 50);
    assert_eq!(policy.kbytes, 0);
    let reserves = Reserves::default();
    assert_eq!(reserves.admin_pages, 2048);
    assert_eq!(reserves.user_pages, 32_768);
}

#[test]
fn modes_have_the_kernels_numbers() {
    assert_eq!(Mode::from_raw(0), Some(Mode::Heuristic));
    assert_eq!(Mode::from_raw(1), Some(Mode::Always));
    assert_eq!(Mode::from_raw(2), Some(Mode::Never));
    assert_eq!(Mode::from_raw(3), None);
    assert_eq!(Mode::from_raw(-1), None);
    for mode in Mode::ALL {
        assert_eq!(Mode::from_raw(mode as i32), Some(mode));
        assert_eq!(mode.to_string(), (mode as i32).to_string());
    }
}
