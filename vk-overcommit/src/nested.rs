//! One request that counts for several accounts, each within the next.

use crate::{Account, Charge, Memory, Policy, Refusal, Request, Reserves};

/// The most accounts that one request counts for: `MAX_PID_NS_LEVEL` of
/// include/linux/pid_namespace.h.
pub const LEVELS: usize = 32;

/// What one request was charged to the account of its container and to those around it.
///
/// What a container holds is held by all around it as well, so each of them is charged and each
/// has to admit the request: a limit cannot be had a second time by nesting. Go from the nearest
/// account outward, each account once. Dropping the value means that the charges stand.
///
/// # Examples
///
/// The inner container may have as much as the outer one, but the outer one is half full:
///
/// ```
/// use vk_overcommit::{Account, Charges, Memory, Mode, Policy, Request, Reserves, UNLIMITED};
///
/// let policy = Policy { mode: Mode::Never, ratio: 0, kbytes: 400 }; // 100 pages
/// let memory = Memory {
///     ram_pages: 1000,
///     hugetlb_pages: 0,
///     swap_pages: 0,
///     memory_max_pages: UNLIMITED,
///     swap_max_pages: UNLIMITED,
/// };
/// let reserves = Reserves { admin_pages: 0, user_pages: 0 };
/// let request = Request { pages: 60, cap_sys_admin: false, mm_total_vm_pages: None };
/// let (inner, outer) = (Account::new(), Account::new());
/// outer.charge(50);
///
/// let mut charges = Charges::new();
/// charges.admit(&inner, &policy, &memory, &reserves, &request, || Some(0))?;
/// let verdict = charges.admit(&outer, &policy, &memory, &reserves, &request, || Some(50));
/// assert!(verdict.is_err());
/// assert_eq!((inner.held_pages(), outer.held_pages()), (0, 50));
/// assert_eq!((inner.failcnt(), outer.failcnt()), (1, 1));
/// # Ok::<(), vk_overcommit::Refusal>(())
/// ```
#[derive(Debug, Default)]
pub struct Charges<'a> {
    made: [Option<Made<'a>>; LEVELS],
    pages: u64,
}

/// A [`Charge`] without what is known of the request anyway: there are many on one stack.
#[derive(Clone, Copy, Debug)]
struct Made<'a> {
    account: &'a Account,
    era: u32,
}

impl<'a> Charges<'a> {
    /// Nothing charged yet.
    pub const fn new() -> Self {
        Self {
            made: [None; LEVELS],
            pages: 0,
        }
    }

    /// Does what [`Account::admit`] does for the next account outward.
    ///
    /// # Errors
    ///
    /// Those of [`judge`](crate::judge). Everything charged so far has been taken back, and
    /// [`failcnt`](Account::failcnt) counts the refusal in this account and in those it is around.
    pub fn admit(
        &mut self,
        account: &'a Account,
        policy: &Policy,
        memory: &Memory,
        reserves: &Reserves,
        request: &Request,
        recount: impl FnOnce() -> Option<u64>,
    ) -> Result<(), Refusal> {
        let (charge, verdict) = account.judge(policy, memory, reserves, request, recount);
        self.note(account, charge);
        if verdict.is_err() {
            self.undo(Account::refuse);
        }
        verdict
    }

    /// Does what [`Account::charge`] does for the next account outward, which admits everything.
    pub fn charge(&mut self, account: &'a Account, pages: i64) {
        let charge = account.charge(pages);
        self.note(account, charge);
    }

    /// Does what [`Account::try_charge`] does for the next account outward.
    ///
    /// If that has not charged, everything charged so far has been taken back: ask
    /// [`admit`](Self::admit), from the nearest account on.
    pub fn try_charge(&mut self, account: &'a Account, pages: i64, bound_pages: i64) -> bool {
        match account.charge_below(pages, bound_pages) {
            Some(charge) => {
                self.note(account, charge);
                true
            }
            None => {
                self.undo(Account::refund);
                false
            }
        }
    }

    /// What does not fit stays charged until the next recount.
    fn note(&mut self, account: &'a Account, charge: Charge) {
        self.pages = charge.pages();
        if let Some(free) = self.made.iter_mut().find(|made| made.is_none()) {
            *free = Some(Made {
                account,
                era: charge.era(),
            });
        }
    }

    fn undo(&mut self, how: fn(&Account, Charge)) {
        let pages = self.pages;
        for made in self.made.iter_mut().map_while(Option::take) {
            how(made.account, Charge::made_before(pages, made.era));
        }
    }
}
