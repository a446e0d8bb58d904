//! Tracers and probes on the functions that are hooked: both work, whoever comes first.

use anyhow::Result;

use crate::limited::Limited;
use crate::loaded::Loaded;
use crate::problem::{expect, skip, Outcome};
use crate::row::rows;
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

pub(super) fn a_kretprobe_comes_first() -> Outcome {
    comes_first(kretprobe)
}

pub(super) fn a_kretprobe_comes_second() -> Outcome {
    comes_second(kretprobe)
}

pub(super) fn an_fprobe_comes_first() -> Outcome {
    there_are_fprobes()?;
    comes_first(fprobe)
}

pub(super) fn an_fprobe_comes_second() -> Outcome {
    there_are_fprobes()?;
    comes_second(fprobe)
}

/// What the kernel says itself of the events that it takes; `CONFIG_FPROBE_EVENTS`.
fn there_are_fprobes() -> Outcome {
    let help = std::fs::read_to_string("/sys/kernel/tracing/README")?;
    match help.contains("f[:[") {
        true => Ok(()),
        false => skip("this kernel has no events by fprobe"),
    }
}

fn comes_first(put_on: PutOn) -> Outcome {
    let tracer = put_on()?;
    let _loaded = Loaded::with(&[])?;
    let mut limited = Limited::start()?;
    both_work(&mut limited, &tracer)?;
    drop(tracer);
    limited.is_enforced()
}

fn comes_second(put_on: PutOn) -> Outcome {
    let _loaded = Loaded::with(&[])?;
    let mut limited = Limited::start()?;
    limited.is_enforced()?;
    let tracer = put_on()?;
    both_work(&mut limited, &tracer)?;
    // The hooks go out and in with the tracer on.
    rows("disarm", "", &[])?;
    limited.is_free()?;
    rows("arm", "", &[])?;
    both_work(&mut limited, &tracer)?;
    drop(tracer);
    limited.is_enforced()
}

fn both_work(limited: &mut Limited, tracer: &Tracer) -> Outcome {
    limited.is_enforced()?;
    for function in SHARED {
        expect(
            tracer.has_seen(function)?,
            format!("no {function}"),
            "a call",
        )?;
    }
    Ok(())
}
