//! One entry, one holder.

use super::other::{Other, FUNCTION};
use crate::bpf::{self, Place, Program};
use crate::dmesg::KernelLog;
use crate::doctor;
use crate::limited::Limited;
use crate::loaded::Loaded;
use crate::module;
use crate::neighbour::Probe;
use crate::policy::is_armed;
use crate::problem::{expect, expect_contains, expect_eq, Outcome};
use crate::row::rows;

/// The feature that [`FUNCTION`] belongs to.
const FEATURE: &str = "overcommit";

pub(super) fn bpf_fentry_comes_first() -> Outcome {
    comes_first(Other::Bpf(Place::Fentry))
}

pub(super) fn bpf_fentry_comes_second() -> Outcome {
    comes_second(Other::Bpf(Place::Fentry))
}

pub(super) fn bpf_fexit_comes_first() -> Outcome {
    comes_first(Other::Bpf(Place::Fexit))
}

pub(super) fn bpf_fexit_comes_second() -> Outcome {
    comes_second(Other::Bpf(Place::Fexit))
}

pub(super) fn a_kprobe_with_post_handler_comes_first() -> Outcome {
    comes_first(Other::Probe)
}

pub(super) fn a_kprobe_with_post_handler_comes_second() -> Outcome {
    comes_second(Other::Probe)
}

pub(super) fn a_livepatch_comes_first() -> Outcome {
    comes_first(Other::Patch)
}

pub(super) fn a_livepatch_comes_second() -> Outcome {
    comes_second(Other::Patch)
}

/// Nothing of the feature goes in, the module says why, the other works on; when it has gone, the
/// hooks go in.
fn comes_first(other: Other) -> Outcome {
    let there = other.come()?.map_err(|why| anyhow::anyhow!("{why}"))?;
    there.works()?;
    let _loaded = Loaded::with(&[])?;
    let mut limited = Limited::without_policy()?;
    is_refused(&limited)?;
    limited.is_free()?;
    there.works()?;
    expect_eq(
        "the holder",
        doctor::holder(FUNCTION)?.as_str(),
        other.word(),
    )?;
    drop(there);
    limited.ask_for_policy()?.accepted()?;
    limited.is_enforced()
}

fn is_refused(limited: &Limited) -> Outcome {
    let answer = limited.ask_for_policy()?;
    expect_eq("the error", answer.errno(), Some("EBUSY"))?;
    expect_contains("the sentence", &answer.head, FUNCTION)?;
    expect_eq("overcommit is armed", is_armed(FEATURE)?, false)?;
    for hook in rows("hooks", "", &[])? {
        if hook.word("feature") == FEATURE {
            expect_eq(&hook.name, hook.word("state"), "planned")?;
        }
    }
    Ok(())
}

/// The other is refused and the hooks work on; while they are out it comes, and keeps them out.
fn comes_second(other: Other) -> Outcome {
    let _loaded = Loaded::with(&[])?;
    let mut limited = Limited::start()?;
    limited.is_enforced()?;
    is_kept_out(other)?;
    limited.is_enforced()?;
    expect_eq("the holder", doctor::holder(FUNCTION)?.as_str(), "vkernel")?;

    rows("disarm", "", &[])?;
    let there = other.come()?.map_err(|why| anyhow::anyhow!("{why}"))?;
    there.works()?;
    let again = crate::device::ask("arm", "", &[])?;
    expect_eq("the error of arm", again.errno(), Some("EBUSY"))?;
    there.works()?;
    drop(there);
    rows("arm", "", &[])?;
    limited.is_enforced()
}

/// The kernel refuses the other, in its own words: BPF is told EINVAL, by
/// `update_ftrace_direct_add()` of kernel/trace/ftrace.c. A kprobe is told nothing, since
/// `__register_kprobe()` of Linux 7.2 forgets why it could not put it there; it sees no call.
fn is_kept_out(other: Other) -> Outcome {
    match other.come()? {
        Err(words) => {
            let is_conflict = words.contains("busy") || words.contains("Invalid argument");
            expect(is_conflict, words, "a refusal: busy")
        }
        Ok(there) => {
            let is_silent = other == Other::Probe && there.works().is_err();
            expect(is_silent, format!("{other:?} came"), "a refusal")
        }
    }
}

/// Where the instructions behind ENDBR and ftrace's nop begin; a kprobe there is none of ftrace's.
const BEHIND_THE_NOP: u32 = 9;

pub(super) fn a_kprobe_behind_the_nop_comes_first() -> Outcome {
    let probe = behind_the_nop()?;
    let _loaded = Loaded::with(&[])?;
    let mut limited = Limited::start()?;
    both_work(&mut limited, &probe)?;
    drop(probe);
    limited.is_enforced()
}

pub(super) fn a_kprobe_behind_the_nop_comes_second() -> Outcome {
    let _loaded = Loaded::with(&[])?;
    let mut limited = Limited::start()?;
    let probe = behind_the_nop()?;
    both_work(&mut limited, &probe)?;
    rows("disarm", "", &[])?;
    rows("arm", "", &[])?;
    both_work(&mut limited, &probe)?;
    drop(probe);
    limited.is_enforced()
}

fn behind_the_nop() -> anyhow::Result<Probe> {
    Probe::put(FUNCTION, BEHIND_THE_NOP, true)?.map_err(|why| anyhow::anyhow!("{why}"))
}

/// The host's way leads through the probe, the container's does not.
fn both_work(limited: &mut Limited, probe: &Probe) -> Outcome {
    let before = probe.hits()?;
    std::fs::read_to_string("/proc/meminfo")?;
    let host = probe.hits()?;
    expect(host > before, "the host's call was not seen", "a hit")?;
    limited.is_enforced()
}

pub(super) fn bpf_on_a_lifecycle_function_keeps_the_module_out() -> Outcome {
    const FUNCTION: &str = "wake_up_new_task";
    bpf::counts_runs(true)?;
    let program = Program::attach(Place::Fentry, FUNCTION, None, 0)??;
    let log = KernelLog::from_now()?;
    let refused = module::load(&[]);
    expect(refused.is_err(), "the module was loaded", "a refusal")?;
    expect(!module::is_loaded(), "the module is there", "not loaded")?;
    expect_contains("the log", &log.lines()?.join("\n"), FUNCTION)?;
    expect(program.runs()? > 0, "the program did not run", "runs")?;
    drop(program);
    let _loaded = Loaded::with(&[])?;
    expect_eq("lifecycle at last", is_armed("lifecycle")?, true)
}
