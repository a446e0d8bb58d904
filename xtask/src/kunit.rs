//! The area `kunit`: the suites of `kunit-tests`, in the booted test kernel or the debug kernel, one
//! line each, and one for the kernel's log.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use xtask::kernel_log::alarm;
use xtask::request::Request;

use crate::kernel::Variant;
use crate::ktap::{self, Suite};
use crate::lab::Lab;
use crate::module::Module;
use crate::report::Report;

/// How long the kernel may take: one with checks everywhere, translated, is slow.
fn limit(variant: Variant) -> Duration {
    Duration::from_secs(match variant {
        Variant::Test => 600,
        Variant::Debug => 2400,
    })
}

/// Builds the kernel and the suites for it, boots, and reports.
///
/// # Errors
///
/// The kernel cannot be built, or the machine not be started.
pub(crate) fn run(lab: &Lab, variant: Variant, report: &mut Report) -> Result<()> {
    let kernel = lab.kernel(variant)?;
    report.begin("kunit");
    match Module::Kunit.build(&lab.cache, Some(&lab.root), &kernel.kdir) {
        Ok(object) => boot(lab, variant, object, report)?,
        Err(error) => {
            let why = format!("{error:#}, expected vk_kunit.ko to build");
            report.failed("kunit/module", why);
        }
    }
    report.end();
    Ok(())
}

fn boot(lab: &Lab, variant: Variant, object: PathBuf, report: &mut Report) -> Result<()> {
    let mut payload = lab.payload()?;
    payload.add("vk_kunit.ko", object)?;
    let mut guest = lab.guest(Some(variant))?;
    guest
        .append
        .push_str(" loglevel=7 kunit.enable=1 kunit.autorun=1");
    let console = lab.cache.logs().join("kunit-console.log");
    guest.run(&payload, &Request::Kunit, &console, limit(variant), report)?;
    let log = fs::read(&console)?;
    let log = String::from_utf8_lossy(&log);
    let suites = ktap::suites(&log);
    if suites.is_empty() {
        let why = format!("no suite in {}, expected some", console.display());
        report.failed("kunit/suites", why);
    }
    suites.iter().for_each(|suite| tell(suite, report));
    let alarms: Vec<&str> = log.lines().filter(|line| alarm(line).is_some()).collect();
    let name = "kunit/kernel-log-is-clean".to_owned();
    match alarms.as_slice() {
        [] => report.ok(name),
        some => report.failed(name, format!("{}, expected no alarm", some.join(" | "))),
    }
    Ok(())
}

fn tell(suite: &Suite, report: &mut Report) {
    let name = format!("kunit/{}", suite.name.replace('_', "-"));
    if suite.has_passed {
        report.ok(name);
    } else {
        let why = format!("failed: {}, expected all to pass", suite.failed.join(" "));
        report.failed(name, why);
    }
}
