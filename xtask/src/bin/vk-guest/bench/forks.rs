//! What a fork and its exit cost more: with all hooks out and in, for each kind of caller, in turn in
//! one boot.
//!
//! A fork takes and gives back objects of so many caches of the kernel that the median of one process
//! differs from that of the next by more than the hooks cost. So each round has a fresh process for
//! each state, and what is told is the median of the differences in one round.

use anyhow::{Context, Result};
use xtask::measurement::Workload;

use super::measured::{Holder, Measured};
use super::{cgroup, quiet, write, HOST};
use crate::policy::{set, target};
use crate::{device, module, namespace, port};

/// How many rounds there are, and how many forks of each process.
const ROUNDS: usize = 9;
const SAMPLES: &str = "300";

/// Who forks, once with the hooks out and once with them in.
#[derive(Clone, Copy)]
enum Caller {
    Host,
    /// One in a namespace with this policy.
    With(&'static [(&'static str, &'static str)]),
    /// The same, right after a mapping.
    Again(&'static [(&'static str, &'static str)]),
}

/// Never reached.
const LIMIT: (&str, &str) = ("vm.overcommit_kbytes", "4194304");

const MODE_2: (&str, &str) = ("vm.overcommit_memory", "2");

const HUGE: (&str, &str) = ("thp_enabled", "always");

const CALLERS: &[(&str, Caller)] = &[
    ("host", Caller::Host),
    ("namespace without a policy", Caller::With(&[])),
    ("mode 1", Caller::With(&[("vm.overcommit_memory", "1")])),
    ("mode 2", Caller::With(&[MODE_2, LIMIT])),
    ("mode 2, limit known", Caller::Again(&[MODE_2, LIMIT])),
    ("huge pages", Caller::With(&[HUGE])),
    ("mode 2, huge pages", Caller::With(&[MODE_2, LIMIT, HUGE])),
    (
        "the same, limit known",
        Caller::Again(&[MODE_2, LIMIT, HUGE]),
    ),
];

/// Measures, and tells.
///
/// # Errors
///
/// The module refuses, or a process does not come to its end.
pub(crate) fn run() -> Result<()> {
    for (path, value) in HOST {
        write(path, value)?;
    }
    cgroup::make()?;
    module::load(&[])?;
    // All hooks are in for everybody, whoever has a policy.
    let holder = Holder::start()?;
    let ns = target(namespace::id_of(holder.pid())?);
    set(&ns, &[MODE_2, LIMIT, HUGE])?;
    let mut costs: Vec<Costs> = CALLERS.iter().map(|_| Costs::default()).collect();
    for round in 0..ROUNDS {
        for ((_, caller), costs) in CALLERS.iter().zip(&mut costs) {
            // Neither is always the first.
            let ways = match round % 2 {
                0 => [false, true],
                _ => [true, false],
            };
            for is_armed in ways {
                costs.add(is_armed, median(*caller, is_armed)?);
            }
        }
    }
    for ((name, _), costs) in CALLERS.iter().zip(&costs) {
        port::say(costs.told(name));
    }
    drop(holder);
    device::ask("disarm", "", &[("force", "1")])?.accepted()?;
    module::unload()
}

/// The median of the forks of one process, with the hooks in or out.
fn median(caller: Caller, is_armed: bool) -> Result<i64> {
    let verb = if is_armed { "arm" } else { "disarm" };
    device::ask(verb, "", &[])?.accepted()?;
    let process = match caller {
        Caller::Host => Measured::of_the_host(Workload::ForkExit, SAMPLES)?,
        Caller::With(policy) | Caller::Again(policy) => {
            let workload = match caller {
                Caller::Again(_) => Workload::ForkAgain,
                _ => Workload::ForkExit,
            };
            let process = Measured::in_a_namespace(workload, SAMPLES)?;
            if is_armed && !policy.is_empty() {
                set(&target(namespace::id_of(process.pid())?), policy)?;
            }
            process
        }
    };
    quiet::wait()?;
    let numbers = process.result()?;
    let median = numbers.last().copied().context("no median")?;
    Ok(median.try_into()?)
}

/// Of each round, the median without the hooks and with them.
#[derive(Default)]
struct Costs {
    without: Vec<i64>,
    with: Vec<i64>,
}

impl Costs {
    fn add(&mut self, is_armed: bool, cost: i64) {
        match is_armed {
            true => self.with.push(cost),
            false => self.without.push(cost),
        }
    }

    fn told(&self, name: &str) -> String {
        let pairs = self.with.iter().zip(&self.without);
        let more = sorted(pairs.map(|(with, without)| with - without).collect());
        let quarter = |number: usize| more.get(more.len() * number / 4).copied().unwrap_or(0);
        let without = sorted(self.without.clone());
        format!(
            "{name:<26} {:>6} without the hooks, {:>5} more with them ({} to {} in the middle half of the rounds)",
            without.get(without.len() / 2).copied().unwrap_or(0),
            quarter(2),
            quarter(1),
            quarter(3),
        )
    }
}

fn sorted(mut costs: Vec<i64>) -> Vec<i64> {
    costs.sort_unstable();
    costs
}
