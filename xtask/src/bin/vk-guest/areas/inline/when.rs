//! Going in and out while others execute the functions.

use std::fs;
use std::time::Duration;

use super::jump::{Entry, Jump};
use crate::areas::lifecycle::loads_and_unloads;
use crate::churn::Churn;
use crate::loaded::Loaded;
use crate::policy::{set, target, MODE};
use crate::problem::{expect, expect_eq, Outcome};
use crate::row::rows;
use crate::scout::Scout;

/// How long taking the module out may take.
const UNLOAD_LIMIT: Duration = Duration::from_secs(30);

pub(super) fn cycles_of_arm_and_disarm_under_load() -> Outcome {
    const CYCLES: usize = 8;
    let _loaded = Loaded::with(&[])?;
    let host = fs::read_to_string(MODE)?.trim().to_owned();
    let mut scout = Scout::send_into_new_namespace()?;
    set(
        &target(scout.namespace()?),
        &[("vm.overcommit_memory", "1")],
    )?;
    let churn = Churn::start(2)?;
    for cycle in 0..CYCLES {
        let jumps = Jump::all()?.len();
        expect(jumps >= 6, format!("{jumps} in cycle {cycle}"), "6 jumps")?;
        expect_eq("the value while armed", scout.read(MODE)?.as_str(), "1")?;
        rows("disarm", "", &[])?;
        for site in Entry::all()? {
            let what = format!("{} in cycle {cycle}", site.symbol);
            let is_out = ["planned", "absent"].contains(&site.state.as_str());
            expect(is_out, format!("{what}: {}", site.state), "planned")?;
        }
        expect_eq("the value while disarmed", scout.read(MODE)?, host.clone())?;
        rows("arm", "", &[])?;
    }
    churn.stop()?;
    Ok(())
}

pub(super) fn two_loads_and_unloads_under_load() -> Outcome {
    loads_and_unloads(2, UNLOAD_LIMIT)
}
