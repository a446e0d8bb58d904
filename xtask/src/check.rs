//! `check`: what needs no kernel.

use std::process::ExitCode;

use anyhow::Result;

use crate::cache::Cache;
use crate::report::Report;
use crate::{bindings, build_area, formula, hookability, hookcheck, places, series};

/// A check that needs no kernel and belongs to no crate alone, with the name of its line.
type Fresh = (&'static str, fn(&Cache, &mut Report) -> Result<()>);

/// Those there are.
const FRESH: &[Fresh] = &[
    (bindings::NAME, bindings::check),
    (series::NAME, series::check),
    (hookcheck::NAME, hookcheck::check),
    (hookability::NAME, hookability::check),
    (formula::NAME, formula::check),
    (places::NAME, places::check),
];

/// Runs the area `build`, all of [`FRESH`] included.
///
/// # Errors
///
/// Cargo cannot be run.
pub(crate) fn run() -> Result<ExitCode> {
    let mut report = Report::default();
    area(&Cache::find()?, None, &mut report)?;
    Ok(report.close())
}

/// Runs the checks of the area `build` whose name has `only` in it.
///
/// # Errors
///
/// Cargo cannot be run.
pub(crate) fn area(cache: &Cache, only: Option<&str>, report: &mut Report) -> Result<()> {
    report.begin("build");
    build_area::run(cache, only, report)?;
    let is_wanted = |name: &str| only.is_none_or(|part| name.contains(part));
    let mut checks = FRESH.iter().filter(|(name, _)| is_wanted(name));
    checks.try_for_each(|(_, check)| check(cache, report))?;
    report.end();
    Ok(())
}
