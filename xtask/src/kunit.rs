//! The area `kunit`: the suites of `kunit-tests`, in the booted test kernel, one line each.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use xtask::request::Request;

use crate::kernel::Variant;
use crate::ktap::{self, Suite};
use crate::lab::Lab;
use crate::module::Module;
use crate::report::Report;

/// Builds the test kernel and the suites for it, boots, and reports.
///
/// # Errors
///
/// The kernel cannot be built, or the machine not be started.
pub(crate) fn run(lab: &Lab, limit: Duration, report: &mut Report) -> Result<()> {
    let kernel = lab.kernel(Variant::Test)?;
    report.begin("kunit");
    match Module::Kunit.build(&lab.cache, Some(&lab.root), &kernel.kdir) {
        Ok(object) => boot(lab, object, limit, report)?,
        Err(error) => {
            let why = format!("{error:#}, expected vk_kunit.ko to build");
            report.failed("kunit/module", why);
        }
    }
    report.end();
    Ok(())
}

fn boot(lab: &Lab, object: std::path::PathBuf, limit: Duration, report: &mut Report) -> Result<()> {
    let mut payload = lab.payload()?;
    payload.add("vk_kunit.ko", object);
    let mut guest = lab.guest(Some(Variant::Test))?;
    guest.append = "loglevel=7 kunit.enable=1 kunit.autorun=1".to_owned();
    let console = lab.cache.logs().join("kunit-console.log");
    guest.run(&payload, &Request::Kunit, &console, limit, report)?;
    let log = fs::read(&console)?;
    let suites = ktap::suites(&String::from_utf8_lossy(&log));
    if suites.is_empty() {
        let why = format!("no suite in {}, expected some", console.display());
        report.failed("kunit/suites", why);
    }
    suites.iter().for_each(|suite| tell(suite, report));
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
