//! The way back from inside a stub or a handler, as the kernel's unwinder finds it.

use std::fs;

use anyhow::anyhow;

use crate::churn::Churn;
use crate::limited::Limited;
use crate::loaded::Loaded;
use crate::neighbour::{Patch, Probe};
use crate::problem::{expect, expect_eq, Outcome};

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
