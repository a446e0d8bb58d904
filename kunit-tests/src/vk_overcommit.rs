//! The commit limit, the verdict and the account: against C, and on all CPUs at once.

#[cfg_attr(kernel, kernel::prelude::kunit_tests(vk_overcommit))]
#[cfg_attr(not(kernel), cfg(test))]
mod suite {
    use super::{Household, PLAIN};
    use crate::platform::{cpus, threads};
    use vk_overcommit::{
        commit_limit_pages, judge, Account, Backoff, Memory, Mode, Policy, Refusal, Request,
        Reserves,
    };

    const NOTHING_KEPT: Reserves = Reserves {
        admin_pages: 0,
        user_pages: 0,
    };

    fn request(pages: i64) -> Request {
        Request {
            pages,
            cap_sys_admin: false,
            mm_total_vm_pages: None,
        }
    }

    fn policy(mode: Mode) -> Policy {
        Policy {
            mode,
            ..Policy::default()
        }
    }

    #[test]
    fn mode_2_refuses_the_page_that_reaches_the_limit() {
        let judged = |sum| {
            judge(
                &policy(Mode::Never),
                &PLAIN,
                &NOTHING_KEPT,
                &request(1),
                sum,
            )
        };
        assert_eq!(judged(499), Ok(()));
        let refusal = Refusal::AboveLimit {
            committed_pages: 500,
            allowed_pages: 500,
        };
        assert_eq!(judged(500), Err(refusal));
        assert_eq!(refusal.to_errno(), -12);
    }

    #[test]
    fn mode_1_refuses_nothing_and_mode_0_the_impossible() {
        let judged = |mode, pages| {
            let (policy, request) = (policy(mode), request(pages));
            judge(&policy, &PLAIN, &NOTHING_KEPT, &request, i64::MAX).is_ok()
        };
        assert!(judged(Mode::Always, i64::MAX));
        assert!(judged(Mode::Heuristic, 1000));
        assert!(!judged(Mode::Heuristic, 1001));
    }

    #[test]
    fn a_cgroup_limit_lowers_the_commit_limit() {
        let bound = Memory {
            memory_max_pages: 300,
            ..PLAIN
        };
        assert_eq!(commit_limit_pages(&policy(Mode::Never), &PLAIN), 500);
        assert_eq!(commit_limit_pages(&policy(Mode::Never), &bound), 150);
    }

    #[test]
    fn counts_anew_before_it_refuses() {
        let account = Account::new();
        let policy = policy(Mode::Never);
        let admit = |pages, exact| {
            let request = request(pages);
            account.admit(&policy, &PLAIN, &NOTHING_KEPT, &request, || exact)
        };
        assert!(admit(400, None).is_ok());
        // The estimate says 600, but all is unmapped by now.
        assert!(admit(200, Some(0)).is_ok());
        assert_eq!(account.held_pages(), 200);
        assert!(admit(400, Some(200)).is_err());
        assert_eq!(account.held_pages(), 200);
        assert_eq!((account.failcnt(), account.recounts()), (1, 2));
    }

    #[test]
    fn a_pause_ends_by_time_or_by_word() {
        let pause = Backoff::new();
        assert!(pause.is_due(5));
        pause.hold_off(5, Backoff::REFUSAL_NS);
        assert!(!pause.is_due(6));
        assert!(pause.is_due(5 + Backoff::REFUSAL_NS));
        pause.clear();
        assert!(pause.is_due(6));
    }

    #[test]
    fn the_estimate_is_never_below_the_truth_on_all_cpus() {
        let household = Household::new();
        let crew = cpus().saturating_mul(2).saturating_add(1);
        let threads = threads(crew, &|index| household.live(index, crew));
        assert_eq!(threads, Ok(()));
        assert_eq!(household.times_below(), 0);
        assert!(household.account.recounts() > 100 && household.account.failcnt() > 100);
        let truth = household.recount();
        assert_eq!(Some(household.account.held_pages()), truth);
    }

    #[cfg(kernel)]
    use super::generated;

    #[cfg(kernel)]
    #[test]
    fn generated_verdicts_are_those_of_c() {
        let mut random = vk_kunit_tests::Random::new(4);
        let agree = (0..100_000).all(|_| generated::Case::new(&mut random).agrees());
        assert!(agree);
    }

