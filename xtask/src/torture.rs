//! `torture`: named loads on the debug kernel, or on another.

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
const MOST_LOADS: u32 = 10;

/// How long one thing may take, where loads go on until a count.
const EACH: Duration = Duration::from_millis(500);

/// What `torture` was asked for.
pub(crate) struct Wanted {
    /// These loads; all, if empty.
    pub(crate) names: Vec<String>,
    /// How long each goes on.
    pub(crate) minutes: u64,
    /// Instead of for a time: until so many things are done.
    pub(crate) count: Option<u64>,
    /// The kernel to boot, `None` for the stock kernel.
    pub(crate) kernel: Option<Variant>,
}

/// Runs the wanted loads.
///
/// # Errors
///
/// The kernel, the module or the machine fails.
pub(crate) fn run(wanted: &Wanted) -> Result<ExitCode> {
    let lab = Lab::prepare()?;
    let mut report = Report::default();
    loads(&lab, wanted, &mut report)?;
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
        Some(_) => loads(
            lab,
            &Wanted {
                names: vec!["churn".to_owned()],
                minutes: 1,
                count: None,
                kernel: Some(Variant::Debug),
            },
            report,
        ),
        None => {
            let why = "the debug kernel is not built; `cargo xtask torture` builds it";
            report.skipped("torture/debug-kernel", why);
            Ok(())
        }
    }
}

fn loads(lab: &Lab, wanted: &Wanted, report: &mut Report) -> Result<()> {
    let mut payload = lab.payload()?;
    lab.add_module(&mut payload, wanted.kernel)?;
    let guest = lab.guest(wanted.kernel)?;
    let request = Request::Torture {
        names: wanted.names.clone(),
        minutes: wanted.minutes,
        count: wanted.count,
    };
    let kernel = wanted.kernel.map_or("stock", Variant::name);
    let console = lab
        .cache
        .logs()
        .join(format!("torture-{kernel}-console.log"));
    guest.run(&payload, &request, &console, wanted.limit(), report)?;
    Ok(())
}

impl Wanted {
    /// How long the machine may take for all loads.
    fn limit(&self) -> Duration {
        let loads = match self.names.len() as u32 {
            0 => MOST_LOADS,
            some => some,
        };
        let each = match self.count {
            Some(count) => EACH * u32::try_from(count).unwrap_or(u32::MAX),
            None => Duration::from_secs(60 * self.minutes),
        };
        let limit = each * loads + MARGIN;
        match self.names.is_empty() || self.names.iter().any(|name| name == CHECKS) {
            true => limit + CHECKS_MARGIN,
            false => limit,
        }
    }
}
