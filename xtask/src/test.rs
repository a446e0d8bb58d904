//! `test`: everything that must hold, area by area.

use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, bail, Result};
use xtask::request::Request;

use crate::guest::Guest;
use crate::kernel::Variant;
use crate::lab::Lab;
use crate::payload::Payload;
use crate::report::Report;
use crate::{check, hookability, ibt, insn, kunit, leaves, stranger, torture};

/// How long the guest may take for all its areas.
const GUEST_LIMIT: Duration = Duration::from_secs(3600);

/// The areas in which the module comes and goes; they take as long as all the others together.
///
/// They have a guest of their own beside that of the others.
const COMING_AND_GOING: &[&str] = &["lifecycle", "hook", "inline", "coexist", "stranger"];

/// Where an area's checks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// On the host, without a kernel.
    Host,
    /// On the host, with the kernel's source.
    Source,
    /// In the test kernel, by KUnit.
    Kunit,
    /// In the debug kernel, where it is already built.
    Debug,
    /// In the guest, under the stock kernel, without the module.
    Guest,
    /// In the guest, under the stock kernel, with the module at hand.
    Module,
    /// The same, with modules of other people.
    Stranger,
}

/// The areas, in the order in which they run.
const AREAS: &[(&str, Place)] = &[
    ("build", Place::Host),
    ("insn", Place::Source),
    ("kunit", Place::Kunit),
    ("lab", Place::Guest),
    ("hookability", Place::Guest),
    ("fit", Place::Module),
    ("host", Place::Module),
    ("thp", Place::Module),
    ("knobs", Place::Module),
    ("overcommit", Place::Module),
    ("sysctl", Place::Module),
    ("limits", Place::Module),
    ("view", Place::Module),
    ("userland", Place::Module),
    ("control", Place::Module),
    ("lifecycle", Place::Module),
    ("hook", Place::Module),
    ("inline", Place::Module),
    ("coexist", Place::Module),
    ("registry", Place::Module),
    ("stranger", Place::Stranger),
    ("torture", Place::Debug),
];

/// What `test` was asked for.
pub(crate) struct Wanted<'a> {
    /// Only these areas; all, if empty.
    pub(crate) areas: &'a [String],
    /// Only checks whose name has this in it.
    pub(crate) only: Option<&'a str>,
    /// Boot this kernel of the lab's own instead of the stock kernel.
    pub(crate) kernel: Option<Variant>,
    /// Load the module with its hooks by the inline back end.
    pub(crate) is_inline: bool,
}

/// Runs the wanted areas and prints their lines and the sum.
///
/// # Errors
///
/// An area is not known, or the lab cannot be made.
pub(crate) fn run(wanted: &Wanted<'_>) -> Result<ExitCode> {
    let areas = wanted_areas(wanted.areas)?;
    let mut report = Report::default();
    // Some checks of the area `build` look at the kernel and its source too, where they are.
    let lab = Lab::prepare()?;
    lab.kdir()?;
    let (host, booted): (Vec<_>, Vec<_>) =
        areas.iter().partition(|(_, place)| *place == Place::Host);
    if !host.is_empty() {
        check::area(&lab.cache, wanted.only, &mut report)?;
    }
    if !booted.is_empty() {
        run_booted(&lab, &booted, wanted, &mut report)?;
    }
    Ok(report.close())
}

fn wanted_areas(wanted: &[String]) -> Result<Vec<(&'static str, Place)>> {
    let is_known = |name: &&String| AREAS.iter().any(|(known, _)| known == name);
    if let Some(unknown) = wanted.iter().find(|name| !is_known(name)) {
        let known: Vec<_> = AREAS.iter().map(|(name, _)| *name).collect();
        bail!("no area {unknown:?}; areas: {}", known.join(" "));
    }
    let mut areas = AREAS.to_vec();
    areas.retain(|(name, _)| wanted.is_empty() || wanted.iter().any(|it| it == name));
    Ok(areas)
}