    #[cfg(kernel)]
    #[test]
    fn the_limit_of_this_machine_is_the_one_its_kernel_says() {
        use vk_ffi_shims::{kunit, overcommit};
        let (host, machine) = (overcommit::host(), overcommit::machine());
        let policy = Policy {
            mode: Mode::from_raw(host.mode).unwrap_or_default(),
            ratio: host.ratio,
            kbytes: host.kbytes,
        };
        let memory = Memory {
            ram_pages: machine.ram_pages,
            hugetlb_pages: machine.hugetlb_pages,
            swap_pages: machine.swap_pages,
            ..PLAIN
        };
        assert!(machine.ram_pages > 1_000);
        let limit = commit_limit_pages(&policy, &memory);
        assert_eq!(kunit::host_commit_limit(), Some(limit));
    }
}

use household::{Household, PLAIN};

mod household {
    use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
    use vk_kunit_tests::Random;
    use vk_overcommit::{Account, Memory, UNLIMITED};

    /// A machine of 1000 pages and nothing else.
    pub(super) const PLAIN: Memory = Memory {
        ram_pages: 1000,
        hugetlb_pages: 0,
        swap_pages: 0,
        memory_max_pages: UNLIMITED,
        swap_max_pages: UNLIMITED,
    };

    const MMS: usize = 8;
    const ROUNDS: u32 = 20_000;
    const RECOUNTS: u64 = 200;

    /// An mm: its lock, and the pages mapped in it.
    #[derive(Default)]
    struct Mm {
        is_locked: AtomicBool,
        pages: AtomicU64,
    }

    /// The lock of an mm is held.
    struct Locked<'a>(&'a Mm);

    impl Mm {
        fn lock(&self) -> Locked<'_> {
            loop {
                match self.try_lock() {
                    Some(locked) => return locked,
                    None => core::hint::spin_loop(),
                }
            }
        }

        fn try_lock(&self) -> Option<Locked<'_>> {
            let was_free = !self.is_locked.swap(true, SeqCst);
            // Not `then_some`: a guard that is dropped unlocks.
            was_free.then(|| Locked(self))
        }
    }

    impl Locked<'_> {
        fn pages(&self) -> u64 {
            self.0.pages.load(SeqCst)
        }
    }

    impl Drop for Locked<'_> {
        fn drop(&mut self) {
            self.0.is_locked.store(false, SeqCst);
        }
    }

    /// A container: its account, and what is mapped in truth.
    pub(super) struct Household {
        pub(super) account: Account,
        mms: [Mm; MMS],
        done: AtomicU32,
        below: AtomicU32,
    }

    impl Household {
        pub(super) fn new() -> Self {
            Self {
                account: Account::new(),
                mms: Default::default(),
                done: AtomicU32::new(0),
                below: AtomicU32::new(0),
            }
        }

        /// How often the estimate was seen below the truth.
        pub(super) fn times_below(&self) -> u32 {
            self.below.load(SeqCst)
        }

        /// Of a crew, thread 0 counts; the others map, unmap and are refused.
        pub(super) fn live(&self, index: u32, crew: u32) {
            match (index as usize).checked_sub(1) {
                None => self.oversee(crew),
                Some(n) => self.work(n),
            }
        }

        /// Counts what is mapped, unless somebody is at it; returns the sum.
        pub(super) fn recount(&self) -> Option<i64> {
            let recount = self.account.try_begin_recount()?;
            let mut sum = 0_u64;
            for mm in &self.mms {
                sum = sum.wrapping_add(mm.try_lock()?.pages());
            }
            recount.finish(sum);
            Some(sum as i64)
        }

        fn oversee(&self, crew: u32) {
            let is_over = || self.done.load(SeqCst).saturating_add(1) == crew;
            while self.account.recounts() < RECOUNTS || !is_over() {
                let _ = self.recount();
                self.check();
                core::hint::spin_loop();
            }
        }

        /// With all locks held no charge is on its way.
        fn check(&self) {
            let locked: [Option<Locked<'_>>; MMS] =
                core::array::from_fn(|n| self.mms.get(n).and_then(Mm::try_lock));
            if locked.iter().any(Option::is_none) {
                return;
            }
            let truth: u64 = locked.iter().flatten().map(Locked::pages).sum();
            let is_below = self.account.held_pages() < truth as i64;
            self.below.fetch_add(u32::from(is_below), SeqCst);
        }

        fn work(&self, n: usize) {
            let Some(mm) = self.mms.get(n % MMS) else {
                return;
            };
            let mut random = Random::new(n as u64);
            for _ in 0..ROUNDS {
                let locked = mm.lock();
                self.call(&locked, &mut random);
            }
            self.done.fetch_add(1, SeqCst);
        }

        /// One system call under the mm's lock.
        fn call(&self, locked: &Locked<'_>, random: &mut Random) {
            let pages = random.below(100);
            let charge = self.account.charge(pages as i64);
            let mapped = locked.pages();
            match random.below(3) {
                0 => self.account.refuse(charge),
                1 => locked.0.pages.store(mapped.wrapping_add(pages), SeqCst),
                _ => locked.0.pages.store(mapped.saturating_sub(pages), SeqCst),
            }
        }
    }
}

