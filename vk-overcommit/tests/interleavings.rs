//! Every order in which tasks can map, refuse, unmap and recount.
//!
//! Each operation of an account is one atomic step, so running the steps of a few tasks in every
//! order is running the tasks in every way they can meet. Locks are modelled: a task that charges
//! holds its mmap lock until the charge is a mapping or refused, and a walk needs that lock.

use vk_overcommit::{Account, Charge, Recount};

/// One atomic step of a task.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// Take the mmap lock and charge.
    Charge(i64),
    /// Take the mmap lock and charge if the sum stays below the bound, else give up.
    TryCharge(i64, i64),
    /// Turn the charge into a mapping and drop the lock.
    Map,
    /// Refuse the charge and drop the lock.
    Refuse,
    /// Unmap everything, under the lock.
    Unmap,
    /// Begin a recount, or skip to behind its end if one is under way.
    Begin,
    /// Wait for the lock of this mm and add its mappings to the sum.
    Walk(usize),
    /// Add its mappings if nobody holds the lock, else pass over it.
    TryWalk(usize),
    /// End the recount with the sum.
    Finish,
    /// End the recount with the sum, own charge undecided.
    FinishFor,
    /// End the recount without a result.
    Abandon,
    /// Turn the charge into a mapping if the estimate is below the limit, else refuse it.
    Decide(i64),
}
use Step::*;

/// A task, its mm and what it does.
type Script = (usize, &'static [Step]);

/// Memory of one mm as the model knows it.
#[derive(Clone, Copy, Default)]
struct Mm {
    mapped: i64,
    /// Charged, and to be mapped.
    on_its_way: i64,
    owner: Option<usize>,
    /// The last finished recount passed it over.
    passed_over: bool,
}

impl Mm {
    fn standing(&self) -> i64 {
        self.mapped + self.on_its_way
    }
}

struct Task<'a> {
    id: usize,
    mm: usize,
    steps: &'static [Step],
    next: usize,
    charge: Option<Charge>,
    /// The estimate that decides on it.
    held: i64,
    recount: Option<Recount<'a>>,
    sum: i64,
    passed_over: [bool; 4],
}

impl<'a> Task<'a> {
    fn new(id: usize, (mm, steps): Script) -> Self {
        Self {
            id,
            mm,
            steps,
            next: 0,
            charge: None,
            held: 0,
            recount: None,
            sum: 0,
            passed_over: [false; 4],
        }
    }

    fn can_step(&self, mms: &[Mm; 4]) -> bool {
        let is_free = |mm: usize| mms[mm].owner.is_none_or(|owner| owner == self.id);
        match self.steps.get(self.next) {
            None => false,
            Some(Charge(_) | TryCharge(..) | Unmap) => is_free(self.mm),
            Some(Walk(mm)) => is_free(*mm),
            Some(_) => true,
        }
    }

    fn step(&mut self, account: &'a Account, mms: &mut [Mm; 4]) {
        let step = self.steps[self.next];
        self.next += 1;
        match step {
            Charge(pages) => {
                let charge = account.charge(pages);
                self.held = charge.held_pages();
                self.charge = Some(charge);
                mms[self.mm].owner = Some(self.id);
                if self.steps[self.next..].contains(&Map) {
                    mms[self.mm].on_its_way = pages;
                }
            }
            TryCharge(pages, bound) => {
                if account.try_charge(pages, bound) {
                    mms[self.mm].owner = Some(self.id);
                    mms[self.mm].on_its_way = pages;
                    assert!(standing(mms) < bound);
                } else {
                    self.next = self.steps.len();
                }
            }
            Map => {
                let mm = &mut mms[self.mm];
                mm.mapped += std::mem::take(&mut mm.on_its_way);
                mm.owner = None;
            }
            Refuse => {
                account.refuse(self.charge.take().unwrap());
                mms[self.mm].owner = None;
            }
            Unmap => mms[self.mm].mapped = 0,
            Begin => {
                self.recount = account.try_begin_recount();
                self.sum = 0;
                self.passed_over = [false; 4];
                if self.recount.is_none() {
                    let is_end = |step: &Step| matches!(step, Finish | FinishFor | Abandon);
                    let rest = &self.steps[self.next..];
                    self.next += rest.iter().position(is_end).unwrap() + 1;
                }
            }
            Walk(mm) => self.sum += mms[mm].mapped,
            TryWalk(mm) if mms[mm].owner.is_none() => self.sum += mms[mm].mapped,
            TryWalk(mm) => self.passed_over[mm] = true,
            Finish => {
                self.recount.take().unwrap().finish(self.sum as u64);
                self.publish_passed_over(mms);
            }
            FinishFor => {
                let charge = self.charge.as_mut().unwrap();
                let recount = self.recount.take().unwrap();
                self.held = recount.finish_for(self.sum as u64, charge);
                self.publish_passed_over(mms);
            }
            Abandon => self.recount = None,
            Decide(limit) => {
                let charge = self.charge.take().unwrap();
                mms[self.mm].owner = None;
                if self.held < limit {
                    mms[self.mm].mapped += charge.pages() as i64;
                    assert!(standing(mms) < limit);
                } else {
                    account.refuse(charge);
                }
            }
        }
    }

