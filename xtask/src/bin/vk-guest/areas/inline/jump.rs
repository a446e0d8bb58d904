//! The bytes: of the functions, and of the trampolines.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};

use crate::areas::hook::site::Site;
use crate::kernel_text::{module_symbols, KernelText};
use crate::loaded::Loaded;
use crate::module;
use crate::problem::{expect, expect_eq, skip, Outcome};
use crate::row::{rows, Row};

/// The features whose hooks answer for no gate.
pub(super) const FEATURES: &[(&str, &str)] = &[("feature", "sysctl"), ("feature", "overcommit")];

/// The length of a jump.
const JUMP: usize = 5;

/// The first bytes of a hooked function, as the module reads them: what `/proc/kcore` says too where
/// there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) symbol: String,
    pub(super) feature: String,
    pub(super) state: String,
    pub(super) bytes: String,
}

impl Entry {
    /// Those of all hooks.
    pub(super) fn all() -> Result<Vec<Self>> {
        let rows = rows("hooks", "", &[])?;
        let entries = rows.iter().map(|row| Self {
            symbol: row.name.clone(),
            feature: row.word("feature").to_owned(),
            state: row.word("state").to_owned(),
            bytes: row.word("entry").to_owned(),
        });
        Ok(entries.collect())
    }
}

/// A hook that is in by a jump of ours, as the module says.
pub(super) struct Jump {
    pub(super) symbol: String,
    /// Where it is.
    pub(super) site: u64,
    /// What it displaces.
    pub(super) displaced: Vec<u8>,
    stub: u64,
    pub(super) trampoline: u64,
}

impl Jump {
    /// All that are in.
    pub(super) fn all() -> Result<Vec<Self>> {
        let rows = rows("hooks", "", &[])?;
        let are_in = rows
            .iter()
            .filter(|row| row.word("state") == "armed" && row.word("backend") == "inline");
        are_in.map(Self::of).collect()
    }

    fn of(row: &Row) -> Result<Self> {
        Ok(Self {
            symbol: row.name.clone(),
            site: address(row, "site")?,
            displaced: bytes(row.word("displaced"))
                .with_context(|| format!("what {} has displaced", row.name))?,
            stub: address(row, "stub")?,
            trampoline: address(row, "trampoline")?,
        })
    }

    /// Where the jump in memory leads.
    fn target(&self, text: &KernelText) -> Result<Option<u64>> {
        jump_at(text, self.site)
    }
}

fn address(row: &Row, word: &str) -> Result<u64> {
    let digits = row.word(word).trim_start_matches("0x");
    u64::from_str_radix(digits, 16).with_context(|| format!("the {word} of {}", row.name))
}

fn bytes(digits: &str) -> Result<Vec<u8>> {
    let pairs = (0..digits.len() / 2).map(|at| &digits[2 * at..2 * at + 2]);
    pairs
        .map(|pair| Ok(u8::from_str_radix(pair, 16)?))
        .collect()
}

fn jump_at(text: &KernelText, at: u64) -> Result<Option<u64>> {
    let insn = text.read(at, JUMP)?;
    let distance = i32::from_le_bytes(insn[1..].try_into()?);
    let end = at + JUMP as u64;
    Ok((insn[0] == 0xe9).then(|| end.wrapping_add_signed(distance.into())))
}

pub(super) fn jumps_stand_behind_the_nop_and_are_restored_byte_for_byte() -> Outcome {
    let loaded = Loaded::with(&["armed=0"])?;
    let untouched = Site::all()?;
    rows("arm", "", FEATURES)?;
    let text = KernelText::open()?;
    let jumps = Jump::all()?;
    expect(jumps.len() >= 6, jumps.len(), "6 hooks or more")?;
    for jump in &jumps {
        lead_to_stubs_behind_the_nop(&text, jump)?;
    }
    let is_inline = |site: &Site| jumps.iter().any(|jump| jump.symbol == site.symbol);
    let now = Site::all()?;
    for (before, now) in untouched.iter().zip(&now) {
        now.is_shown_as_it_is()?;
        if !is_inline(now) {
            continue;
        }
        // ENDBR, if there is one, and ftrace's nop.
        let Some(nop) = before.nop() else {
            return expect(false, &before.symbol, "ftrace's nop");
        };
        let what = format!("the head of {}", now.symbol);
        expect_eq(&what, &now.bytes[..nop + 5], &before.bytes[..nop + 5])?;
    }
    rows("disarm", "", &[])?;
    are_restored(&text, &jumps, &untouched)?;
    loaded.unload()?;
    are_restored(&text, &jumps, &untouched)
}

fn lead_to_stubs_behind_the_nop(text: &KernelText, jump: &Jump) -> Outcome {
    let target = jump.target(text)?;
    expect_eq(&jump.symbol, target, Some(jump.stub))?;
    let stubs = symbols("vk_stub_")?;
    let seen = format!("{} leads to {:#x}", jump.symbol, jump.stub);
    expect(stubs.contains(&jump.stub), seen, "a stub")
}

fn symbols(prefix: &str) -> Result<BTreeSet<u64>> {
    let symbols = module_symbols(module::NAME, prefix)?;
    Ok(symbols.into_iter().map(|(address, _)| address).collect())
}

fn are_restored(text: &KernelText, jumps: &[Jump], untouched: &[Site]) -> Outcome {
    for jump in jumps {
        let now = text.read(jump.site, jump.displaced.len())?;
        expect_eq(&jump.symbol, now, jump.displaced.clone())?;
    }
    for site in untouched {
        expect_eq(&site.symbol, site.bytes_now()?, site.bytes.clone())?;
    }
    Ok(())
}

/// What stands in a trampoline: ENDBR, the displaced instructions, a jump back to those behind.
pub(super) fn trampolines_do_what_the_jumps_displace() -> Outcome {
    if !Path::new(KernelText::PATH).exists() {
        return skip("this kernel has no /proc/kcore");
    }
    let _loaded = Loaded::with(&[])?;
    rows("arm", "", FEATURES)?;
    let text = KernelText::open()?;
    let trampolines = symbols("vk_trampoline_")?;
    let mut same = 0;
    for jump in Jump::all()? {
        let seen = format!("{}: {:#x}", jump.symbol, jump.trampoline);
        expect(trampolines.contains(&jump.trampoline), seen, "a trampoline")?;
        let len = jump.displaced.len();
        let bytes = text.read(jump.trampoline, 4 + len)?;
        expect_eq(&jump.symbol, &bytes[..4], &[0xf3, 0x0f, 0x1e, 0xfa][..])?;
        if bytes[4..] != jump.displaced {
            // An operand relative to RIP has another distance here, a branch another length.
            continue;
        }
        let back = jump_at(&text, jump.trampoline + 4 + len as u64)?;
        expect_eq(&jump.symbol, back, Some(jump.site + len as u64))?;
        same += 1;
    }
    expect(same >= 3, same, "3 that were moved as they are")
}
