//! `bench`: named workloads in the guest, counted in instructions, in every state of the module.

mod agreement;
mod goal;
mod hook;
mod json;
mod lookups;
mod table;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{ensure, Result};
use xtask::measurement::{Measurement, Policy, State, Workload};
use xtask::request::Request;

pub(crate) use hook::run as run_hook;
pub(crate) use lookups::run as lookups;

use crate::guest::Guest;
use crate::lab::Lab;
use crate::payload::Payload;
use crate::qemu::Accel;
use crate::report::Report;
use crate::step::step;

/// How long one boot with all its workloads may take.
const LIMIT: Duration = Duration::from_secs(3600);

/// What keeps the kernel from doing the same thing in two ways, or something else meanwhile.
///
/// `nokmem`: whether the next object of a cgroup fits into what is left of a charged page depends
/// on all objects before it.
const APPEND: &str = "quiet loglevel=5 cryptomgr.notests nokaslr norandmaps cgroup.memory=nokmem";

/// The boots, whose results are compared.
const RUNS: usize = 2;

/// What `bench` was asked for.
pub(crate) struct Wanted<'a> {
    /// These workloads; all, if empty.
    pub(crate) workloads: &'a [Workload],
    /// So many single differences of each.
    pub(crate) samples: usize,
    /// One boot only, with nothing to compare.
    pub(crate) is_once: bool,
    /// JSON instead of the table.
    pub(crate) is_json: bool,
}

/// What one boot measured.
struct Run(Vec<Measurement>);

impl Run {
    fn find(&self, workload: Workload, state: State) -> Option<&Measurement> {
        let is_it = |it: &&Measurement| it.workload == workload && it.state == state;
        self.0.iter().find(is_it)
    }
}

/// Measures the wanted workloads and prints the results.
///
/// Fails when two runs do not agree.
///
/// # Errors
///
/// The lab cannot be made, or the guest fails.
pub(crate) fn run(wanted: &Wanted<'_>) -> Result<ExitCode> {
    let lab = Lab::prepare()?;
    let mut payload = lab.payload()?;
    lab.add_module(&mut payload, None)?;
    let mut guest = lab.guest(None)?;
    guest.accel = Accel::Icount;
    guest.append = APPEND.to_owned();
    let workloads = match wanted.workloads {
        [] => Workload::ALL,
        some => some,
    };
    let requests: Vec<Request> = requests(workloads, wanted.samples).collect();
    let count = if wanted.is_once { 1 } else { RUNS };
    let runs = (1..=count).map(|number| {
        let boots = requests
            .iter()
            .map(|request| boot(&lab, &guest, &payload, request, number));
        let boots = boots.collect::<Result<Vec<_>>>()?;
        Ok(Run(boots.into_iter().flatten().collect()))
    });
    let runs: Vec<Run> = runs.collect::<Result<_>>()?;
    let disagreements = agreement::disagreements(&runs);
    if wanted.is_json {
        println!("{:#}", json::document(&lab.release.name, &runs));
    } else {
        table::print(&runs[0], workloads);
        agreement::print(&runs, &disagreements);
    }
    Ok(match disagreements.as_slice() {
        [] => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// One boot for each policy that some of the workloads are measured under.
fn requests(workloads: &[Workload], samples: usize) -> impl Iterator<Item = Request> + '_ {
    Policy::ALL.into_iter().filter_map(move |policy| {
        let of_policy = workloads.iter().filter(|it| it.policy() == policy);
        let workloads: Vec<Workload> = of_policy.copied().collect();
        (!workloads.is_empty()).then_some(Request::Bench { workloads, samples })
    })
}

/// Lets the guest measure something that it tells itself: births, recounts, votes and the like.
///
/// # Errors
///
/// The lab cannot be made, or the machine not be started.
pub(crate) fn tell(request: &Request) -> Result<ExitCode> {
    let lab = Lab::prepare()?;
    let mut payload = lab.payload()?;
    lab.add_module(&mut payload, None)?;
    let mut guest = lab.guest(None)?;
    guest.accel = Accel::Icount;
    guest.append = APPEND.to_owned();
    let console = lab.cache.logs().join("bench-console.log");
    let mut report = Report::default();
    guest.run(&payload, request, &console, LIMIT, &mut report)?;
    Ok(report.close())
}

fn boot(
    lab: &Lab,
    guest: &Guest,
    payload: &Payload,
    request: &Request,
    number: usize,
) -> Result<Vec<Measurement>> {
    let name = format!("bench run {number}");
    let console = lab.cache.logs().join("bench-console.log");
    let advice = "see the console's log beside this step's";
    step(&lab.cache.logs(), &name, advice, |_| {
        let mut report = Report::default();
        let ended = guest.run(payload, request, &console, LIMIT, &mut report)?;
        let has_failed = report.counts().failed > 0;
        ensure!(
            ended && !has_failed,
            "the guest failed: its lines are above"
        );
        Ok(report.into_measurements())
    })
}
