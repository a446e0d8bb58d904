//! Whether the places in the kernel's source that vk-sysctl names are what it says.

use anyhow::Result;

use crate::cache::Cache;
use crate::report::Report;
use crate::source::{self, Unpacked};
use crate::{step, workspace};

/// The check's name.
pub(crate) const NAME: &str = "build/sysctl-places-are-in-the-source";

/// The version whose lines the tables count.
const VERSION: &str = "7.2.12";

/// Runs vk-sysctl's tests of the source, where the lab has that version of it.
///
/// # Errors
///
/// The stock kernel's version cannot be read, or cargo cannot be run.
pub(crate) fn check(cache: &Cache, report: &mut Report) -> Result<()> {
    let Unpacked { version, dir, .. } = match source::unpacked(cache)? {
        Ok(unpacked) => unpacked,
        Err(why) => {
            report.skipped(NAME, why);
            return Ok(());
        }
    };
    if version.split('-').next() != Some(VERSION) {
        let why = format!("the tables count the lines of {VERSION}, and this is {version}");
        report.skipped(NAME, why);
        return Ok(());
    }
    let test = [
        "test",
        "--locked",
        "--package",
        "vk-sysctl",
        "--test",
        "source",
    ];
    let test = workspace::cargo().args(test).args(["--", "--ignored"]);
    let test = test.env("VK_KERNEL_SOURCE", dir);
    let (status, tail) = step::unannounced(&cache.logs(), NAME, |step| test.run_to_end(step))?;
    if status.success() {
        report.ok(NAME);
    } else {
        let why = format!(
            "{test} ended with {status}: {}, expected success",
            tail.join(" | ")
        );
        report.failed(NAME, why);
    }
    Ok(())
}
