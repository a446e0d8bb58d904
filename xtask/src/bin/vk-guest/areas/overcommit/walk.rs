//! Eight containers at random, while their policies change: whatever happened, at each pause the
//! module's sums, the kernel's and those of the processes' own maps are the same.

use anyhow::{ensure, Context, Result};
use fastrand::Rng;
use std::time::Duration;

use crate::commitment::Commitments;
use crate::container::wait_until;
use crate::loaded::Without;
use crate::policy::{set, target, unset};
use crate::problem::{expect, expect_eq, fail, Outcome};
use crate::row::row;
use crate::scout::{Order, Scout};
use crate::setting::{Setting, OVERCOMMIT};

/// How many containers there are.
pub(crate) const WALKERS: usize = 8;

/// How many steps each goes until the next pause.
pub(crate) const STRIDE: u64 = 25;

/// How many policies change until the next pause.
const CHANGES: usize = 12;

/// Whether the kernel puts things at other addresses each time.
const RANDOMIZE: &str = "/proc/sys/kernel/randomize_va_space";

/// How long it may take until what ended processes had is given back: kworkers do that.
const REST_LIMIT: Duration = Duration::from_secs(10);

/// Some 1,000 steps. (`torture overcommit` goes on.)
pub(crate) fn a_random_walk_while_policies_change_keeps_all_sums() -> Outcome {
    const PAUSES: u64 = 5;
    let walked = walks_while_policies_change(1, PAUSES)?;
    expect(
        walked.refused > 0,
        format!("{walked:?}"),
        "some charges refused",
    )
}

pub(crate) fn a_random_walk_under_mode_0_is_as_without_the_module() -> Outcome {
    const PAUSES: u64 = 2;
    walks_as_without_the_module(1, PAUSES)
}

/// Walks from the seed `seed` on with so many pauses, twice: without the module, and in containers
/// that have the host's mode 0 for their own. It is loaded before and after.
pub(crate) fn walks_as_without_the_module(seed: u64, pauses: u64) -> Outcome {
    let _host = Setting::put(OVERCOMMIT, "0")?;
    // How many pages a stack has depends on where it begins.
    let _places = Setting::put(RANDOMIZE, "0")?;
    let without = Without::begin()?;
    let trace = walks_neutrally(seed, pauses, false)?;
    without.end()?;
    walks_neutrally(seed, pauses, true)?.is_as(&trace)
}

/// What a walk came to.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Steps of all.
    pub(crate) steps: u64,
    /// Charges that were refused.
    pub(crate) refused: u64,
    /// Recounts compared.
    pub(crate) recounts: u64,
}

/// Walks from the seed `seed` on, with so many pauses.
pub(crate) fn walks_while_policies_change(
    seed: u64,
    pauses: u64,
) -> Result<Walked, crate::problem::Problem> {
    let mut rng = Rng::with_seed(seed);
    let mut walkers = Walkers::gather(seed)?;
    let base = walkers.rest()?;
    let mut walked = Walked::default();
    for pause in 0..pauses {
        walkers.begin(STRIDE)?;
        for _ in 0..CHANGES {
            walkers.change_policy(&mut rng)?;
        }
        walkers.told()?;
        walked.steps += WALKERS as u64 * STRIDE;
        let when = format!("pause {pause} of seed {seed}");
        walked.recounts += walkers.compare(&base, &when)?;
    }
    walked.refused = walkers.refused()?;
    Ok(walked)
}

/// What walkers did, and what they had of it at each pause, in pages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    told: Vec<String>,
    held: Vec<[u64; WALKERS]>,
    /// The kernel's sum, less what others than the walkers have.
    sums: Vec<i64>,
}

impl Trace {
    /// Expects another run to have been the same.
    pub(crate) fn is_as(&self, other: &Self) -> Outcome {
        let told = self.told.iter().zip(&other.told);
        for (line, (ours, its)) in told.enumerate() {
            if ours != its {
                let differs = ours.lines().zip(its.lines()).find(|(a, b)| a != b);
                return fail(format!("stride {line}: {differs:?}"), "the same");
            }
        }
        expect_eq("what each held", &self.held, &other.held)?;
        expect_eq("the kernel's sums", &self.sums, &other.sums)
    }
}

/// Walks the same way each time, under the host's own mode 0, or a mode 0 of each container's own.
pub(crate) fn walks_neutrally(
    seed: u64,
    pauses: u64,
    has_policy: bool,
) -> Result<Trace, crate::problem::Problem> {
    let mut walkers = Walkers::gather(seed)?;
    if has_policy {
        for ns in &walkers.spaces {
            set(&target(*ns), &[("vm.overcommit_memory", "0")])?;
        }
    }
    let base = walkers.rest()?;
    let mut trace = Trace {
        told: Vec::new(),
        held: Vec::new(),
        sums: Vec::new(),
    };
    for pause in 0..pauses {
        walkers.begin(STRIDE)?;
        trace.told.extend(walkers.told()?);
        let when = format!("pause {pause} of seed {seed}, neutral, {has_policy}");
        let (seen, sum) = walkers.settled(&base, &when)?;
        let held: Vec<u64> = walkers
            .spaces
            .iter()
            .map(|ns| seen.private_of(*ns))
            .collect();
        let walkers_own = held.iter().sum::<u64>() + seen.shared();
        let others = seen.sum() - walkers_own;
        trace.sums.push(sum as i64 - others as i64 - base.beyond);
        trace.held.push(held.try_into().unwrap_or_default());
    }
    Ok(trace)
}

