//! The way back from inside a trampoline, as the kernel's unwinder finds it: a live patch asks it
//! about every task, and tries again where it does not vouch.

use std::fs;
use std::ops::Range;

use anyhow::{Context, Result};

use super::jump::{Jump, FEATURES};
use crate::kernel_text::kernel_symbol;
use crate::loaded::Loaded;
use crate::neighbour::Watch;
use crate::problem::{expect, expect_eq, skip, Outcome};
use crate::row::rows;

const HOOK: &str = "vm_commit_limit";

/// What it reads first.
const WORD: &str = "sysctl_overcommit_kbytes";

/// Longer than the function, and than a trampoline, of which each has text for itself.
const FUNCTION: u64 = 112;
const TRAMPOLINE: u64 = 48;

pub(super) fn the_way_back_from_a_trampoline_is_unknown_and_said_to_be() -> Outcome {
    let _loaded = Loaded::with(&["armed=0"])?;
    let (word, function) = (kernel_symbol(WORD)?, kernel_symbol(HOOK)?);
    let (frames, is_certain) = from(word, function..function + FUNCTION)?;
    expect(is_certain, "not certain", "a certain way from the function")?;
    expect(frames >= 5, frames, "5 frames from the function")?;
    rows("arm", "", FEATURES)?;
    let jumps = Jump::all()?;
    let jump = jumps.iter().find(|jump| jump.symbol == HOOK);
    let jump = jump.context("no jump")?;
    if !reads(jump, word) {
        return skip("what is displaced in this kernel does not read the word");
    }
    let trampoline = jump.trampoline..jump.trampoline + TRAMPOLINE;
    // No guess, and no claim.
    expect_eq("from it", from(word, trampoline)?, (0, false))
}

/// Tells whether a displaced instruction addresses the word relative to itself.
fn reads(jump: &Jump, word: u64) -> bool {
    let mut places = jump.displaced.windows(4).zip(jump.site + 4..);
    places.any(|(bytes, next)| {
        let distance = bytes.try_into().map_or(0, i32::from_le_bytes);
        next.wrapping_add_signed(distance.into()) == word
    })
}

/// Lets code in `range` read the word; returns how many frames its stack has beyond it, and whether they
/// are certain.
fn from(word: u64, range: Range<u64>) -> Result<(u32, bool)> {
    let watch = Watch::put(word, range)?;
    fs::read_to_string("/proc/meminfo")?;
    watch.seen()?.context("nobody read it from there")
}
