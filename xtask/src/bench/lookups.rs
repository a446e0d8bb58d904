//! `bench --lookups`: one lookup in this project's table and in the kernel's own, in the booted test
//! kernel, which has KUnit to run it.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{ensure, Result};
use xtask::request::Request;

use super::APPEND;
use crate::kernel::Variant;
use crate::lab::Lab;
use crate::module::Module;
use crate::qemu::Accel;
use crate::report::Report;

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(900);

/// How the suite marks its lines in the kernel's log.
const MARK: &str = "vk_lookup: ";

/// Measures, and prints the suite's lines.
///
/// # Errors
///
/// The kernel or the suite cannot be built, the machine not be started, or it measures nothing.
pub(crate) fn run() -> Result<ExitCode> {
    let lab = Lab::prepare()?;
    let kdir = lab.kernel(Variant::Test)?.kdir;
    let object = Module::Kunit.build(&lab.cache, Some(&lab.root), &kdir)?;
    let mut payload = lab.payload()?;
    payload.add("vk_kunit.ko", object)?;
    let mut guest = lab.guest(Some(Variant::Test))?;
    guest.accel = Accel::Icount;
    let suite = "kunit.enable=1 kunit.autorun=1 kunit.filter_glob=vk_lookup*";
    guest.append = format!("{APPEND} loglevel=7 {suite}").replace("quiet ", "");
    let console = lab.cache.logs().join("lookups-console.log");
    let mut report = Report::default();
    guest.run(&payload, &Request::Kunit, &console, LIMIT, &mut report)?;
    let log = fs::read(&console)?;
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split_once(MARK).map(|(_, text)| text))
        .collect();
    ensure!(
        !lines.is_empty(),
        "nothing measured; see {}",
        console.display()
    );
    lines.iter().for_each(|line| println!("{line}"));
    Ok(report.close())
}
