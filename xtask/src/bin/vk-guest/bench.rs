//! The bench: every workload in every state, each in a fresh process on a quiet machine.

mod births;
mod cgroup;
mod crossings;
mod effect;
mod forks;
mod hook;
mod measured;
mod meter;
mod policy;
mod programs;
mod quiet;
mod recounts;
mod stage;
mod touch;
mod vote;
mod workloads;

use std::fs;

use anyhow::{Context, Result};
use xtask::measurement::{Caller, Measurement, Stage, State, Workload};
use xtask::protocol::Line;

use crate::port;
use measured::Measured;
use stage::Stages;

pub(crate) use births::run as run_births;
pub(crate) use effect::run as run_effect;
pub(crate) use forks::run as run_forks;
pub(crate) use hook::run as run_hook;
pub(crate) use measured::run as run_measured;
pub(crate) use meter::Meter;
pub(crate) use programs::run as run_programs;
pub(crate) use recounts::run as run_recounts;
pub(crate) use touch::run as run_touch;
pub(crate) use vote::run as run_vote;

/// What the host has while it is measured: huge pages for those who ask, the heuristic for commits.
const HOST: &[(&str, &str)] = &[
    ("/sys/kernel/mm/transparent_hugepage/enabled", "madvise"),
    ("/sys/kernel/mm/transparent_hugepage/defrag", "madvise"),
    ("/proc/sys/vm/overcommit_memory", "0"),
];

/// Measures `workloads` in all states, with `samples` each, and reports each result.
///
/// # Errors
///
/// A state cannot be made, or the machine does not come to rest.
pub(crate) fn run(workloads: &[Workload], samples: usize) -> Result<()> {
    for (path, value) in HOST {
        write(path, value)?;
    }
    write("/proc/sys/vm/drop_caches", "3")?;
    cgroup::make()?;
    warm_up(workloads, samples)?;
    let policy = workloads.first().context("no workload")?.policy();
    let mut stages = Stages::of(policy);
    for stage in Stages::ALL {
        stages.enter(*stage)?;
        let states = State::ALL.iter().filter(|it| it.module == *stage);
        for state in states {
            for workload in workloads {
                let measurement = measure(*workload, *state, samples)?;
                port::send(&Line::Measured(measurement));
            }
        }
    }
    stages.leave()
}

/// Does everything once for nothing: the first process finds the kernel's lists of free memory in
/// an order that no later one finds.
fn warm_up(workloads: &[Workload], samples: usize) -> Result<()> {
    for caller in [Caller::Host, Caller::Namespace] {
        let state = State {
            caller,
            module: Stage::Absent,
        };
        for workload in workloads {
            ready(*workload, state, &samples.to_string())?.result()?;
        }
    }
    Ok(())
}

fn measure(workload: Workload, state: State, samples: usize) -> Result<Measurement> {
    let what = || format!("{} as {state}", workload.name());
    let process = ready(workload, state, &samples.to_string()).with_context(what)?;
    let numbers = process.result().with_context(what)?;
    let [min, median] = numbers[..] else {
        anyhow::bail!("{}: {} numbers", what(), numbers.len());
    };
    Ok(Measurement {
        workload,
        state,
        samples,
        min,
        median,
        crossings: crossings::count(state.module, || {
            ready(workload, state, measured::TRACED)?
                .result()
                .map(|_| ())
        })
        .with_context(what)?,
    })
}

/// Makes the process that measures, its policy set, on a machine that has come to rest.
fn ready(workload: Workload, state: State, samples: &str) -> Result<Measured> {
    let process = match state.caller {
        Caller::Host => Measured::of_the_host(workload, samples)?,
        Caller::Namespace => Measured::in_a_namespace(workload, samples)?,
        Caller::Container => {
            let process = Measured::in_a_namespace(workload, samples)?;
            policy::set(workload.policy(), process.pid())?;
            process
        }
    };
    // Free memory in few pieces, however the processes before left it: a huge page is cut out of it.
    write("/proc/sys/vm/compact_memory", "1")?;
    quiet::wait()?;
    Ok(process)
}

fn write(path: &str, value: &str) -> Result<()> {
    fs::write(path, value).with_context(|| format!("cannot write {value} to {path}"))
}