/// Questions to both sides.
#[cfg(kernel)]
mod generated {
    use vk_ffi_shims::kunit;
    use vk_kunit_tests::Random;
    use vk_overcommit::{
        allowed_pages, commit_limit_pages, judge, Memory, Mode, Policy, Request, Reserves,
        UNLIMITED,
    };

    /// One call of `__vm_enough_memory()`, and all that it reads.
    pub(super) struct Case {
        policy: Policy,
        memory: Memory,
        reserves: Reserves,
        request: Request,
        committed_pages: i64,
    }

    impl Case {
        pub(super) fn new(random: &mut Random) -> Self {
            let mut case = Self {
                policy: Policy {
                    mode: random.choose(&[Mode::Heuristic, Mode::Always, Mode::Never, Mode::Never]),
                    ratio: random_ratio(random),
                    kbytes: random_or_0(random),
                },
                memory: Memory {
                    ram_pages: random.any_magnitude(),
                    hugetlb_pages: random_or_0(random),
                    swap_pages: random.any_magnitude() >> 1,
                    memory_max_pages: UNLIMITED,
                    swap_max_pages: UNLIMITED,
                },
                reserves: Reserves::from_kbytes(random.any_magnitude(), random.any_magnitude()),
                request: Request {
                    pages: random.any_signed(),
                    cap_sys_admin: random.coin(),
                    mm_total_vm_pages: random.coin().then(|| random.any_magnitude()),
                },
                committed_pages: random.any_signed(),
            };
            if random.coin() {
                case.go_to_an_edge(random.choose(&[-1, 0, 1]));
            }
            case
        }

        /// Where an error of one shows.
        fn go_to_an_edge(&mut self, near: i64) {
            let memory = &self.memory;
            let all = memory.ram_pages.wrapping_add(memory.swap_pages) as i64;
            self.request.pages = all.wrapping_add(near);
            self.committed_pages = self.kernels_allowed().wrapping_add(near);
        }

        pub(super) fn agrees(&self) -> bool {
            let Self {
                policy,
                memory,
                reserves,
                request,
                ..
            } = self;
            let verdict = judge(policy, memory, reserves, request, self.committed_pages);
            commit_limit_pages(policy, memory) == self.kernels_limit()
                && allowed_pages(policy, memory, reserves, request) == self.kernels_allowed()
                && verdict.is_ok() == self.kernels_verdict()
        }

        fn kernels_limit(&self) -> u64 {
            let Self { policy, memory, .. } = self;
            let (ram, hugetlb) = (memory.ram_pages, memory.hugetlb_pages);
            kunit::commit_limit(policy.ratio, policy.kbytes, ram, hugetlb, memory.swap_pages)
        }

        fn kernels_allowed(&self) -> i64 {
            let reserves = (self.reserves.admin_pages, self.reserves.user_pages);
            let Request {
                cap_sys_admin,
                mm_total_vm_pages,
                ..
            } = self.request;
            kunit::allowed(
                self.kernels_limit(),
                reserves,
                cap_sys_admin,
                mm_total_vm_pages,
            )
        }

        fn kernels_verdict(&self) -> bool {
            let (pages, memory) = (self.request.pages, &self.memory);
            match self.policy.mode {
                Mode::Always => true,
                Mode::Heuristic => kunit::fits(pages, memory.ram_pages, memory.swap_pages),
                Mode::Never => self.committed_pages.max(0) < self.kernels_allowed(),
            }
        }
    }

    fn random_ratio(random: &mut Random) -> i32 {
        let any = random.any() as i32;
        random.choose(&[0, 1, 50, 80, 100, any])
    }

    fn random_or_0(random: &mut Random) -> u64 {
        let any = random.any_magnitude();
        random.choose(&[0, any])
    }
}
