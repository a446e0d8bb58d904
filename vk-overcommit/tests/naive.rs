//! `judge` and the limit against the kernel's C, written down line by line.

use quickcheck::{Arbitrary, Gen, QuickCheck};
use vk_overcommit::{
    allowed_pages, commit_limit_pages, judge, least_allowed_pages, Memory, Mode, Policy, Request,
    Reserves, UNLIMITED,
};

/// The globals and arguments that `__vm_enough_memory()` in mm/util.c reads.
#[derive(Clone, Copy, Debug)]
struct Kernel {
    sysctl_overcommit_memory: i32,
    sysctl_overcommit_ratio: i32,
    sysctl_overcommit_kbytes: u64,
    sysctl_admin_reserve_kbytes: u64,
    sysctl_user_reserve_kbytes: u64,
    totalram_pages: u64,
    hugetlb_total_pages: u64,
    total_swap_pages: i64,
    vm_committed_as: i64,
    pages: i64,
    cap_sys_admin: bool,
    mm_total_vm: Option<u64>,
}

impl Kernel {
    fn vm_commit_limit(&self) -> u64 {
        let mut allowed: u64;
        if self.sysctl_overcommit_kbytes != 0 {
            allowed = self.sysctl_overcommit_kbytes >> 2;
        } else {
            let ram = self.totalram_pages.wrapping_sub(self.hugetlb_total_pages);
            allowed = ram.wrapping_mul(self.sysctl_overcommit_ratio as u64) / 100;
        }
        allowed = allowed.wrapping_add(self.total_swap_pages as u64);
        allowed
    }

    fn allowed(&self) -> i64 {
        let mut allowed = self.vm_commit_limit() as i64;
        if !self.cap_sys_admin {
            allowed = (allowed as u64).wrapping_sub(self.sysctl_admin_reserve_kbytes >> 2) as i64;
        }
        if let Some(total_vm) = self.mm_total_vm {
            let reserve = (self.sysctl_user_reserve_kbytes >> 2) as i64;
            let part = (total_vm / 32) as i64;
            allowed = allowed.wrapping_sub(if part < reserve { part } else { reserve });
        }
        allowed
    }

    fn vm_enough_memory(&self) -> bool {
        if self.sysctl_overcommit_memory == 1 {
            return true;
        }
        if self.sysctl_overcommit_memory == 0 {
            let total = self
                .totalram_pages
                .wrapping_add(self.total_swap_pages as u64);
            return self.pages as u64 <= total;
        }
        self.vm_committed_as.max(0) < self.allowed()
    }

    fn policy(&self) -> Policy {
        Policy {
            mode: Mode::from_raw(self.sysctl_overcommit_memory).unwrap(),
            ratio: self.sysctl_overcommit_ratio,
            kbytes: self.sysctl_overcommit_kbytes,
        }
    }

    fn memory(&self) -> Memory {
        Memory {
            ram_pages: self.totalram_pages,
            hugetlb_pages: self.hugetlb_total_pages,
            swap_pages: self.total_swap_pages as u64,
            memory_max_pages: UNLIMITED,
            swap_max_pages: UNLIMITED,
        }
    }

    fn reserves(&self) -> Reserves {
        Reserves::from_kbytes(
            self.sysctl_admin_reserve_kbytes,
            self.sysctl_user_reserve_kbytes,
        )
    }

    fn request(&self) -> Request {
        Request {
            pages: self.pages,
            cap_sys_admin: self.cap_sys_admin,
            mm_total_vm_pages: self.mm_total_vm,
        }
    }
}

/// A number of any magnitude, so that sums and comparisons come near each other.
fn any_u64(g: &mut Gen) -> u64 {
    u64::arbitrary(g) >> (u32::arbitrary(g) % 64)
}

fn any_i64(g: &mut Gen) -> i64 {
    i64::arbitrary(g) >> (u32::arbitrary(g) % 64)
}

impl Arbitrary for Kernel {
    fn arbitrary(g: &mut Gen) -> Self {
        let any_ratio = i32::arbitrary(g);
        let any_kbytes = any_u64(g);
        let mut kernel = Self {
            sysctl_overcommit_memory: *g.choose(&[0, 1, 2, 2, 2]).unwrap(),
            sysctl_overcommit_ratio: *g.choose(&[0, 1, 50, 80, 100, any_ratio]).unwrap(),
            sysctl_overcommit_kbytes: *g.choose(&[0, any_kbytes]).unwrap(),
            sysctl_admin_reserve_kbytes: any_u64(g),
            sysctl_user_reserve_kbytes: any_u64(g),
            totalram_pages: any_u64(g),
            hugetlb_total_pages: any_u64(g),
            total_swap_pages: any_i64(g),
            vm_committed_as: any_i64(g),
            pages: any_i64(g),
            cap_sys_admin: bool::arbitrary(g),
            mm_total_vm: Option::<()>::arbitrary(g).map(|()| any_u64(g)),
        };
        // Half of the cases lie at an edge, where an error of one shows.
        let near = *g.choose(&[-1, 0, 1]).unwrap();
        if bool::arbitrary(g) {
            kernel.vm_committed_as = kernel.allowed().wrapping_add(near);
            kernel.pages = (kernel.totalram_pages as i64)
                .wrapping_add(kernel.total_swap_pages)
                .wrapping_add(near);
        }
        kernel
    }
}

#[test]
fn without_cgroup_limits_every_answer_is_the_kernels() {
    fn agrees(kernel: Kernel) -> bool {
        let (policy, memory) = (kernel.policy(), kernel.memory());
        let (reserves, request) = (kernel.reserves(), kernel.request());
        let verdict = judge(
            &policy,
            &memory,
            &reserves,
            &request,
            kernel.vm_committed_as,
        );
        commit_limit_pages(&policy, &memory) == kernel.vm_commit_limit()
            && allowed_pages(&policy, &memory, &reserves, &request) == kernel.allowed()
            && verdict.is_ok() == kernel.vm_enough_memory()
    }
    QuickCheck::new()
        .tests(300_000)
        .max_tests(300_000)
        .quickcheck(agrees as fn(Kernel) -> bool);
}

#[test]
fn below_the_least_that_is_allowed_everybody_is_admitted() {
    fn admits(kernel: Kernel) -> bool {
        let strict = Kernel {
            sysctl_overcommit_memory: 2,
            ..kernel
        };
        let (policy, memory, reserves) = (strict.policy(), strict.memory(), strict.reserves());
        let least = least_allowed_pages(&policy, &memory, &reserves);
        let below = Kernel {
            vm_committed_as: least.saturating_sub(1),
            ..strict
        };
        // No sum is below 0: the kernel takes a negative one for none.
        least <= 0 || (least <= strict.allowed() && below.vm_enough_memory())
    }
    QuickCheck::new()
        .tests(300_000)
        .max_tests(300_000)
        .quickcheck(admits as fn(Kernel) -> bool);
}

#[test]
fn a_cgroup_limit_only_ever_lowers() {
    fn lowers(kernel: Kernel, memory_max_pages: u64, swap_max_pages: u64) -> bool {
        let free = kernel.memory();
        let bound = Memory {
            memory_max_pages,
            swap_max_pages,
            ..free
        };
        bound.ratio_base_pages() <= free.ratio_base_pages()
            && bound.ratio_base_pages() <= memory_max_pages
            && bound.usable_swap_pages() <= free.usable_swap_pages()
            && bound.usable_swap_pages() <= swap_max_pages
    }
    QuickCheck::new()
        .tests(50_000)
        .max_tests(50_000)
        .quickcheck(lowers as fn(Kernel, u64, u64) -> bool);
}
