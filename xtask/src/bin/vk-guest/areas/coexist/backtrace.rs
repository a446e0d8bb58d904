//! The way back from inside a stub or a handler, as the kernel's unwinder finds it.

use std::fs;

use anyhow::anyhow;

use crate::churn::Churn;
use crate::limited::Limited;
use crate::loaded::Loaded;
use crate::neighbour::{Patch, Probe};
use crate::problem::{expect, expect_eq, Outcome};
use crate::tracer::Tracer;

/// Where every system call comes from.
const OUTERMOST: &str = "entry_SYSCALL_64_after_hwframe";

pub(super) fn a_backtrace_from_behind_a_stub_is_whole() -> Outcome {
    // What is called by a handler, which a stub called or jumped to. Probes take only functions that
    // ftrace knows, and of ours those are the shims in C.
    const BEHIND: &[(&str, &[&str])] = &[
        ("vk_ns_id", &["vk_stub_wake_up_new_task", "kernel_clone"]),
        (
            "vk_ns_accounted_pages",
            &["vk_handler_vm_enough_memory", "mmap_region"],
        ),
    ];
    let _loaded = Loaded::with(&[])?;
    let mut limited = Limited::start()?;
    for (function, callers) in BEHIND {
        let tracer = Tracer::backtraces(&[function])?;
        limited.is_enforced()?;
        let kept = tracer.kept()?;
        drop(tracer);
        let through = kept
            .iter()
            .find(|stack| stack.iter().any(|it| is(it, callers[0])));
        let Some(stack) = through else {
            return expect(false, format!("{function}: {kept:?}"), callers[0]);
        };
        let seen = format!("{stack:?}");
        expect(is_on_the_way(stack, callers[1]), &seen, callers[1])?;
        expect(
            stack.last().is_some_and(|it| is(it, OUTERMOST)),
            &seen,
            OUTERMOST,
        )?;
    }
    Ok(())
}

/// Tells whether `entry` of a backtrace is in `function`: the compiler may have moved a part of it.
fn is(entry: &str, function: &str) -> bool {
    entry.split(['.', '+', ' ']).next() == Some(function)
}

fn is_on_the_way(stack: &[String], function: &str) -> bool {
    stack.iter().any(|it| it.contains(function))
}

pub(super) fn a_stub_takes_no_kprobe() -> Outcome {
    let _loaded = Loaded::with(&[])?;
    for offset in [0, 8] {
        let put = Probe::put("vk_stub_vm_enough_memory", offset, false)?;
        expect(put.is_err(), format!("a kprobe at +{offset}"), "a refusal")?;
    }
    Ok(())
}

/// For a live patch every task's way back must be certain, wherever it is.
pub(super) fn a_livepatch_elsewhere_goes_in_and_out_under_load() -> Outcome {
    const TIMES: usize = 3;
    let _loaded = Loaded::with(&[])?;
    let mut limited = Limited::start()?;
    let churn = Churn::start(2)?;
    for _ in 0..TIMES {
        let patch = Patch::of_cmdline()?.map_err(|why| anyhow!("{why}"))?;
        let cmdline = fs::read_to_string("/proc/cmdline")?;
        expect_eq("/proc/cmdline", cmdline.trim(), Patch::CMDLINE)?;
        limited.is_enforced()?;
        drop(patch);
    }
    churn.stop()?;
    limited.is_enforced()
}
