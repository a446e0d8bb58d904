//! Modules of other people: the examples of the crates' READMEs, one at a time and together.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::mm::MapFlags;

use crate::area::{checks, Area, Module};
use crate::dmesg::KernelLog;
use crate::loaded::Loaded;
use crate::mapping::{Advice, Mapping, HUGE_BYTES};
use crate::policy::target;
use crate::problem::{expect, expect_contains, expect_eq, Outcome};
use crate::program;
use crate::scout::Scout;
use crate::setting::Setting;

/// The area.
pub(crate) const AREA: Area = Area {
    name: "stranger",
    module: Module::Out,
    checks: checks![
        vk_hooks_example_halves_the_commit_limit,
        vk_hooks_example_does_so_inline,
        vk_nshashs_example_knows_a_namespace,
        vk_thps_example_asks_for_advice,
        vk_overcommits_example_refuses_much_at_once,
        vk_sysctls_example_has_a_value_for_containers,
        a_line_that_differs_from_the_running_kernel_is_refused,
        two_on_different_functions_come_and_go_in_any_order,
        the_second_on_a_function_is_refused_until_the_first_has_gone,
        the_second_is_refused_by_either_back_end,
        a_second_line_on_a_function_is_refused,
        vkernel_beside_another_module_is_refused_its_function,
    ],
};

const FTRACE: &str = "backend=ftrace";
/// By ftrace where it cannot be inline.
const INLINE: &str = "backend=inline";

/// The functions that ftrace diverts or traces.
const TRACED: &str = "/sys/kernel/tracing/enabled_functions";

const THP: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
const RATIO: &str = "/proc/sys/vm/overcommit_ratio";

/// A module while it is loaded.
struct Stranger(&'static str);

impl Stranger {
    fn load(name: &'static str) -> Result<Self> {
        Self::by(name, FTRACE)
    }

    /// Loads one whose hooks go in by a back end.
    fn by(name: &'static str, backend: &str) -> Result<Self> {
        let object = format!("/vk/{name}.ko");
        program::output(&["insmod", &object, backend])?;
        Ok(Self(name))
    }

    fn unload(self) -> Result<()> {
        // Dropped, and tried once more, only if it fails.
        program::output(&["rmmod", self.0]).map(|_| ())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        if Path::new("/sys/module").join(self.0).exists() {
            if let Err(error) = program::output(&["rmmod", self.0]) {
                eprintln!("vk-guest: {error:#}");
            }
        }
    }
}

/// Loads a module that is expected to be refused; returns what the log says of it.
fn refused(name: &'static str, backend: &str) -> Result<String, crate::problem::Problem> {
    let log = KernelLog::from_now()?;
    let loaded = Stranger::by(name, backend);
    expect(loaded.is_err(), format!("{name} was loaded"), "a refusal")?;
    Ok(log.lines()?.join(" | "))
}

/// CommitLimit of /proc/meminfo, in kB.
fn commit_limit() -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("CommitLimit:"));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number
        .context("no CommitLimit")?
        .parse()
        .context("CommitLimit is no number")
}

fn vk_hooks_example_halves_the_commit_limit() -> Outcome {
    let before = commit_limit()?;
    let half = Stranger::load("half")?;
    let during = commit_limit()?;
    half.unload()?;
    // Pages of 4 kB: half of them is rounded down.
    expect_eq("CommitLimit with it", during, before / 8 * 4)?;
    expect_eq("CommitLimit after it", commit_limit()?, before)
}

fn vk_hooks_example_does_so_inline() -> Outcome {
    let before = commit_limit()?;
    let half = Stranger::by("half", INLINE)?;
    let (during, traced) = (commit_limit()?, fs::read_to_string(TRACED)?);
    half.unload()?;
    expect_eq("CommitLimit with it", during, before / 8 * 4)?;
    expect(
        !traced.contains("vm_commit_limit"),
        traced,
        "none by ftrace",
    )?;
    expect_eq("CommitLimit after it", commit_limit()?, before)
}

fn vk_nshashs_example_knows_a_namespace() -> Outcome {
    let scout = Scout::send_into_new_namespace()?;
    let log = KernelLog::from_now()?;
    let roster = Stranger::load("roster")?;
    let said = log.lines()?.join("\n");
    let ns = target(scout.namespace()?);
    expect_contains("the log", &said, &format!("roster: knows {ns}"))?;
    Ok(roster.unload()?)
}

fn vk_thps_example_asks_for_advice() -> Outcome {
    let _host = Setting::put(THP, "always")?;
    let pages = |advice: Option<Advice>| -> Result<u64> {
        let mapping = Mapping::new(2 * HUGE_BYTES, MapFlags::empty())?;
        // A mapping that the kernel does not merge with others has its own advice.
        advice.map_or(Ok(()), |advice| mapping.advise(advice))?;
        mapping.touch();
        mapping.smaps("AnonHugePages")
    };
    let before = pages(None)?;
    let advised = Stranger::load("advised")?;
    let (plain, asked) = (pages(None)?, pages(Some(Advice::Huge))?);
    advised.unload()?;
    expect(before > 0, format!("{before} kB without it"), "some")?;
    expect_eq("kB in huge pages without advice", plain, 0)?;
    expect(asked >= 4096, format!("{asked} kB with advice"), "4096 kB")
}

fn vk_overcommits_example_refuses_much_at_once() -> Outcome {
    let map = |len: usize| Mapping::new(len, MapFlags::empty()).map(|_| ());
    let modest = Stranger::load("modest")?;
    let (little, much) = (map(16 << 20), map(128 << 20));
    modest.unload()?;
    expect_eq("16 MiB", little, Ok(()))?;
    expect_eq("128 MiB", much, Err(Errno::NOMEM))?;
    expect_eq("128 MiB after it", map(128 << 20), Ok(()))
}