    fn publish_passed_over(&self, mms: &mut [Mm; 4]) {
        for (mm, passed_over) in mms.iter_mut().zip(self.passed_over) {
            mm.passed_over = passed_over;
        }
    }
}

/// Runs `scripts` in the order that `choices` picks, extends it to the end, and checks the
/// account after each step. Returns how many tasks could have been picked at each point, and the
/// most that was ever mapped or on its way.
fn run(scripts: &[Script], choices: &mut Vec<usize>) -> (Vec<usize>, i64) {
    let account = Account::new();
    let mut mms = [Mm::default(); 4];
    let mut tasks: Vec<Task<'_>> = (0..)
        .zip(scripts)
        .map(|(id, s)| Task::new(id, *s))
        .collect();
    let mut widths = Vec::new();
    let mut most = 0;
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
        tasks[task].step(&account, &mut mms);
        check(&account, &mms);
        most = most.max(mms.iter().map(Mm::standing).sum());
    }
    assert!(tasks.iter().all(|task| task.next == task.steps.len()));
    check_at_rest(&account, &mms);
    (widths, most)
}

/// The estimate is not below the charges that stand, but for mms that a recount passed over.
fn check(account: &Account, mms: &[Mm; 4]) {
    assert!(account.held_pages() >= standing(mms));
}

/// The sum of the charges that stand, but for mms that a recount passed over.
fn standing(mms: &[Mm; 4]) -> i64 {
    let counted = mms.iter().filter(|mm| !mm.passed_over);
    counted.map(Mm::standing).sum()
}

/// With no task in a system call, a recount makes the estimate exact.
fn check_at_rest(account: &Account, mms: &[Mm; 4]) {
    let mapped: i64 = mms.iter().map(|mm| mm.mapped).sum();
    let recount = account.try_begin_recount().unwrap();
    assert_eq!(recount.finish(mapped as u64), mapped);
}

/// Runs `scripts` in every order and returns how many there are.
fn run_all(scripts: &[Script]) -> usize {
    explore(scripts).0
}

/// Runs `scripts` in every order; returns how many there are, and the most that was mapped or on its
/// way in any of them.
fn explore(scripts: &[Script]) -> (usize, i64) {
    let mut choices = Vec::new();
    let (mut orders, mut most) = (0, 0);
    loop {
        let (widths, its_most) = run(scripts, &mut choices);
        orders += 1;
        most = most.max(its_most);
        while choices
            .last()
            .is_some_and(|&last| last + 1 == widths[choices.len() - 1])
        {
            choices.pop();
        }
        match choices.last_mut() {
            Some(last) => *last += 1,
            None => return (orders, most),
        }
    }
}

const MAPPER: &[Step] = &[Charge(1), Map];
const REFUSED: &[Step] = &[Charge(2), Refuse];
const UNMAPPER: &[Step] = &[Charge(4), Map, Unmap];
const RECOUNTER: &[Step] = &[Begin, Walk(0), Walk(1), Walk(2), Finish];
const QUITTER: &[Step] = &[Begin, Abandon];

#[test]
fn mappers_and_a_recounter() {
    let orders = run_all(&[(0, MAPPER), (1, REFUSED), (2, UNMAPPER), (3, RECOUNTER)]);
    assert!(orders > 10_000);
}

