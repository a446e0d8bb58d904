//! When hooks are in.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use super::site::{of_feature, Site};
use crate::container::wait_until;
use crate::dmesg::KernelLog;
use crate::door::{errno_name, number, Door};
use crate::loaded::Loaded;
use crate::module;
use crate::policy::{is_armed, set, target, unset, MODE};
use crate::problem::{expect, expect_contains, expect_eq, Outcome};
use crate::row::rows;
use crate::scout::Scout;

/// How long hooks stay when nobody needs them, in these checks.
const LINGER: Duration = Duration::from_secs(2);

/// How much later they may be gone: taking out waits for every task, and this machine is slow.
const LATE: Duration = Duration::from_secs(10);

/// The switch of ftrace.
const SWITCH: &str = "/proc/sys/kernel/ftrace_enabled";

/// The features that a policy needs.
const FEATURES: &[&str] = &["sysctl", "overcommit", "thp"];

pub(super) fn without_a_policy_only_the_lifecycle_hooks_are_in() -> Outcome {
    let _loaded = Loaded::with(&[])?;
    for site in Site::all()? {
        let expected = match site.feature.as_str() {
            "lifecycle" => "armed",
            _ => "planned",
        };
        expect_eq(&site.symbol, site.state.as_str(), expected)?;
    }
    for feature in FEATURES {
        expect_eq(feature, is_armed(feature)?, false)?;
    }
    expect_eq("lifecycle", is_armed("lifecycle")?, true)
}

pub(super) fn a_feature_is_in_while_it_is_needed_and_linger_s_longer() -> Outcome {
    let _loaded = Loaded::with(&["linger_s=2"])?;
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    set(&ns, &[("thp_enabled", "never")])?;
    expect_eq("thp", is_armed("thp")?, true)?;
    expect_eq("overcommit", is_armed("overcommit")?, false)?;
    set(&ns, &[("vm.overcommit_memory", "1")])?;
    let armed = FEATURES.iter().map(|it| is_armed(it));
    let armed = armed.collect::<Result<Vec<_>, _>>()?;
    expect_eq("what is in", armed, vec![true; 3])?;
    // Long enough for a plan made too early to be carried out.
    thread::sleep(LINGER + Duration::from_secs(1));
    expect_eq("thp while it is needed", is_armed("thp")?, true)?;

    set(&ns, &[("thp_enabled", "inherit")])?;
    let start = Instant::now();
    expect_eq("thp at once", is_armed("thp")?, true)?;
    is_out_after_linger("thp", start)?;
    expect_eq("overcommit, still needed", is_armed("overcommit")?, true)?;
    unset(&ns)?;
    let start = Instant::now();
    is_out_after_linger("overcommit", start)?;
    is_out_after_linger("sysctl", start)?;
    let sites = Site::all()?;
    for site in of_feature(&sites, "overcommit") {
        expect_eq(&site.symbol, site.state.as_str(), "planned")?;
        expect(
            site.nop().is_some(),
            format!("{:02x?}", site.bytes),
            "a nop",
        )?;
    }
    expect_eq("lifecycle", is_armed("lifecycle")?, true)
}

fn is_out_after_linger(feature: &str, start: Instant) -> Outcome {
    let is_out = || is_armed(feature).is_ok_and(|armed| !armed);
    let out = wait_until(LINGER + LATE, is_out);
    expect(out, format!("{feature} is still in"), "out")?;
    let after = start.elapsed();
    expect(
        after + Duration::from_millis(500) > LINGER,
        format!("{feature} is out after {} ms", after.as_millis()),
        "2 s",
    )
}

pub(super) fn a_feature_goes_out_after_the_last_container_died() -> Outcome {
    let _loaded = Loaded::with(&["linger_s=2"])?;
    let scout = Scout::send_into_new_namespace()?;
    set(
        &target(scout.namespace()?),
        &[("vm.overcommit_memory", "1")],
    )?;
    expect_eq("overcommit", is_armed("overcommit")?, true)?;
    let start = Instant::now();
    scout.recall()?;
    is_out_after_linger("overcommit", start)?;
    is_out_after_linger("sysctl", start)
}

