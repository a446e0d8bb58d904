//! The bytes of the hooked functions.

use std::collections::BTreeSet;

use super::site::Site;
use crate::churn::Churn;
use crate::kernel_text::module_symbols;
use crate::loaded::Loaded;
use crate::module;
use crate::policy::{set, target, unset, MODE};
use crate::problem::{expect, expect_eq, Outcome};
use crate::row::rows;
use crate::scout::Scout;

/// Returns the words that arm every feature.
fn everything(sites: &[Site]) -> Vec<(&str, &str)> {
    let features: BTreeSet<_> = sites.iter().map(|site| site.feature.as_str()).collect();
    features.into_iter().map(|name| ("feature", name)).collect()
}

pub(super) fn armed_sites_jump_to_stubs_and_are_restored_byte_for_byte() -> Outcome {
    let loaded = Loaded::with(&["armed=0"])?;
    let untouched = Site::all()?;
    expect(untouched.len() >= 40, untouched.len(), "40 hooks or more")?;
    for site in &untouched {
        expect_eq(&site.symbol, site.state.as_str(), "planned")?;
        site.is_shown_as_it_is()?;
        let seen = format!("{}: {:02x?}", site.symbol, site.bytes);
        expect(site.nop().is_some(), seen, "ftrace's nop")?;
    }
    loaded.unload()?;
    are_as(&untouched, "after rmmod, never armed")?;

    let loaded = Loaded::with(&[])?;
    rows("arm", "", &everything(&untouched))?;
    let armed = Site::all()?;
    for (before, now) in untouched.iter().zip(&armed) {
        expect_eq(&now.symbol, now.state.as_str(), "armed")?;
        now.is_shown_as_it_is()?;
        only_the_nop_differs(before, now)?;
    }
    jump_to_stubs_of_their_own(&armed)?;
    loaded.unload()?;
    are_as(&untouched, "after rmmod, everything armed")
}

fn are_as(untouched: &[Site], when: &str) -> Outcome {
    for site in untouched {
        let now = site.bytes_now()?;
        let seen = format!("{} {when}: {now:02x?}", site.symbol);
        expect(now == site.bytes, seen, format!("{:02x?}", site.bytes))?;
    }
    Ok(())
}

fn only_the_nop_differs(before: &Site, now: &Site) -> Outcome {
    let nop = before.nop().unwrap_or(0);
    let bytes = |site: &Site| [&site.bytes[..nop], &site.bytes[nop + 5..]].concat();
    let what = format!("the bytes of {} apart from the nop", now.symbol);
    expect_eq(&what, bytes(now), bytes(before))?;
    let seen = format!("{}: {:02x?}", now.symbol, now.bytes);
    expect(now.jump(nop).is_some(), seen, "e9 where the nop was")
}

fn jump_to_stubs_of_their_own(armed: &[Site]) -> Outcome {
    let stubs = module_symbols(module::NAME, "vk_stub_")?;
    let mut taken = BTreeSet::new();
    for site in armed {
        let place = [0, 4].into_iter().find_map(|at| site.jump(at));
        let seen = format!("{}: {:02x?}", site.symbol, site.bytes);
        let Some(place) = place else {
            return expect(false, seen, "a jump");
        };
        let stub = stubs.iter().find(|(address, _)| *address == place);
        let Some((_, stub)) = stub else {
            return expect(false, format!("{} to {place:#x}", site.symbol), "a stub");
        };
        expect(taken.insert(stub), format!("{stub} twice"), "each once")?;
    }
    Ok(())
}

/// Every fourth time with a policy, so that more than the lifecycle hooks go in and out.
pub(super) fn cycles_of_arm_and_disarm_under_load() -> Outcome {
    const CYCLES: usize = 8;
    const WITH_POLICY: usize = 4;
    let _loaded = Loaded::with(&[])?;
    let host = std::fs::read_to_string(MODE)?.trim().to_owned();
    let mut scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    let churn = Churn::start(1)?;
    for cycle in 0..CYCLES {
        let has_policy = cycle % WITH_POLICY == 0;
        match has_policy {
            true => set(&ns, &[("vm.overcommit_memory", "1")])?,
            false => unset(&ns)?,
        }
        rows("disarm", "", &[])?;
        expect_eq("the value while disarmed", scout.read(MODE)?, host.clone())?;
        for site in Site::all()? {
            let what = format!("{} in cycle {cycle}", site.symbol);
            expect_eq(&what, site.state.as_str(), "planned")?;
            expect(
                site.nop().is_some(),
                format!("{what}: {:02x?}", site.bytes),
                "a nop",
            )?;
        }
        rows("arm", "", &[])?;
        for site in Site::all()? {
            let what = format!("{} in cycle {cycle}", site.symbol);
            let is_needed = match site.feature.as_str() {
                "lifecycle" => true,
                "overcommit" | "sysctl" => has_policy,
                _ => false,
            };
            expect_eq(&what, site.state == "armed", is_needed)?;
            expect_eq(&what, site.nop().is_none(), is_needed)?;
        }
        let expected = if has_policy { "1" } else { host.as_str() };
        expect_eq(
            "the value while armed",
            scout.read(MODE)?.as_str(),
            expected,
        )?;
    }
    churn.stop()?;
    Ok(())
}
