//! When a hook cannot go in, or not come out.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

use super::jump::{Jump, FEATURES};
use crate::areas::hook::site::Site;
use crate::door::{Door, Reply};
use crate::loaded::Loaded;
use crate::policy::{set, target, MODE};
use crate::problem::{expect, expect_contains, expect_eq, skip, Outcome};
use crate::program;
use crate::row::{row, rows};
use crate::scout::Scout;

const KPROBES: &str = "/sys/kernel/tracing/kprobe_events";
const HOOK: &str = "__vm_enough_memory";

/// A kprobe at an address, off or on, until it is let go.
struct Kprobe;

impl Kprobe {
    fn put(at: u64, is_on: bool) -> Result<Self> {
        let mut file = OpenOptions::new().append(true).open(KPROBES)?;
        let text = format!("p:vk/on_jump {at:#x}\n");
        let written = file.write_all(text.as_bytes());
        written.with_context(|| format!("cannot add {text:?}"))?;
        let this = Self;
        if is_on {
            fs::write("/sys/kernel/tracing/events/vk/enable", "1")?;
        }
        Ok(this)
    }
}

impl Drop for Kprobe {
    fn drop(&mut self) {
        let off = fs::write("/sys/kernel/tracing/events/vk/enable", "0");
        if let Err(error) = off.and(fs::write(KPROBES, "-:vk/on_jump\n")) {
            eprintln!("vk-guest: {error:#}");
        }
    }
}

fn ask(request: &str) -> Result<Reply> {
    Ok(Door::open()?.ask(request.as_bytes())?)
}

/// A container whose value is enforced by jumps.
fn governed() -> Result<Scout> {
    let scout = Scout::send_into_new_namespace()?;
    set(
        &target(scout.namespace()?),
        &[("vm.overcommit_memory", "1")],
    )?;
    Ok(scout)
}

pub(super) fn a_kprobe_on_the_jump_keeps_it_in() -> Outcome {
    let _loaded = Loaded::with(&[])?;
    let mut scout = governed()?;
    let jumps = Jump::all()?;
    let jump = jumps.iter().find(|jump| jump.symbol == HOOK);
    let site = jump.context("no jump")?.site;
    for is_on in [true, false] {
        let kprobe = Kprobe::put(site, is_on)?;
        expect_eq("the value inside", scout.read(MODE)?.as_str(), "1")?;
        let refused = ask("vkernel 1 disarm\n")?;
        expect_contains("the refusal", refused.head(), "EBUSY")?;
        expect_contains("the refusal", refused.head(), HOOK)?;
        expect_contains("the refusal", refused.head(), "kprobe")?;
        let state = row("hooks", "", HOOK)?;
        expect_eq("its state", state.word("state"), "armed")?;
        expect_contains("its reason", state.word("reason"), "kprobe")?;
        let gone = program::run(&["rmmod", "vkernel"])?;
        expect_contains("what rmmod says", &gone.stderr, "in use")?;
        drop(kprobe);
        rows("disarm", "", &[])?;
        expect_eq(
            "its state",
            row("hooks", "", HOOK)?.word("state"),
            "planned",
        )?;
        rows("arm", "", &[])?;
        expect_eq("the value inside", scout.read(MODE)?.as_str(), "1")?;
    }
    Ok(())
}

pub(super) fn a_kprobe_on_displaced_instructions_keeps_it_out() -> Outcome {
    let _loaded = Loaded::with(&["armed=0"])?;
    let before = Site::all()?;
    rows("arm", "", FEATURES)?;
    let jumps = Jump::all()?;
    let jump = jumps.iter().find(|jump| jump.symbol == HOOK);
    let site = jump.context("no jump")?.site;
    rows("disarm", "", &[])?;
    // Only inline: it shall not go in by ftrace instead.
    let choice = format!("backend.{HOOK}");
    rows("arm", "", &[(choice.as_str(), "inline")])?;
    for is_on in [true, false] {
        let kprobe = Kprobe::put(site, is_on)?;
        let refused = ask("vkernel 1 arm\nfeature=overcommit\n")?;
        expect_contains("the refusal", refused.head(), "EBUSY")?;
        expect_contains("the refusal", refused.head(), HOOK)?;
        expect_contains("the refusal", refused.head(), "kprobes")?;
        for hook in rows("hooks", "", &[])? {
            if hook.word("feature") == "overcommit" {
                expect_eq(&hook.name, hook.word("state"), "planned")?;
            }
        }
        drop(kprobe);
    }
    rows("disarm", "", &[])?;
    for (before, now) in before.iter().zip(&Site::all()?) {
        expect_eq(&now.symbol, now.bytes.clone(), before.bytes.clone())?;
    }
    rows("arm", "", FEATURES)?;
    expect(Jump::all()?.len() >= 6, "fewer", "6 jumps")
}

/// The kernel's own fault injection, where it is configured: the Nth step fails.
const FAULTS: &str = "/sys/kernel/debug/fail_vk_text";

/// More steps than arming or disarming all hooks has.
const MOST_STEPS: usize = 200;

/// Lets the step with this number fail, from now on.
fn fail_step(number: usize) -> Result<()> {
    let values = [
        ("probability", 100),
        ("interval", 1),
        ("verbose", 0),
        ("space", number),
        ("times", 1),
    ];
    for (name, value) in values {
        fs::write(format!("{FAULTS}/{name}"), format!("{value}\n"))?;
    }
    Ok(())
}

fn fail_nothing() -> Result<()> {
    Ok(fs::write(format!("{FAULTS}/times"), "0\n")?)
}

pub(super) fn whichever_step_fails_nothing_is_left() -> Outcome {
    let _loaded = Loaded::with(&["armed=0"])?;
    let untouched = Site::all()?;
    rows("arm", "", FEATURES)?;
    if !Path::new(FAULTS).exists() {
        return skip("this kernel injects no faults");
    }
    let armed = Site::all()?;
    rows("disarm", "", &[])?;
    let mut failed = 0;
    for step in 0..MOST_STEPS {
        fail_step(step)?;
        let refused = ask("vkernel 1 arm\nfeature=sysctl\nfeature=overcommit\n")?;
        fail_nothing()?;
        if refused.is_ok() {
            break;
        }
        failed += 1;
        // A feature goes in as a whole or not at all.
        are_whole(&untouched, &armed, step)?;
        rows("arm", "", FEATURES)?;
        fail_step(step)?;
        let refused = ask("vkernel 1 disarm\n")?;
        fail_nothing()?;
        if !refused.is_ok() {
            failed += 1;
        }
        rows("disarm", "", &[])?;
        are_as(&untouched, step)?;
    }
    expect(failed >= 40, failed, "40 failures or more")?;
    are_as(&untouched, MOST_STEPS)
}

fn are_as(untouched: &[Site], step: usize) -> Outcome {
    for site in untouched {
        let what = format!("{} after step {step}", site.symbol);
        expect_eq(&what, site.bytes_now()?, site.bytes.clone())?;
    }
    Ok(())
}

fn are_whole(untouched: &[Site], armed: &[Site], step: usize) -> Outcome {
    let now = Site::all()?;
    for feature in ["lifecycle", "sysctl", "overcommit"] {
        let of = |sites: &[Site]| -> Vec<Vec<u8>> {
            let its = sites.iter().filter(|site| site.feature == feature);
            its.map(|site| site.bytes.clone()).collect()
        };
        let bytes = of(&now);
        let is_whole = bytes == of(untouched) || bytes == of(armed);
        let seen = format!("{feature} after step {step}: {bytes:02x?}");
        expect(is_whole, seen, "all hooks of it or none")?;
    }
    Ok(())
}
