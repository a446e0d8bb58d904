//! One call of `__vm_enough_memory()`, with all that it reads.

use fastrand::Rng;
use vk_overcommit::{
    allowed_pages, commit_limit_pages, judge, Memory, Mode, Policy, Request, Reserves, UNLIMITED,
};

/// The globals and arguments that `__vm_enough_memory()` in mm/util.c reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    mode: Mode,
    ratio: i32,
    kbytes: u64,
    admin_reserve_kbytes: u64,
    user_reserve_kbytes: u64,
    ram_pages: u64,
    hugetlb_pages: u64,
    swap_pages: i64,
    /// `vm_committed_as` before the call.
    committed_pages: i64,
    pages: i64,
    cap_sys_admin: bool,
    total_vm_pages: Option<u64>,
}

/// What one side says of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// `vm_commit_limit()`.
    pub(super) limit_pages: u64,
    /// What `__vm_enough_memory()` returns.
    pub(super) errno: i64,
    /// `vm_committed_as` after it.
    pub(super) committed_pages: i64,
}

impl Case {
    /// Makes any case: numbers of all magnitudes, the ends of their types, and edges.
    pub(super) fn any(rng: &mut Rng) -> Self {
        let any_ratio = number(rng) as i32;
        let mut case = Self {
            mode: choose(
                rng,
                [Mode::Heuristic, Mode::Always, Mode::Never, Mode::Never],
            ),
            ratio: choose(rng, [0, 1, 50, 80, 100, i32::MAX, i32::MIN, any_ratio]),
            kbytes: number(rng) * rng.u64(..2),
            admin_reserve_kbytes: number(rng),
            user_reserve_kbytes: number(rng),
            ram_pages: number(rng),
            hugetlb_pages: number(rng),
            swap_pages: number(rng) as i64,
            committed_pages: number(rng) as i64,
            pages: number(rng) as i64,
            cap_sys_admin: rng.bool(),
            total_vm_pages: rng.bool().then(|| number(rng)),
        };
        if rng.bool() {
            case.go_to_an_edge(choose(rng, [-1, 0, 1]));
        }
        case
    }

    /// Moves to where an error of one shows: `near` more than what is just refused.
    fn go_to_an_edge(&mut self, near: i64) {
        if self.mode == Mode::Heuristic {
            let total = (self.ram_pages as i64).wrapping_add(self.swap_pages);
            self.pages = total.wrapping_add(near);
            return;
        }
        let (memory, reserves, request) = (self.memory(), self.reserves(), self.request());
        let allowed = allowed_pages(&self.policy(), &memory, &reserves, &request);
        let after = allowed.wrapping_add(near);
        self.committed_pages = after.wrapping_sub(self.pages);
    }

    /// Returns the case as answer.c reads it.
    pub(super) fn words(&self) -> [u64; 13] {
        [
            self.mode as u64,
            i64::from(self.ratio) as u64,
            self.kbytes,
            self.admin_reserve_kbytes,
            self.user_reserve_kbytes,
            self.ram_pages,
            self.hugetlb_pages,
            self.swap_pages as u64,
            self.committed_pages as u64,
            self.pages as u64,
            self.cap_sys_admin.into(),
            self.total_vm_pages.is_some().into(),
            self.total_vm_pages.unwrap_or_default(),
        ]
    }

    /// Returns what vk-overcommit says.
    pub(super) fn answer(&self) -> Answer {
        let (policy, memory, reserves) = (self.policy(), self.memory(), self.reserves());
        let charged = self.committed_pages.wrapping_add(self.pages);
        let verdict = judge(&policy, &memory, &reserves, &self.request(), charged);
        Answer {
            limit_pages: commit_limit_pages(&policy, &memory),
            errno: verdict.err().map_or(0, |refusal| refusal.to_errno().into()),
            committed_pages: match verdict {
                Ok(()) => charged,
                Err(_) => self.committed_pages,
            },
        }
    }

    fn policy(&self) -> Policy {
        Policy {
            mode: self.mode,
            ratio: self.ratio,
            kbytes: self.kbytes,
        }
    }

    fn memory(&self) -> Memory {
        Memory {
            ram_pages: self.ram_pages,
            hugetlb_pages: self.hugetlb_pages,
            swap_pages: self.swap_pages as u64,
            memory_max_pages: UNLIMITED,
            swap_max_pages: UNLIMITED,
        }
    }

    fn reserves(&self) -> Reserves {
        Reserves::from_kbytes(self.admin_reserve_kbytes, self.user_reserve_kbytes)
    }

    fn request(&self) -> Request {
        Request {
            pages: self.pages,
            cap_sys_admin: self.cap_sys_admin,
            mm_total_vm_pages: self.total_vm_pages,
        }
    }
}

/// Returns any number: of any magnitude, negative as `i64`, or near an end of a type.
fn number(rng: &mut Rng) -> u64 {
    let (any, shift) = (rng.u64(..), rng.u32(..64));
    let end = choose(rng, [0, u64::MAX, i64::MAX as u64]);
    let near = rng.u64(..3).wrapping_sub(1);
    let (smaller, negative) = (any >> shift, (any as i64 >> shift) as u64);
    let edge = end.wrapping_add(near);
    choose(rng, [smaller, smaller, smaller, negative, edge])
}

fn choose<T, const N: usize>(rng: &mut Rng, choices: [T; N]) -> T {
    let nth = rng.usize(..N);
    let mut choices = choices.into_iter();
    choices.nth(nth).expect("the number is below the length")
}
