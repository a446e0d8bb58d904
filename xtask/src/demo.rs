//! `demo`: the module at work in the guest, on containers with opposite policies.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use xtask::request::Request;

use crate::lab::Lab;
use crate::report::Report;

/// How long the guest may take.
const LIMIT: Duration = Duration::from_secs(900);

/// What two processors and a near package archive should need.
const GOAL: &str = "goals on 2 cores: 60 s, and 480 s with an empty cache";

/// Prepares the lab, boots the stock kernel, and shows and checks what the module does there.
///
/// # Errors
///
/// The lab cannot be made, or the machine does not start.
pub(crate) fn run() -> Result<ExitCode> {
    let started = Instant::now();
    let lab = Lab::prepare()?;
    let mut payload = lab.payload()?;
    lab.add_module(&mut payload, None)?;
    let guest = lab.guest(None)?;
    let console = lab.cache.logs().join("demo-console.log");
    let mut report = Report::default();
    guest.run(&payload, &Request::Demo, &console, LIMIT, &mut report)?;
    println!(
        "demo took {:.0} s ({GOAL})",
        started.elapsed().as_secs_f64()
    );
    Ok(report.close())
}