struct Walkers {
    scouts: Vec<Scout>,
    spaces: Vec<u64>,
    has_policy: [bool; WALKERS],
}

/// What was so before the first step.
struct Base {
    /// The kernel's sum, less that of the maps: files of tmpfs and the like, which stay.
    beyond: i64,
}

impl Walkers {
    fn gather(seed: u64) -> Result<Self> {
        let mut scouts = Vec::new();
        let mut spaces = Vec::new();
        for walker in 0..WALKERS as u64 {
            let mut scout = Scout::send_into_new_namespace()?;
            scout.does(&Order::BeginWalk(seed * WALKERS as u64 + walker))?;
            spaces.push(scout.namespace()?);
            scouts.push(scout);
        }
        Ok(Self {
            scouts,
            spaces,
            has_policy: [false; WALKERS],
        })
    }

    fn rest(&self) -> Result<Base> {
        let (seen, sum) = Commitments::at_rest()?;
        let beyond = sum as i64 - seen.sum() as i64;
        Ok(Base { beyond })
    }

    fn begin(&mut self, steps: u64) -> Result<()> {
        let order = Order::Walk(steps);
        self.scouts.iter_mut().try_for_each(|it| it.tell_to(&order))
    }

    fn told(&mut self) -> Result<Vec<String>> {
        let reports = self.scouts.iter_mut().map(|scout| {
            let told = scout.report("a walk")?;
            told.map_err(|errno| anyhow::anyhow!("a walker stumbled: errno {errno}"))
        });
        reports.collect()
    }

    /// Gives one of them another policy: each mode, limits that some steps will reach, or none.
    fn change_policy(&mut self, rng: &mut Rng) -> Result<()> {
        let walker = rng.usize(..WALKERS);
        let ns = target(*self.spaces.get(walker).context("no such walker")?);
        let kbytes = (rng.u64(4..48) << 10).to_string();
        let mode = rng.u8(0..4);
        if mode == 3 {
            self.has_policy[walker] = false;
            return unset(&ns);
        }
        let pairs = [
            ("vm.overcommit_memory", &*mode.to_string()),
            ("vm.overcommit_kbytes", &kbytes),
        ];
        self.has_policy[walker] = true;
        set(&ns, &pairs)
    }

    /// Compares all sums; returns how many recounts were compared.
    fn compare(&self, base: &Base, when: &str) -> Result<u64, crate::problem::Problem> {
        let (seen, _) = self.settled(base, when)?;
        let mut compared = 0;
        for (walker, ns) in self.spaces.iter().enumerate() {
            if !self.has_policy[walker] {
                continue;
            }
            let pages = seen.private_of(*ns);
            let first = Held::of(*ns)?;
            expect(
                first.estimate >= pages,
                format!("{when}: the estimate is {} pages", first.estimate),
                format!("{pages} at the least"),
            )?;
            // What is shown was perhaps counted up to 100 ms ago.
            let mut held = first.held;
            wait_until(REST_LIMIT, || {
                held = Held::of(*ns).map_or(u64::MAX, |it| it.held);
                held == pages
            });
            expect_eq(&format!("{when}: what ns:{ns} holds"), held, pages)?;
            compared += 1;
        }
        Ok(compared)
    }

    /// Returns how many charges the module refused.
    fn refused(&self) -> Result<u64> {
        let counts = self.spaces.iter().map(|ns| {
            let ns = target(*ns);
            Ok(row("stat", &ns, &ns)?.word("failcnt").parse::<u64>()?)
        });
        counts.sum()
    }

    /// Expects the kernel's sum to be that of the maps, soon; returns both.
    fn settled(
        &self,
        base: &Base,
        when: &str,
    ) -> Result<(Commitments, u64), crate::problem::Problem> {
        let mut looked = Commitments::at_rest()?;
        let is_equal =
            |looked: &(Commitments, u64)| looked.1 as i64 == looked.0.sum() as i64 + base.beyond;
        // A process that a recount looked at as it ended is cleared away by a kworker.
        wait_until(REST_LIMIT, || {
            looked = Commitments::at_rest().unwrap_or_default();
            is_equal(&looked)
        });
        let (seen, sum) = &looked;
        let expected = seen.sum() as i64 + base.beyond;
        let parts = format!(
            "{} private, {} shared",
            seen.sum() - seen.shared(),
            seen.shared()
        );
        expect(
            *sum as i64 == expected,
            format!("{when}: the kernel's sum is {sum}"),
            format!("{expected}: {parts}, {} beyond", base.beyond),
        )?;
        Ok(looked)
    }
}

/// What the module says of a namespace, in pages.
struct Held {
    estimate: u64,
    held: u64,
}

impl Held {
    fn of(ns: u64) -> Result<Self> {
        const PAGE_BYTES: u64 = 4096;
        let ns = target(ns);
        let row = row("stat", &ns, &ns)?;
        let pages = |word| -> Result<u64> { Ok(row.word(word).parse::<u64>()? / PAGE_BYTES) };
        let held = Self {
            estimate: pages("estimate")?,
            held: pages("held")?,
        };
        ensure!(held.held != 0, "{ns} holds nothing");
        Ok(held)
    }
}
