//! `torture`: named loads on the debug kernel.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use xtask::request::Request;

use crate::kernel::Variant;
use crate::lab::Lab;
use crate::report::Report;

/// How long the machine may take beside its loads.
const MARGIN: Duration = Duration::from_secs(900);

/// The load that runs every area to its end, and how long that may take beyond its time: half an
/// hour where the machine is translated, more where it is shared.
const CHECKS: &str = "checks";
const CHECKS_MARGIN: Duration = Duration::from_secs(5400);

/// How many loads there can be, for the time limit.
const MOST_LOADS: u64 = 8;

/// Builds the debug kernel and runs the loads in `names`, all if that is empty, on it.
///
/// # Errors
///
/// The kernel, the module or the machine fails.
pub(crate) fn run(names: &[String], minutes: u64) -> Result<ExitCode> {
    let lab = Lab::prepare()?;
    let mut report = Report::default();
    loads(&lab, names, minutes, &mut report)?;
    let result = lab.cache.entry("torture-last-result");
    fs::write(result, format!("{}\n", report.counts()))?;
    Ok(report.close())
}

/// Runs a short form where the debug kernel is already built.
///
/// # Errors
///
/// The module or the machine fails.
pub(crate) fn short(lab: &Lab, report: &mut Report) -> Result<()> {
    match Variant::Debug.built(&lab.cache, &lab.root, &lab.release)? {
        Some(_) => loads(lab, &["churn".to_owned()], 1, report),
        None => {
            let why = "the debug kernel is not built; `cargo xtask torture` builds it";
            report.skipped("torture/debug-kernel", why);
            Ok(())
        }
    }
}

fn loads(lab: &Lab, names: &[String], minutes: u64, report: &mut Report) -> Result<()> {
    let variant = Some(Variant::Debug);
    let mut payload = lab.payload()?;
    lab.add_module(&mut payload, variant)?;
    let guest = lab.guest(variant)?;
    let count = match names.len() as u64 {
        0 => MOST_LOADS,
        some => some,
    };
    let mut limit = Duration::from_secs(60 * minutes * count) + MARGIN;
    if names.is_empty() || names.iter().any(|name| name == CHECKS) {
        limit += CHECKS_MARGIN;
    }
    let request = Request::Torture {
        names: names.to_vec(),
        minutes,
    };
    let console = lab.cache.logs().join("torture-console.log");
    guest.run(&payload, &request, &console, limit, report)?;
    Ok(())
}