fn vk_sysctls_example_has_a_value_for_containers() -> Outcome {
    let host = fs::read_to_string(RATIO)?;
    let mut scout = Scout::send_into_new_namespace()?;
    let ratio = Stranger::load("ratio")?;
    expect_eq(
        "inside at first",
        scout.read(RATIO)?,
        host.trim().to_owned(),
    )?;
    expect_eq("a write", scout.write(RATIO, "73\n")?, None)?;
    expect_eq("inside then", scout.read(RATIO)?.as_str(), "73")?;
    expect_eq("a wrong write", scout.write(RATIO, "x\n")?.is_some(), true)?;
    expect_eq("the host's", fs::read_to_string(RATIO)?, host.clone())?;
    ratio.unload()?;
    expect_eq(
        "inside after it",
        scout.read(RATIO)?,
        host.trim().to_owned(),
    )
}

fn a_line_that_differs_from_the_running_kernel_is_refused() -> Outcome {
    let said = refused("wrong", FTRACE)?;
    let why = "overcommit_ratio_handler: by its BTF its 1st argument is another";
    expect_contains("the log", &said, why)
}

fn two_on_different_functions_come_and_go_in_any_order() -> Outcome {
    let (before, host) = (commit_limit()?, fs::read_to_string(RATIO)?);
    let mut scout = Scout::send_into_new_namespace()?;
    for is_first_out_first in [true, false] {
        let (half, ratio) = (Stranger::load("half")?, Stranger::load("ratio")?);
        scout.write(RATIO, "73\n")?;
        expect_eq("CommitLimit with both", commit_limit()?, before / 8 * 4)?;
        expect_eq("the ratio with both", scout.read(RATIO)?.as_str(), "73")?;
        if is_first_out_first {
            half.unload()?;
            expect_eq("the ratio with one", scout.read(RATIO)?.as_str(), "73")?;
            ratio.unload()?;
        } else {
            ratio.unload()?;
            expect_eq("CommitLimit with one", commit_limit()?, before / 8 * 4)?;
            half.unload()?;
        }
        expect_eq("CommitLimit with none", commit_limit()?, before)?;
        expect_eq(
            "the ratio with none",
            scout.read(RATIO)?,
            host.trim().to_owned(),
        )?;
    }
    Ok(())
}

fn the_second_on_a_function_is_refused_until_the_first_has_gone() -> Outcome {
    let before = commit_limit()?;
    let half = Stranger::load("half")?;
    let said = refused("quarter", FTRACE)?;
    expect_contains("the log", &said, TAKEN)?;
    expect_eq(
        "CommitLimit with the first",
        commit_limit()?,
        before / 8 * 4,
    )?;
    half.unload()?;
    let quarter = Stranger::load("quarter")?;
    expect_eq(
        "CommitLimit with the second",
        commit_limit()?,
        before / 8 * 4,
    )?;
    quarter.unload()?;
    expect_eq("CommitLimit with none", commit_limit()?, before)
}

/// What the second says of the first.
const TAKEN: &str =
    "quarter: vm_commit_limit: a hook of another module has it: vk_stub_vm_commit_limit [half]";

fn the_second_is_refused_by_either_back_end() -> Outcome {
    let before = commit_limit()?;
    for (first, second) in [(INLINE, INLINE), (INLINE, FTRACE), (FTRACE, INLINE)] {
        let half = Stranger::by("half", first)?;
        let said = refused("quarter", second)?;
        expect_contains(&format!("the log: {first}, {second}"), &said, TAKEN)?;
        expect_eq("CommitLimit", commit_limit()?, before / 8 * 4)?;
        half.unload()?;
    }
    let quarter = Stranger::by("quarter", INLINE)?;
    expect_eq("CommitLimit at last", commit_limit()?, before / 8 * 4)?;
    quarter.unload()?;
    expect_eq("CommitLimit with none", commit_limit()?, before)
}

fn a_second_line_on_a_function_is_refused() -> Outcome {
    let before = commit_limit()?;
    for backend in [FTRACE, INLINE] {
        let said = refused("twice", backend)?;
        let why = "vm_commit_limit: another hook of this module is on the same function";
        expect_contains(&format!("the log: {backend}"), &said, why)?;
        expect_eq("CommitLimit", commit_limit()?, before)?;
    }
    Ok(())
}

/// By ftrace, while the other is inline.
fn vkernel_beside_another_module_is_refused_its_function() -> Outcome {
    let half = Stranger::by("half", INLINE)?;
    let loaded = Loaded::with(&[])?;
    let mut scout = Scout::send_into_new_namespace()?;
    let request = format!(
        "vkernel 1 set {}\nvm.overcommit_memory=1\n",
        target(scout.namespace()?)
    );
    let reply = crate::door::Door::open()?.ask(request.as_bytes())?;
    expect(!reply.is_ok(), "the policy was taken", "a refusal")?;
    expect_contains("the answer", reply.head(), "vm_commit_limit")?;
    half.unload()?;
    let reply = crate::door::Door::open()?.ask(request.as_bytes())?;
    expect(reply.is_ok(), reply.head(), "ok")?;
    expect_eq(
        "the mode inside",
        scout.read(crate::policy::MODE)?.as_str(),
        "1",
    )?;
    scout.recall()?;
    drop(loaded);
    Ok(())
}
