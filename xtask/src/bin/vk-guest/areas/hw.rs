//! What only a processor shows, not its translation: `cargo xtask verify-hw`.

use std::fs;

use crate::area::{checks, Area, Module};
use crate::churn::Churn;
use crate::loaded::Loaded;
use crate::policy::{set, target, MODE};
use crate::problem::{expect_eq, skip, Outcome};
use crate::row::rows;
use crate::scout::Scout;

/// The area.
pub(crate) const AREA: Area = Area {
    name: "hw",
    module: Module::Out,
    checks: checks![
        indirect_branches_are_tracked,
        two_hundred_cycles_by_ftrace_under_load,
        two_hundred_cycles_inline_under_load,
    ],
};

/// How often hooks go in and out.
const CYCLES: usize = 200;

/// What the other checks and areas do is then tracked too, and #CP is an alarm in the log.
fn indirect_branches_are_tracked() -> Outcome {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let mut lines = info.lines().filter(|line| line.starts_with("flags"));
    match lines.all(|line| line.split_whitespace().any(|flag| flag == "ibt")) {
        true => Ok(()),
        false => skip("this kernel sees no IBT in its processors"),
    }
}

fn two_hundred_cycles_by_ftrace_under_load() -> Outcome {
    cycles("backend=ftrace")
}

fn two_hundred_cycles_inline_under_load() -> Outcome {
    cycles("backend=inline")
}

fn cycles(backend: &str) -> Outcome {
    let _loaded = Loaded::with(&[backend])?;
    let host = fs::read_to_string(MODE)?.trim().to_owned();
    let mut scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    set(&ns, &[("vm.overcommit_memory", "1")])?;
    let churn = Churn::start(4)?;
    for _ in 0..CYCLES {
        rows("disarm", "", &[])?;
        expect_eq("the value while disarmed", scout.read(MODE)?, host.clone())?;
        rows("arm", "", &[])?;
        expect_eq("the value while armed", scout.read(MODE)?.as_str(), "1")?;
    }
    churn.stop()?;
    Ok(())
}
