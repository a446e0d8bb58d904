//! Limits that promise more than there is, and what the host has chosen to come of it.

use anyhow::Result;

use crate::areas::overcommit::scouts::stat;
use crate::container::{Container, Runtime};
use crate::device::ask;
use crate::dmesg::KernelLog;
use crate::loaded::Loaded;
use crate::meminfo::kb;
use crate::oci::Spec;
use crate::policy::{set, shown, target, Tidy};
use crate::problem::{expect, expect_contains, expect_eq, Outcome};
use crate::row::row;
use crate::scout::Scout;

const MODE: &str = "vm.overcommit_memory";
const KBYTES: &str = "vm.overcommit_kbytes";
const KBYTES_FILE: &str = "/proc/sys/vm/overcommit_kbytes";

/// Returns the memory and the swap of the machine, in KiB.
fn machine_kb() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/meminfo")?;
    Ok(kb(&text, "MemTotal")? + kb(&text, "SwapTotal")?)
}

/// Sets a limit; returns the warnings, or the name of the error.
fn limits(ns: &str, kbytes: u64) -> Result<Result<Vec<String>, String>> {
    let pairs = [(MODE, "2"), (KBYTES, &kbytes.to_string())];
    let answer = ask("set", ns, &pairs)?;
    Ok(match answer.errno() {
        Some(errno) => Err(errno.to_owned()),
        None => {
            let warnings = answer.lines.into_iter();
            Ok(warnings
                .filter(|line| line.starts_with("warning: "))
                .collect())
        }
    })
}

pub(super) fn a_limit_above_the_containers_memory_is_warned_of() -> Outcome {
    let spec = Spec::new("small", &["sleep", "10000"]).memory_max(64 << 20);
    let container = Container::create(Runtime::Crun, spec)?;
    let ns = container.target()?;
    expect_eq("64 MiB", limits(&ns, 64 << 10)?, Ok(Vec::new()))?;
    let warned = limits(&ns, 65 << 10)?.unwrap_or_default().join(" ");
    expect_contains("65 MiB", &warned, "above memory.max")?;
    // What promises no more than before needs no warning.
    expect_eq("the same again", limits(&ns, 65 << 10)?, Ok(Vec::new()))
}

pub(super) fn limits_above_the_machine_together_are_warned_of() -> Outcome {
    let each_kb = machine_kb()? * 3 / 5;
    let (first, second) = (
        Scout::send_into_new_namespace()?,
        Scout::send_into_new_namespace()?,
    );
    let ns = target(second.namespace()?);
    let alone = limits(&target(first.namespace()?), each_kb)?;
    expect_eq("the first", alone, Ok(Vec::new()))?;
    let warned = limits(&ns, each_kb)?.unwrap_or_default().join(" ");
    expect_contains("the second", &warned, "pages together")?;
    let row = row("features", "", "overcommit")?;
    expect_eq("strict", row.word("strict"), "warns")?;
    let pages = |word| row.word(word).parse::<u64>().unwrap_or(0);
    expect(
        pages("promised_pages") > pages("backing_pages"),
        format!("{row:?}"),
        "more promised than there is",
    )?;
    // What is inside of a container is part of its limit.
    let mut inner = Scout::send_below(&first)?;
    let inside = limits(&target(inner.namespace()?), each_kb)?;
    expect_eq("inside the first", inside, Ok(Vec::new()))?;
    expect_eq("it", inner.read(KBYTES_FILE)?, each_kb.to_string())
}

pub(super) fn strict_2_refuses_what_nothing_stands_behind() -> Outcome {
    let loaded = Loaded::with(&["strict=2"])?;
    let refused = is_strict();
    drop(loaded);
    let silent = Loaded::with(&["strict=0"])?;
    let said = is_silent();
    drop(silent);
    crate::module::load(&[])?;
    refused.and(said)
}

fn is_strict() -> Outcome {
    let _tidy = Tidy;
    let all_kb = machine_kb()?;
    let mut first = Scout::send_into_new_namespace()?;
    let ns = target(first.namespace()?);
    expect_eq("a half", limits(&ns, all_kb / 2)?, Ok(Vec::new()))?;
    let refused = limits(&ns, all_kb + (64 << 10))?;
    expect_eq("more than all", refused, Err("ERANGE".to_owned()))?;
    let kept = shown(&ns, KBYTES)?;
    expect_eq("the limit", kept.0, (all_kb / 2).to_string())?;

    set(&ns, &[("vm.overcommit_kbytes.inside", "rw")])?;
    let more = (all_kb + (64 << 10)).to_string();
    let denied = first.write(KBYTES_FILE, &more)?;
    expect_eq("from inside", denied.as_deref(), Some("EPERM"))?;
    expect_eq("writes_denied", stat(&first, "writes_denied")?, 1)?;
    expect_eq("less", first.write(KBYTES_FILE, "65536")?, None)?;

    // Nobody can refuse a birth, nor what makes it better.
    set("default", &[(MODE, "2"), (KBYTES, &more)])?;
    let born = Scout::send_into_new_namespace()?;
    let ns = target(born.namespace()?);
    let less = limits(&ns, all_kb + (32 << 10))?;
    expect_eq("a little less", less, Ok(Vec::new()))?;
    let another = limits(&target(first.namespace()?), 128 << 10)?;
    expect_eq("another's", another, Err("ERANGE".to_owned()))
}

fn is_silent() -> Outcome {
    let mut scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    let more = machine_kb()? * 2;
    let log = KernelLog::from_now()?;
    expect_eq("twice the machine", limits(&ns, more)?, Ok(Vec::new()))?;
    set(&ns, &[("vm.overcommit_kbytes.inside", "rw")])?;
    let written = scout.write(KBYTES_FILE, &(more + 4).to_string())?;
    expect_eq("from inside", written, None)?;
    let told = log.lines()?.join("\n");
    expect(!told.contains("pages together"), told, "nothing said")
}
