//! `selftests`: the kernel's own tests in a container, without the module and with a policy that
//! says what the host says.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use xtask::request::Request;
use xtask::selftest::{payload, programs, MM};

use crate::cache;
use crate::lab::Lab;
use crate::report::Report;
use crate::source;
use crate::step::{step, Step};

/// How long the guest may take: each test runs twice or three times, translated.
const LIMIT: Duration = Duration::from_secs(3 * 3600);

/// Builds them; see the file.
const BUILD: &str = include_str!("selftests.sh");

/// Where they are in the kernel's source.
const PLACE: &str = "tools/testing/selftests/mm";

/// Builds the tests of memory management, boots the stock kernel, and compares their results; only
/// those whose name has one of `names` in it, if there are any.
///
/// # Errors
///
/// The lab, the tests or the module cannot be made, or the machine does not start.
pub(crate) fn run(names: &[String]) -> Result<ExitCode> {
    let lab = Lab::prepare()?;
    let mut guest_payload = lab.payload()?;
    lab.add_module(&mut guest_payload, None)?;
    let dir = build(&lab)?;
    for program in programs(MM) {
        guest_payload.add(&payload(program), dir.join(program))?;
    }
    let guest = lab.guest(None)?;
    let console = lab.cache.logs().join("selftests-console.log");
    let request = Request::Selftests {
        names: names.to_vec(),
    };
    let mut report = Report::default();
    guest.run(&guest_payload, &request, &console, LIMIT, &mut report)?;
    Ok(report.close())
}

/// Returns the directory of the built programs.
fn build(lab: &Lab) -> Result<PathBuf> {
    let source = source::prepare(&lab.cache, &lab.root, &lab.release)?;
    let advice = "see the compiler's message";
    step(&lab.cache.logs(), "selftests", advice, |step| {
        let programs = programs(MM);
        let key = cache::key(programs.iter().chain([&BUILD]));
        let version = &lab.release.package_version;
        let dir = lab.cache.entry(&format!("selftests-{version}-{key}"));
        let _lock = lab.cache.lock("selftests")?;
        if cache::is_complete(&dir) {
            step.notes("cached");
            return Ok(dir);
        }
        cache::make_empty(&dir)?;
        make(step, lab, &source, &dir, &programs)?;
        cache::complete(&dir)?;
        Ok(dir)
    })
}

/// Builds over the source, which stays as it is.
fn make(step: &Step, lab: &Lab, source: &Path, dir: &Path, programs: &[&str]) -> Result<()> {
    let scratch = tempfile::tempdir_in(lab.cache.dir())?;
    let sh = lab.root.command("sh", scratch.path())?;
    let sh = sh.args(["-c", BUILD, "selftests.sh"]);
    sh.arg(source).arg(PLACE).arg(dir).args(programs).run(step)
}
