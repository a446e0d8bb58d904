//! `test`: everything that must hold, area by area.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{bail, Result};
use xtask::request::Request;

use crate::guest::Guest;
use crate::kernel::Variant;
use crate::lab::Lab;
use crate::payload::Payload;
use crate::report::Report;
use crate::sum::Sum;
use crate::{check, hookability, ibt, insn, kunit, leaves, stranger, torture};

/// How long the guest may take for all its areas.
const GUEST_LIMIT: Duration = Duration::from_secs(3600);

/// How many guests run side by side: each waits for about half of its time, and two processors are the
/// least.
const SIDE_BY_SIDE: usize = 3;

/// The areas of each guest, in the order in which they begin: long ones first, and short ones at the
/// end, so that all processors have something to do to the end.
const GUESTS: &[&[&str]] = &[
    &["lifecycle", "hook"],
    &["overcommit", "sysctl", "limits", "control"],
    &["inline"],
    &["coexist", "registry"],
    &["lab", "hookability", "fit", "host"],
    &["knobs", "view"],
    &["userland"],
    &["thp", "neutral"],
    &["stranger"],
];

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
    ("neutral", Place::Module),
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
    let has = |places: &[Place]| areas.iter().any(|(_, its)| places.contains(its));
    if has(&[Place::Source]) {
        insn::area(lab, wanted.only, report)?;
    }
    let mut payload = lab.payload()?;
    let mut areas = areas.to_vec();
    if areas.iter().any(|(area, _)| *area == "hookability") {
        hookability::add(lab, wanted.kernel, &mut payload)?;
    }
    if has(&[Place::Module, Place::Stranger])
        && !adds_module(lab, &areas, wanted, &mut payload, report)?
    {
        areas.retain(|(_, place)| ![Place::Module, Place::Stranger].contains(place));
    }
    let guest = match has(&[Place::Guest, Place::Module, Place::Stranger]) {
        true => Some(lab.guest(wanted.kernel)?),
        false => None,
    };
    let variant = wanted.kernel.unwrap_or(Variant::Test);
    let sum = Sum::default();
    let workers = rayon::ThreadPoolBuilder::new().num_threads(SIDE_BY_SIDE);
    workers.build()?.in_place_scope_fifo(|scope| {
        let runs = |areas: Vec<String>, payload: Payload| {
            let (Some(guest), false) = (&guest, areas.is_empty()) else {
                return;
            };
            let sum = &sum;
            scope.spawn_fifo(move |_| {
                sum.take(|report| run_guest(guest, &payload, areas, lab, wanted, report));
            });
        };
        let of_guest = |group: &[&str], place: fn(Place) -> bool| -> Vec<String> {
            let its = areas
                .iter()
                .filter(|(area, its)| group.contains(area) && place(*its));
            its.map(|(area, _)| (*area).to_owned()).collect()
        };
        if areas.iter().any(|(_, place)| *place == Place::Debug) {
            scope.spawn_fifo(|_| sum.take(|report| torture::short(lab, report)));
        }
        for group in GUESTS {
            let is_ready = |place| place == Place::Guest || place == Place::Module;
            runs(of_guest(group, is_ready), payload.clone());
        }
        if areas.iter().any(|(_, place)| *place == Place::Kunit) {
            scope.spawn_fifo(|_| sum.take(|report| kunit::run(lab, variant, report)));
        }
        // Meanwhile, what takes the longest to build.
        if areas.iter().any(|(_, place)| *place == Place::Stranger) {
            sum.take(|report| {
                let mut payload = payload.clone();
                if adds_strangers(lab, &mut payload, report)? {
                    let is_theirs = |place| place == Place::Stranger;
                    GUESTS
                        .iter()
                        .for_each(|group| runs(of_guest(group, is_theirs), payload.clone()));
                }
                Ok(())
            });
        }
    });
    sum.into_report(report)
}

/// Adds the module, and checks its objects; or reports that it does not build.
fn adds_module(
    lab: &Lab,
    areas: &[(&str, Place)],
    wanted: &Wanted<'_>,
    payload: &mut Payload,
    report: &mut Report,
) -> Result<bool> {
    let with_module = || {
        let its = areas.iter();
        its.filter(|(_, place)| [Place::Module, Place::Stranger].contains(place))
    };
    if let Err(error) = lab.add_module(payload, wanted.kernel) {
        for (area, _) in with_module() {
            let why = format!("{error:#}, expected the module to build");
            report.failed(format!("{area}/module"), why);
        }
        return Ok(false);
    }
    let fits = with_module().any(|(area, _)| *area == "fit");
    let is_wanted = |name: &str| fits && wanted.only.is_none_or(|part| name.contains(part));
    if is_wanted(leaves::NAME) {
        leaves::check(report);
    }
    if is_wanted(ibt::NAME) {
        ibt::check(report);
    }
    Ok(true)
}

/// Adds other people's modules, or reports that they do not build.
fn adds_strangers(lab: &Lab, payload: &mut Payload, report: &mut Report) -> Result<bool> {
    match stranger::build(lab, report) {
        Ok(built) => {
            for (name, path) in built.objects() {
                payload.add(&name, path)?;
            }
            Ok(true)
        }
        Err(error) => {
            let why = format!("{error:#}, expected the modules to build");
            report.failed("stranger/modules", why);
            Ok(false)
        }
    }
}

fn run_guest(
    guest: &Guest,
    payload: &Payload,
    areas: Vec<String>,
    lab: &Lab,
    wanted: &Wanted<'_>,
    report: &mut Report,
) -> Result<()> {
    let first = areas.first().map_or("guest", String::as_str);
    let console = lab.cache.logs().join(format!("console-{first}.log"));
    let request = Request::Test {
        areas: areas.clone(),
        only: wanted.only.map(str::to_owned),
        is_inline: wanted.is_inline,
    };
    guest.run(payload, &request, &console, GUEST_LIMIT, report)?;
    for area in areas {
        if !report.has_begun(&area) {
            let why = "the guest ended before this area, expected it to run";
            report.failed(format!("{area}/begin"), why);
        }
    }
    Ok(())
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
    fn each_area_of_a_guest_is_in_one() {
        let is_booted = |place| [Place::Guest, Place::Module, Place::Stranger].contains(&place);
        for (area, place) in AREAS {
            let its = GUESTS.iter().filter(|group| group.contains(area)).count();
            assert_eq!(its, usize::from(is_booted(*place)), "{area}");
        }
    }

    #[test]
    fn names_the_areas_to_somebody_who_misspells_one() {
        let error = wanted_areas(&["hots".to_owned()]).expect_err("no such area");
        assert!(error.to_string().contains("host"), "{error}");
    }
}
