//! When a hook cannot go in, or not come out.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

use super::jump::{Entry, Jump, FEATURES};
use crate::door::{Door, Reply};
use crate::kernel_text::kernel_symbol;
use crate::loaded::Loaded;
use crate::policy::{set, target, MODE};
use crate::problem::{expect, expect_contains, expect_eq, skip, Outcome};
use crate::program;
use crate::row::{row, rows};
use crate::scout::Scout;
use crate::setting::Setting;

const KPROBES: &str = "/sys/kernel/tracing/kprobe_events";
const HOOK: &str = "vm_commit_limit";

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
    let before = Entry::all()?;
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
    for (before, now) in before.iter().zip(&Entry::all()?) {
        expect_eq(&now.symbol, &now.bytes, &before.bytes)?;
    }
    rows("arm", "", FEATURES)?;
    expect(Jump::all()?.len() >= 6, "fewer", "6 jumps")
}

/// The part of a function that the compiler put elsewhere is decoded too: a branch from there, as anything
/// that cannot be read, is seen.
pub(super) fn a_breakpoint_in_a_part_of_the_function_keeps_it_out() -> Outcome {
    const OPTIMIZATION: &str = "/proc/sys/debug/kprobes-optimization";
    let Ok(part) = kernel_symbol("newseg.cold") else {
        return skip("this kernel's newseg() is in one part");
    };
    let _loaded = Loaded::with(&["armed=0"])?;
    rows("arm", "", &[("backend.newseg", "inline")])?;
    // It shall stay a breakpoint.
    let _unoptimised = Setting::put(OPTIMIZATION, "0")?;
    let kprobe = Kprobe::put(part, true)?;
    let refused = ask("vkernel 1 arm\nfeature=overcommit\n")?;
    let why = "newseg cannot be hooked inline: a breakpoint at +0x0 [cc]";
    expect_contains("the refusal", refused.head(), why)?;
    drop(kprobe);
    rows("arm", "", &[("feature", "overcommit")])?;
    expect_eq(
        "newseg",
        row("hooks", "", "newseg")?.word("backend"),
        "inline",
    )
}

/// Two hooks, both inline: a step of the second takes the first out again.
pub(super) fn whichever_step_fails_nothing_is_left() -> Outcome {
    let _loaded = Loaded::with(&["armed=0"])?;
    let untouched = lifecycle()?;
    rows("arm", "", &[])?;
    if !Path::new(FAULTS).exists() {
        return skip("this kernel injects no faults");
    }
    let armed = lifecycle()?;
    expect_eq("inline", Jump::all()?.len(), 2)?;
    let mut failed = 0;
    for step in 0..MOST_STEPS {
        let disarmed = with_fault(step, "vkernel 1 disarm\n")?;
        if !disarmed {
            rows("disarm", "", &[])?;
        }
        are_as(&untouched, "disarm", step)?;
        let rearmed = with_fault(step, "vkernel 1 arm\n")?;
        failed += usize::from(!disarmed) + usize::from(!rearmed);
        if !rearmed {
            are_as(&untouched, "an arm that failed", step)?;
            rows("arm", "", &[])?;
        }
        are_as(&armed, "arm", step)?;
        if disarmed && rearmed {
            break;
        }
    }
    expect(failed >= 20, failed, "20 failures or more")?;
    rows("disarm", "", &[])?;
    are_as(&untouched, "the last disarm", MOST_STEPS)
}

/// The kernel's own fault injection, where it is configured: the Nth step fails.
const FAULTS: &str = "/sys/kernel/debug/fail_vk_text";

/// More steps than going in or out has, of two hooks.
const MOST_STEPS: usize = 40;

/// Sends a request during which step number `step` fails; tells whether it was carried out.
fn with_fault(step: usize, request: &str) -> Result<bool> {
    let values = [
        ("probability", 100),
        ("interval", 1),
        ("verbose", 0),
        ("space", step + 1),
        ("times", 1),
    ];
    for (name, value) in values {
        fs::write(format!("{FAULTS}/{name}"), format!("{value}\n"))?;
    }
    let reply = ask(request);
    fs::write(format!("{FAULTS}/times"), "0\n")?;
    Ok(reply?.is_ok())
}

fn lifecycle() -> Result<Vec<Entry>> {
    let all = Entry::all()?.into_iter();
    Ok(all.filter(|it| it.feature == "lifecycle").collect())
}

fn are_as(before: &[Entry], when: &str, step: usize) -> Outcome {
    for (before, now) in before.iter().zip(&lifecycle()?) {
        let what = format!("{} after {when}, step {step}", now.symbol);
        expect_eq(&what, &now.bytes, &before.bytes)?;
    }
    Ok(())
}
