//! Tracers and probes on the functions that are hooked: both work, whoever comes first.

use anyhow::Result;

use crate::loaded::Loaded;
use crate::policy::{set, target, MODE};
use crate::problem::{expect, expect_eq, skip, Outcome};
use crate::row::{row, rows};
use crate::scout::{Order, Scout};
use crate::tracer::Tracer;

/// The functions that are shared, one of each kind of subject.
const SHARED: &[&str] = &[
    "overcommit_policy_handler",
    "__vm_enough_memory",
    "wake_up_new_task",
];

/// How a tracer is put on.
type PutOn = fn() -> Result<Tracer>;

fn function_tracer() -> Result<Tracer> {
    Tracer::functions("function", SHARED)
}

fn graph_tracer() -> Result<Tracer> {
    Tracer::functions("function_graph", SHARED)
}

fn kprobe() -> Result<Tracer> {
    Tracer::kprobes(SHARED)
}

fn kretprobe() -> Result<Tracer> {
    Tracer::kretprobes(SHARED)
}

fn fprobe() -> Result<Tracer> {
    Tracer::fprobes(SHARED)
}

pub(super) fn the_function_tracer_comes_first() -> Outcome {
    comes_first(function_tracer)
}

pub(super) fn the_function_tracer_comes_second() -> Outcome {
    comes_second(function_tracer)
}

pub(super) fn the_graph_tracer_comes_first() -> Outcome {
    comes_first(graph_tracer)
}

pub(super) fn the_graph_tracer_comes_second() -> Outcome {
    comes_second(graph_tracer)
}

pub(super) fn a_kprobe_comes_first() -> Outcome {
    comes_first(kprobe)
}

pub(super) fn a_kprobe_comes_second() -> Outcome {
    comes_second(kprobe)
}

pub(super) fn a_kretprobe_comes_second() -> Outcome {
    comes_second(kretprobe)
}

pub(super) fn an_fprobe_comes_second() -> Outcome {
    // What the kernel says itself of the events that it takes; `CONFIG_FPROBE_EVENTS`.
    let help = std::fs::read_to_string("/sys/kernel/tracing/README")?;
    if !help.contains("f[:[") {
        return skip("this kernel has no events by fprobe");
    }
    comes_second(fprobe)
}

fn comes_first(put_on: PutOn) -> Outcome {
    let tracer = put_on()?;
    let _loaded = Loaded::with(&[])?;
    let mut scout = limited()?;
    both_work(&mut scout, &tracer)?;
    drop(tracer);
    hooks_work(&mut scout)
}

fn comes_second(put_on: PutOn) -> Outcome {
    let _loaded = Loaded::with(&[])?;
    let mut scout = limited()?;
    hooks_work(&mut scout)?;
    let tracer = put_on()?;
    both_work(&mut scout, &tracer)?;
    // The hooks go out and in with the tracer on.
    rows("disarm", "", &[])?;
    let mapped = scout.order(&Order::Map(256))?;
    expect_eq("the mapping while disarmed", mapped.err(), None)?;
    rows("arm", "", &[])?;
    both_work(&mut scout, &tracer)?;
    drop(tracer);
    hooks_work(&mut scout)
}

/// A scout whose namespace may commit 96 MiB.
fn limited() -> Result<Scout> {
    let scout = Scout::send_into_new_namespace()?;
    let pairs = [
        ("vm.overcommit_memory", "2"),
        ("vm.overcommit_kbytes", "98304"),
    ];
    set(&target(scout.namespace()?), &pairs)?;
    Ok(scout)
}

fn both_work(scout: &mut Scout, tracer: &Tracer) -> Outcome {
    hooks_work(scout)?;
    for function in SHARED {
        expect(
            tracer.has_seen(function)?,
            format!("no {function}"),
            "a call",
        )?;
    }
    Ok(())
}

/// The value is the container's, its limit holds, and the namespaces it makes are known.
fn hooks_work(scout: &mut Scout) -> Outcome {
    expect_eq("the value inside", scout.read(MODE)?.as_str(), "2")?;
    let refused = scout.order(&Order::Map(256))?;
    expect_eq("256 MiB", refused.err(), Some(libc::ENOMEM))?;
    let taken = scout.order(&Order::Map(16))?;
    expect_eq("16 MiB", taken.err(), None)?;
    let born = Scout::send_into_new_namespace()?;
    let all = rows("list", "", &[("all", "1")])?;
    let ns = target(born.namespace()?);
    expect(all.iter().any(|row| row.name == ns), &ns, "known")?;
    let failed = row("features", "", "lifecycle")?;
    expect_eq("failed births", failed.word("failed_births"), "0")
}