fn run_booted(
    lab: &Lab,
    areas: &[(&str, Place)],
    wanted: &Wanted<'_>,
    report: &mut Report,
) -> Result<()> {
    let in_place = |place: Place| {
        let areas = areas.iter().filter(move |(_, its)| *its == place);
        areas
            .map(|(name, _)| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    if !in_place(Place::Source).is_empty() {
        insn::area(lab, wanted.only, report)?;
    }
    if !in_place(Place::Kunit).is_empty() {
        kunit::run(lab, wanted.kernel.unwrap_or(Variant::Test), report)?;
    }
    let mut guest = in_place(Place::Guest);
    let mut with_module = in_place(Place::Module);
    let mut payload = lab.payload()?;
    if guest.iter().any(|area| area == "hookability") {
        hookability::add(lab, wanted.kernel, &mut payload)?;
    }
    // They live as long as the payload is packed from them.
    let mut strangers = None;
    for area in in_place(Place::Stranger) {
        match stranger::build(lab, report) {
            Ok(built) => {
                built
                    .objects()
                    .for_each(|(name, path)| payload.add(name, path));
                strangers = Some(built);
                with_module.push(area);
            }
            Err(error) => {
                let why = format!("{error:#}, expected the modules to build");
                report.failed(format!("{area}/modules"), why);
            }
        }
    }
    if !with_module.is_empty() {
        match lab.add_module(&mut payload, wanted.kernel) {
            Ok(()) => {
                let is_wanted = wanted.only.is_none_or(|part| leaves::NAME.contains(part));
                let fits = with_module.iter().any(|area| area == "fit");
                if is_wanted && fits {
                    leaves::check(report);
                }
                if fits && wanted.only.is_none_or(|part| ibt::NAME.contains(part)) {
                    ibt::check(report);
                }
                guest.extend(with_module);
            }
            Err(error) => with_module.iter().for_each(|area| {
                let why = format!("{error:#}, expected the module to build");
                report.failed(format!("{area}/module"), why);
            }),
        }
    }
    if !guest.is_empty() {
        run_guests(lab, &payload, guest, wanted, report)?;
    }
    drop(strangers);
    if !in_place(Place::Debug).is_empty() {
        torture::short(lab, report)?;
    }
    Ok(())
}

/// Runs the areas in two guests side by side: many checks wait for most of their time.
fn run_guests(
    lab: &Lab,
    payload: &Payload,
    areas: Vec<String>,
    wanted: &Wanted<'_>,
    report: &mut Report,
) -> Result<()> {
    let guest = lab.guest(wanted.kernel)?;
    let comes_and_goes = |area: &String| COMING_AND_GOING.contains(&area.as_str());
    let (second, first): (Vec<_>, Vec<_>) = areas.into_iter().partition(comes_and_goes);
    let shares = [("console.log", first), ("console-2.log", second)];
    let reports = thread::scope(|scope| {
        let running: Vec<_> = shares
            .into_iter()
            .filter(|(_, areas)| !areas.is_empty())
            .map(|(console, areas)| {
                let console = lab.cache.logs().join(console);
                let guest = &guest;
                scope.spawn(move || run_guest(guest, payload, areas, wanted, &console))
            })
            .collect();
        let joined = running.into_iter().map(|guest| {
            let panicked = |_| Err(anyhow!("the thread of a guest panicked"));
            guest.join().unwrap_or_else(panicked)
        });
        joined.collect::<Vec<_>>()
    });
    for of_one in reports {
        report.add(of_one?);
    }
    Ok(())
}

fn run_guest(
    guest: &Guest,
    payload: &Payload,
    areas: Vec<String>,
    wanted: &Wanted<'_>,
    console: &Path,
) -> Result<Report> {
    let mut report = Report::default();
    let request = Request::Test {
        areas: areas.clone(),
        only: wanted.only.map(str::to_owned),
        is_inline: wanted.is_inline,
    };
    guest.run(payload, &request, console, GUEST_LIMIT, &mut report)?;
    for area in areas {
        if !report.has_begun(&area) {
            let why = "the guest ended before this area, expected it to run";
            report.failed(format!("{area}/begin"), why);
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_all_areas_or_those_that_are_named() -> Result<()> {
        assert_eq!(wanted_areas(&[])?.len(), AREAS.len());
        let named = ["kunit".to_owned()];
        assert_eq!(wanted_areas(&named)?, [("kunit", Place::Kunit)]);
        Ok(())
    }

    #[test]
    fn shares_areas_that_there_are() -> Result<()> {
        let named: Vec<_> = COMING_AND_GOING.iter().map(ToString::to_string).collect();
        assert_eq!(wanted_areas(&named)?.len(), named.len());
        Ok(())
    }

    #[test]
    fn names_the_areas_to_somebody_who_misspells_one() {
        let error = wanted_areas(&["hots".to_owned()]).expect_err("no such area");
        assert!(error.to_string().contains("host"), "{error}");
    }
}