pub(super) fn a_value_equal_to_the_hosts_needs_the_hooks_too() -> Outcome {
    let _loaded = Loaded::with(&[])?;
    let host = fs::read_to_string(MODE)?.trim().to_owned();
    let mut scout = Scout::send_into_new_namespace()?;
    set(
        &target(scout.namespace()?),
        &[("vm.overcommit_memory", &host)],
    )?;
    expect_eq("overcommit", is_armed("overcommit")?, true)?;
    let other = if host == "1" { "0" } else { "1" };
    fs::write(MODE, other)?;
    let inside = scout.read(MODE);
    fs::write(MODE, &host)?;
    expect_eq("the value after the host changed its own", inside?, host)
}

/// Whoever is born has it, so the hooks have to be in before.
pub(super) fn a_default_needs_the_hooks_too() -> Outcome {
    let loaded = Loaded::with(&["linger_s=1"])?;
    set("default", &[("vm.overcommit_memory", "1")])?;
    // Longer than hooks linger, and a plan to take out what nobody needs.
    Scout::send_into_new_namespace()?.recall()?;
    thread::sleep(Duration::from_secs(3));
    expect_eq("overcommit", is_armed("overcommit")?, true)?;
    let mut born = Scout::send_into_new_namespace()?;
    expect_eq("the value inside", born.read(MODE)?.as_str(), "1")?;
    born.recall()?;
    unset("default")?;
    let start = Instant::now();
    let out = wait_until(LINGER + LATE, || is_armed("overcommit").is_ok_and(|it| !it));
    let seen = format!("still in after {} ms", start.elapsed().as_millis());
    expect(out, seen, "out once there is no default")?;
    Ok(loaded.unload()?)
}

pub(super) fn ftrace_enabled_0_is_refused_while_armed() -> Outcome {
    let _loaded = Loaded::with(&[])?;
    let mut scout = Scout::send_into_new_namespace()?;
    set(
        &target(scout.namespace()?),
        &[("vm.overcommit_memory", "1")],
    )?;
    let refused = fs::write(SWITCH, "0").map_err(|error| errno_name(number(error)));
    expect_eq("the write", refused, Err("EBUSY".to_owned()))?;
    expect_eq("the switch", fs::read_to_string(SWITCH)?.trim(), "1")?;
    expect_eq("the value inside", scout.read(MODE)?.as_str(), "1")?;
    rows("disarm", "", &[])?;
    fs::write(SWITCH, "0")?;
    fs::write(SWITCH, "1")?;
    Ok(())
}

/// The switch at 0; letting it go sets it to 1.
struct FtraceOff;

impl FtraceOff {
    fn set() -> anyhow::Result<Self> {
        fs::write(SWITCH, "0")?;
        Ok(Self)
    }
}

impl Drop for FtraceOff {
    fn drop(&mut self) {
        if let Err(error) = fs::write(SWITCH, "1") {
            eprintln!("vk-guest: {SWITCH}: {error}");
        }
    }
}

pub(super) fn arming_and_loading_are_refused_while_ftrace_enabled_is_0() -> Outcome {
    let loaded = Loaded::with(&["armed=0"])?;
    let untouched = Site::all()?;
    let off = FtraceOff::set()?;
    let reply = Door::open()?.ask(b"vkernel 1 arm\n")?;
    expect_eq("the answer to arm", reply.written, Err(libc::EBUSY))?;
    expect_contains("the sentence", reply.head(), "kernel.ftrace_enabled")?;
    for (before, now) in untouched.iter().zip(Site::all()?) {
        expect_eq(&now.symbol, now.state.as_str(), "planned")?;
        expect_eq(&now.symbol, &now.bytes, &before.bytes)?;
    }
    loaded.unload()?;

    let log = KernelLog::from_now()?;
    let refused = module::load(&[]);
    expect(refused.is_err(), "the module was loaded", "a refusal")?;
    expect(!module::is_loaded(), "the module is there", "not loaded")?;
    let log = log.lines()?.join("\n");
    expect_contains("the log", &log, "kernel.ftrace_enabled")?;
    for site in &untouched {
        expect_eq(&site.symbol, site.bytes_now()?, site.bytes.clone())?;
    }
    drop(off);
    let _loaded = Loaded::with(&[])?;
    expect_eq("lifecycle at last", is_armed("lifecycle")?, true)
}
