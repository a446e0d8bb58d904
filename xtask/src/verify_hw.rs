//! `verify-hw`: the checks of hooks where a processor executes them, not its translation.
//!
//! Translation raises no #CP and sees every change of text at once: there a function whose ENDBR is
//! sealed may be called through a pointer, and a missing synchronisation goes unnoticed.

use std::fmt::Write;
use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{bail, Context, Result};
use xtask::protocol::Counts;
use xtask::request::Request;

use crate::command::Command;
use crate::lab::Lab;
use crate::qemu::Accel;
use crate::report::Report;
use crate::workspace;

/// The areas that say something about hooks.
const AREAS: &[&str] = &["hw", "hook", "inline"];

/// The check that is skipped where indirect branches are not tracked.
const IBT: &str = "hw/indirect-branches-are-tracked";

/// How the kernel is booted: with `ibt=warn` a wrong branch is told and goes on.
const BOOTS: &[(&str, &str)] = &[("default", ""), ("ibt=warn", " ibt=warn")];

/// How long one guest may take; translation needs most of it.
const LIMIT: Duration = Duration::from_secs(7200);

/// Where the result is kept, to be committed.
const RESULT: &str = "xtask/VERIFY-HW.md";

/// One boot, and what came of it.
struct Boot {
    name: &'static str,
    counts: Counts,
    is_tracked: bool,
}

/// Boots under KVM, runs the areas, and writes the result to [`RESULT`].
///
/// A rehearsal boots however guests run here, and writes nothing.
///
/// # Errors
///
/// No guest runs under KVM here, or the lab cannot be made.
pub(crate) fn run(is_rehearsal: bool) -> Result<ExitCode> {
    let lab = Lab::prepare()?;
    if lab.guest(None)?.accel != Accel::Kvm && !is_rehearsal {
        bail!(
            "no guest runs under KVM here, and what translation shows proves nothing: run this on a \
             machine with KVM, best one whose guests have IBT (`--rehearse` tries it without a result)"
        );
    }
    let mut boots = Vec::new();
    for (name, append) in BOOTS {
        println!("boot: {name}");
        boots.push(boot(&lab, name, append)?);
    }
    let page = page(&machine(&lab)?, &boots);
    match is_rehearsal {
        true => print!("{page}"),
        false => fs::write(workspace::dir().join(RESULT), page)
            .with_context(|| format!("cannot write {RESULT}"))?,
    }
    let has_failed = boots.iter().any(|boot| boot.counts.failed > 0);
    Ok(match has_failed {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

fn boot(lab: &Lab, name: &'static str, append: &str) -> Result<Boot> {
    let mut payload = lab.payload()?;
    lab.add_module(&mut payload, None)?;
    let mut guest = lab.guest(None)?;
    guest.append.push_str(append);
    let request = Request::Test {
        areas: AREAS.iter().map(|area| (*area).to_owned()).collect(),
        only: None,
        is_inline: false,
    };
    let console = lab.cache.logs().join("verify-hw-console.log");
    let mut report = Report::default();
    guest.run(&payload, &request, &console, LIMIT, &mut report)?;
    Ok(Boot {
        name,
        is_tracked: report.has_passed(IBT),
        counts: report.counts(),
    })
}

/// What the guests ran on, in words.
fn machine(lab: &Lab) -> Result<String> {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("an unnamed processor", |it| {
        it.trim_start_matches([' ', '\t', ':'])
    });
    let date = Command::new("date").arg("+%F").output()?;
    let qemu = Command::new("qemu-system-x86_64")
        .arg("--version")
        .output()?;
    let qemu = qemu.lines().next().unwrap_or_default();
    let (date, release) = (date.trim(), &lab.release.name);
    Ok(format!("{date}, {model}, {qemu}, Linux {release}"))
}

fn page(machine: &str, boots: &[Boot]) -> String {
    let mut text = String::from("# What the checks of hooks said on a processor\n\n");
    let areas = AREAS.join("`, `");
    let _ = write!(
        text,
        "`cargo xtask verify-hw`: areas `{areas}`, on {machine}.\n\n\
         | boot | indirect branches tracked | passed | failed | skipped |\n|---|---|---|---|---|\n"
    );
    for boot in boots {
        let Counts {
            passed,
            failed,
            skipped,
        } = boot.counts;
        let tracked = if boot.is_tracked { "yes" } else { "no" };
        let _ = writeln!(
            text,
            "| {} | {tracked} | {passed} | {failed} | {skipped} |",
            boot.name
        );
    }
    if boots.iter().any(|boot| !boot.is_tracked) {
        text.push_str("\nWhere they were not tracked, nothing is proven about ENDBR.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(is_tracked: bool) -> Boot {
        let counts = Counts {
            passed: 40,
            failed: 1,
            skipped: 2,
        };
        Boot {
            name: "default",
            counts,
            is_tracked,
        }
    }

    #[test]
    fn says_what_ran_where_and_what_came_of_it() {
        let text = page("a day, a processor", &[boot(true)]);
        assert!(text.contains("on a day, a processor.\n"), "{text}");
        assert!(text.contains("| default | yes | 40 | 1 | 2 |\n"), "{text}");
        assert!(!text.contains("nothing is proven"), "{text}");
    }

    #[test]
    fn says_what_is_not_proven_where_branches_are_not_tracked() {
        let text = page("", &[boot(true), boot(false)]);
        assert!(text.contains("nothing is proven about ENDBR"), "{text}");
    }
}
