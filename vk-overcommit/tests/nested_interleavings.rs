//! Every order in which tasks of nested containers can map, be refused and be recounted.
//!
//! Account 0 is around accounts 1 and 2. A request is charged to the inner account first, then to
//! the outer one, each by one atomic step, and an outer refusal takes both back. Locks are those of
//! `interleavings.rs`: a task holds its mmap lock from its first charge to its end.

use vk_overcommit::{Account, Charges, Recount};

/// One atomic step of a task.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Take the mmap lock and charge the inner account.
    Charge(i64),
    /// Charge the outer account too.
    ChargeOuter(i64),
    /// Take the mmap lock and charge the inner account if its sum stays below the bound.
    TryCharge(i64, i64),
    /// The same with the outer account; else the inner charge is taken back, and it ends.
    TryChargeOuter(i64, i64),
    /// Turn the charges into a mapping and drop the lock.
    Map,
    /// Be refused by the outer account, which takes everything back, and drop the lock.
    Refuse,
    /// Unmap everything, under the lock.
    Unmap,
    /// Begin a recount of an account, or skip to its end if one is under way.
    Begin(usize),
    /// Wait for the lock of this mm and add its mappings.
    Walk(usize),
    /// End the recount with the sum.
    Finish,
}
use Step::*;

/// A task, the inner account it charges, and what it does. Its mm has its own number.
type Script = (usize, &'static [Step]);

/// Memory of one mm as the model knows it.
#[derive(Clone, Copy, Default)]
struct Mm {
    account: usize,
    mapped: i64,
    /// Charged to the inner account, and to be mapped.
    inner: i64,
    /// Charged to the outer account, and to be mapped.
    outer: i64,
    owner: Option<usize>,
}

struct Task<'a> {
    id: usize,
    account: usize,
    steps: &'static [Step],
    next: usize,
    charges: Charges<'a>,
    recount: Option<Recount<'a>>,
    sum: i64,
}

fn will_map(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step, Map))
}

impl<'a> Task<'a> {
    fn can_step(&self, mms: &[Mm]) -> bool {
        let is_free = |mm: usize| mms[mm].owner.is_none_or(|owner| owner == self.id);
        match self.steps.get(self.next) {
            None => false,
            Some(Charge(_) | TryCharge(..) | Unmap) => is_free(self.id),
            Some(Walk(mm)) => is_free(*mm),
            Some(_) => true,
        }
    }

    fn ends(&mut self, mm: &mut Mm) {
        self.next = self.steps.len();
        (mm.inner, mm.outer, mm.owner) = (0, 0, None);
    }

    fn step(&mut self, accounts: &'a [Account; 3], mms: &mut [Mm]) {
        let step = self.steps[self.next];
        self.next += 1;
        let is_to_stay = will_map(&self.steps[self.next..]);
        let inner = &accounts[self.account];
        match step {
            Charge(pages) => {
                self.charges.charge(inner, pages);
                mms[self.id].owner = Some(self.id);
                mms[self.id].inner = if is_to_stay { pages } else { 0 };
            }
            ChargeOuter(pages) => {
                self.charges.charge(&accounts[0], pages);
                mms[self.id].outer = if is_to_stay { pages } else { 0 };
            }
            TryCharge(pages, bound) => {
                if self.charges.try_charge(inner, pages, bound) {
                    mms[self.id].owner = Some(self.id);
                } else {
                    self.ends(&mut mms[self.id]);
                }
            }
            TryChargeOuter(pages, bound) => {
                if self.charges.try_charge(&accounts[0], pages, bound) {
                    mms[self.id].inner = pages;
                    mms[self.id].outer = pages;
                    assert!(standing(mms, 0) < bound);
                } else {
                    self.ends(&mut mms[self.id]);
                }
            }
            Map => {
                let mm = &mut mms[self.id];
                mm.mapped += mm.inner;
                (mm.inner, mm.outer, mm.owner) = (0, 0, None);
            }
            Refuse => {
                // A bound of 0 admits nothing.
                assert!(!self.charges.try_charge(&accounts[0], 0, 0));
                self.ends(&mut mms[self.id]);
            }
            Unmap => mms[self.id].mapped = 0,
            Begin(account) => {
                self.recount = accounts[account].try_begin_recount();
                self.sum = 0;
                if self.recount.is_none() {
                    let rest = &self.steps[self.next..];
                    let end = rest.iter().position(|step| matches!(step, Finish));
                    self.next += end.unwrap() + 1;
                }
            }
            Walk(mm) => self.sum += mms[mm].mapped,
            Finish => {
                self.recount.take().unwrap().finish(self.sum as u64);
            }
        }
    }
}