#[test]
fn refusals_across_two_recounts() {
    let twice: &[Step] = &[
        Begin,
        Walk(0),
        Walk(1),
        Finish,
        Begin,
        Walk(0),
        Walk(1),
        Finish,
    ];
    let orders = run_all(&[(0, REFUSED), (1, UNMAPPER), (0, MAPPER), (3, twice)]);
    assert!(orders > 10_000);
}

#[test]
fn refusals_across_an_abandoned_recount() {
    let orders = run_all(&[
        (0, REFUSED),
        (1, MAPPER),
        (2, REFUSED),
        (3, RECOUNTER),
        (3, QUITTER),
    ]);
    assert!(orders > 10_000);
}

#[test]
fn tasks_that_recount_for_themselves() {
    let refused: &[Step] = &[
        Charge(8),
        Begin,
        Walk(0),
        TryWalk(1),
        TryWalk(2),
        FinishFor,
        Refuse,
    ];
    let admitted: &[Step] = &[
        Charge(16),
        Begin,
        TryWalk(0),
        Walk(1),
        TryWalk(2),
        FinishFor,
        Map,
    ];
    let orders = run_all(&[(0, refused), (1, admitted), (2, UNMAPPER)]);
    assert!(orders > 1_000);
    let orders = run_all(&[(0, refused), (1, MAPPER), (1, UNMAPPER), (2, REFUSED)]);
    assert!(orders > 10_000);
}

#[test]
fn what_a_walk_passes_over_is_all_that_is_missing() {
    let hasty: &[Step] = &[Begin, TryWalk(0), TryWalk(1), TryWalk(2), Finish];
    let orders = run_all(&[(0, MAPPER), (1, UNMAPPER), (2, REFUSED), (3, hasty)]);
    assert!(orders > 10_000);
}

#[test]
fn what_is_admitted_without_a_look_stays_below_the_bound() {
    let quick: &[Step] = &[TryCharge(3, 8), Map];
    let orders = run_all(&[(0, quick), (1, quick), (2, UNMAPPER), (3, RECOUNTER)]);
    assert!(orders > 5_000);
    let orders = run_all(&[(0, quick), (1, REFUSED), (2, quick), (3, RECOUNTER)]);
    assert!(orders > 5_000);
    let hasty: &[Step] = &[Begin, TryWalk(0), TryWalk(1), TryWalk(2), Finish];
    let orders = run_all(&[(0, quick), (1, quick), (2, quick), (3, hasty)]);
    assert!(orders > 5_000);
}

/// What is admitted above the limit is what those were charged whose lock could not be tried, and in
/// the worst order all of it.
#[test]
fn above_the_limit_is_at_most_what_a_recount_passed_over() {
    const LIMIT: i64 = 8;
    let asks: &[Step] = &[
        Charge(7),
        Begin,
        TryWalk(0),
        TryWalk(1),
        Walk(2),
        FinishFor,
        Decide(LIMIT),
    ];
    let waits: &[Step] = &[
        Charge(7),
        Begin,
        Walk(0),
        Walk(1),
        Walk(2),
        FinishFor,
        Decide(LIMIT),
    ];
    let one: &[Step] = &[Charge(2), Decide(LIMIT)];
    let other: &[Step] = &[Charge(3), Decide(LIMIT)];
    let (orders, most) = explore(&[(0, one), (1, other), (2, asks)]);
    assert!(orders > 500);
    assert_eq!(most, LIMIT - 1 + 2 + 3);
    let (orders, most) = explore(&[(0, one), (1, other), (2, waits)]);
    assert!(orders > 10);
    assert_eq!(most, LIMIT - 1);
    // Two who ask, of whom one decides on the estimate while the other recounts.
    let second: &[Step] = &[
        Charge(5),
        Begin,
        TryWalk(0),
        Walk(1),
        TryWalk(2),
        FinishFor,
        Decide(LIMIT),
    ];
    let (orders, most) = explore(&[(0, one), (1, second), (2, asks)]);
    assert!(orders > 1_000);
    assert!(most <= LIMIT - 1 + 2 + 5);
}
