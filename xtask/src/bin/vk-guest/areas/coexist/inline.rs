//! Hooks of back end P: they stand behind the nop, so others may be in front of them.

use anyhow::anyhow;

use super::other::{Other, There, FUNCTION};
use crate::bpf::Place;
use crate::doctor;
use crate::limited::Limited;
use crate::loaded::Loaded;
use crate::problem::{expect_contains, expect_eq, Outcome};
use crate::row::{row, rows};
use crate::stream::Stream;

const INLINE: &[&str] = &["backend=inline"];

pub(super) fn bpf_and_an_inline_hook_come_first_and_second() -> Outcome {
    for place in [Place::Fentry, Place::Fexit] {
        share(Other::Bpf(place))?;
    }
    Ok(())
}

pub(super) fn a_kprobe_with_post_handler_and_an_inline_hook_come_first_and_second() -> Outcome {
    share(Other::Probe)
}

/// Both work, whoever comes first.
fn share(other: Other) -> Outcome {
    let there = come(other)?;
    let _loaded = Loaded::with(INLINE)?;
    let mut limited = Limited::start()?;
    is_inline()?;
    both_work(&there, &mut limited)?;
    drop(there);
    limited.is_enforced()?;
    let there = come(other)?;
    both_work(&there, &mut limited)?;
    rows("disarm", "", &[])?;
    rows("arm", "", &[])?;
    both_work(&there, &mut limited)
}

pub(super) fn auto_is_inline_where_bpf_was_first() -> Outcome {
    let there = come(Other::Bpf(Place::Fentry))?;
    let _loaded = Loaded::with(&["backend=auto"])?;
    let mut limited = Limited::start()?;
    is_inline()?;
    let other = row("hooks", "", "__vm_enough_memory")?;
    expect_eq("another's back end", other.word("backend"), "ftrace")?;
    both_work(&there, &mut limited)
}

pub(super) fn a_livepatch_bypasses_an_inline_hook_and_that_is_told() -> Outcome {
    let _loaded = Loaded::with(INLINE)?;
    let mut limited = Limited::start()?;
    is_inline()?;
    let mut stream = Stream::begin()?;
    let there = come(Other::Patch)?;
    // Nobody has asked: it is the loading of a module.
    stream.until("bypassed vm_commit_limit")?;
    there.works()?;
    let hook = row("hooks", "", FUNCTION)?;
    expect_eq("bypassed", hook.word("bypassed"), "yes")?;
    expect_contains("the reason", hook.word("reason"), "live patch")?;
    expect_eq(
        "the holder",
        doctor::holder(FUNCTION)?.as_str(),
        "livepatch",
    )?;
    drop(there);
    stream.until("restored vm_commit_limit")?;
    limited.is_enforced()
}

fn come(other: Other) -> anyhow::Result<There> {
    other.come()?.map_err(|why| anyhow!("{why}"))
}

fn is_inline() -> Outcome {
    let hook = row("hooks", "", FUNCTION)?;
    expect_eq("the back end", hook.word("backend"), "inline")
}

fn both_work(there: &There, limited: &mut Limited) -> Outcome {
    there.works()?;
    expect_eq("the holder", doctor::holder(FUNCTION)?.as_str(), "vkernel")?;
    limited.is_enforced()
}