/// The sum of the charges to an account that stand.
fn standing(mms: &[Mm], account: usize) -> i64 {
    let its = mms
        .iter()
        .filter(|mm| account == 0 || mm.account == account);
    its.map(|mm| mm.mapped + if account == 0 { mm.outer } else { mm.inner })
        .sum()
}

/// Runs `scripts` in the order that `choices` picks, extends it to the end, and checks all
/// accounts after each step. Returns how many tasks could have been picked at each point.
fn run(scripts: &[Script], choices: &mut Vec<usize>) -> Vec<usize> {
    let accounts = [const { Account::new() }; 3];
    let mut mms: Vec<Mm> = scripts
        .iter()
        .map(|&(account, _)| Mm {
            account,
            ..Mm::default()
        })
        .collect();
    let mut tasks: Vec<Task<'_>> = scripts
        .iter()
        .enumerate()
        .map(|(id, &(account, steps))| Task {
            id,
            account,
            steps,
            next: 0,
            charges: Charges::new(),
            recount: None,
            sum: 0,
        })
        .collect();
    let mut widths = Vec::new();
    loop {
        let ready: Vec<usize> = (0..tasks.len())
            .filter(|&task| tasks[task].can_step(&mms))
            .collect();
        if ready.is_empty() {
            break;
        }
        if choices.len() == widths.len() {
            choices.push(0);
        }
        let task = ready[choices[widths.len()]];
        widths.push(ready.len());
        tasks[task].step(&accounts, &mut mms);
        for (number, account) in accounts.iter().enumerate() {
            assert!(account.held_pages() >= standing(&mms, number));
        }
    }
    for (number, account) in accounts.iter().enumerate() {
        let mapped = standing(&mms, number);
        let recount = account.try_begin_recount().unwrap();
        assert_eq!(recount.finish(mapped as u64), mapped);
    }
    widths
}

/// Runs `scripts` in every order and returns how many there are.
fn run_all(scripts: &[Script]) -> usize {
    let mut choices = Vec::new();
    let mut orders = 0;
    loop {
        let widths = run(scripts, &mut choices);
        orders += 1;
        while choices
            .last()
            .is_some_and(|&last| last + 1 == widths[choices.len() - 1])
        {
            choices.pop();
        }
        match choices.last_mut() {
            Some(last) => *last += 1,
            None => return orders,
        }
    }
}

const MAPPER: &[Step] = &[Charge(1), ChargeOuter(1), Map];
const REFUSED: &[Step] = &[Charge(2), ChargeOuter(2), Refuse];
/// Of the first three tasks.
const OUTER_RECOUNTER: &[Step] = &[Begin(0), Walk(0), Walk(1), Walk(2), Finish];
/// Of the first two, which are all that charge account 1.
const INNER_RECOUNTER: &[Step] = &[Begin(1), Walk(0), Walk(1), Finish];

#[test]
fn all_around_a_mapping_know_of_it() {
    let unmapper: &[Step] = &[Charge(4), ChargeOuter(4), Map, Unmap];
    let orders = run_all(&[(1, MAPPER), (2, unmapper), (0, OUTER_RECOUNTER)]);
    assert!(orders > 1_000);
}

#[test]
fn an_outer_refusal_leaves_nothing_in_the_inner_account() {
    let orders = run_all(&[(1, REFUSED), (2, MAPPER), (0, OUTER_RECOUNTER)]);
    assert!(orders > 500);
    let orders = run_all(&[(1, REFUSED), (1, MAPPER), (1, INNER_RECOUNTER)]);
    assert!(orders > 500);
    let begun: &[Step] = &[Begin(0), Finish];
    let orders = run_all(&[
        (1, REFUSED),
        (1, REFUSED),
        (0, begun),
        (1, &[Begin(1), Finish]),
    ]);
    assert!(orders > 10_000);
}

#[test]
fn what_both_admit_without_a_look_stays_below_the_outer_bound() {
    let quick: &[Step] = &[TryCharge(3, i64::MAX), TryChargeOuter(3, 5), Map];
    let orders = run_all(&[(1, quick), (2, quick), (0, OUTER_RECOUNTER)]);
    assert!(orders > 500);
    let tight: &[Step] = &[TryCharge(3, 6), TryChargeOuter(3, 5), Map];
    let orders = run_all(&[(1, tight), (1, tight), (2, tight)]);
    assert!(orders > 100);
    let orders = run_all(&[(1, tight), (1, REFUSED), (1, INNER_RECOUNTER)]);
    assert!(orders > 500);
}
