//! The test mode: runs the checks of some areas, one after the other.

use std::panic::{catch_unwind, AssertUnwindSafe};

use xtask::protocol::Line;

use crate::area::{Area, Check, Module};
use crate::areas::ALL;
use crate::dmesg::KernelLog;
use crate::port::send;
use crate::problem::{expect, fail, Outcome, Problem};
use crate::{container, module, watchdog};

/// Runs the checks of `areas` whose name has `only` in it.
pub(crate) fn run(areas: &[String], only: Option<&str>) {
    for name in areas {
        match ALL.iter().find(|area| area.name == name) {
            Some(area) => run_area(area, only),
            None => send(&Line::Failed {
                name: format!("{name}/known"),
                why: "the guest has no such area".to_owned(),
            }),
        }
    }
}

/// Runs the checks of `area` whose name has `only` in it.
pub(crate) fn run_area(area: &Area, only: Option<&str>) {
    let log = KernelLog::from_now();
    send(&Line::Begin {
        area: area.name.to_owned(),
    });
    for check in area.checks {
        let name = full_name(area, check);
        if only.is_none_or(|part| name.contains(part)) {
            run_check(&name, area, check);
        }
    }
    let name = format!("{}/kernel-log-is-clean", area.name);
    send(&line(name, log.and_then(log_is_clean)));
    send(&Line::End {
        area: area.name.to_owned(),
    });
}

/// Loads the module or takes it out, as the area expects it.
fn puts_module(wanted: Module) -> Outcome {
    if module::use_inline(wanted == Module::Inline) {
        module::remove();
    }
    match (wanted, module::is_loaded()) {
        (Module::Loaded | Module::Inline, false) => module::load(&[])?,
        (Module::Out, true) => module::unload()?,
        (Module::Loaded | Module::Inline, true) | (Module::Out, false) => {}
    }
    Ok(())
}

/// Runs the check `area/name`, with the module as its area expects it.
pub(crate) fn run_by_name(name: &str) {
    match find(name) {
        Some((area, check)) => run_check(name, area, check),
        None => {
            run_named(name, || fail("no area has this check", "one that has"));
        }
    }
}

/// Returns the check `area/name` and its area.
pub(crate) fn find(name: &str) -> Option<(&'static Area, &'static Check)> {
    let checks = |area: &'static Area| area.checks.iter().map(move |check| (area, check));
    let mut all = ALL.iter().flat_map(|area| checks(area));
    all.find(|(area, check)| full_name(area, check) == name)
}

fn full_name(area: &Area, check: &Check) -> String {
    format!("{}/{}", area.name, check.name.replace('_', "-"))
}

fn run_check(name: &str, area: &Area, check: &Check) {
    let passed = run_named(name, || {
        puts_module(area.module)?;
        (check.run)()
    });
    container::remove_left_over();
    if !passed {
        // In whatever state it is: the next check shall not fail for that.
        module::remove();
    }
}

/// Runs `check` and sends its line; tells whether it passed.
pub(crate) fn run_named(name: &str, check: impl FnOnce() -> Outcome) -> bool {
    watchdog::watches(name);
    let outcome = catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|panic| {
        Err(Problem::Failed {
            seen: format!("a panic of the check: {}", message(&*panic)),
            expected: "none".to_owned(),
        })
    });
    watchdog::rests();
    let passed = outcome.is_ok();
    send(&line(name.to_owned(), outcome));
    passed
}

/// Expects no alarm in `log`.
pub(crate) fn log_is_clean(log: KernelLog) -> Outcome {
    let alarms = log.alarms()?;
    expect(alarms.is_empty(), alarms.join(" | "), "no alarm")
}

/// Makes a check's line of its end.
pub(crate) fn line(name: String, outcome: Outcome) -> Line {
    match outcome {
        Ok(()) => Line::Ok { name },
        Err(Problem::Failed { seen, expected }) => Line::Failed {
            name,
            why: format!("{seen}, expected {expected}"),
        },
        Err(Problem::Skipped(why)) => Line::Skipped { name, why },
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without words".to_owned())
}
