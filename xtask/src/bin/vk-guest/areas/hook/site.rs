//! One hooked function: what the module says of it, and what is in memory.

use std::fs;

use anyhow::{Context, Result};

use crate::kernel_text::KernelText;
use crate::problem::{expect, Outcome, Problem};
use crate::row::{rows, Row};

/// What the module shows of a function's beginning, in bytes.
const SHOWN: usize = 16;

/// The nop that ftrace leaves for itself: `x86_nops[5]` of the kernel.
const NOP: [u8; 5] = [0x0f, 0x1f, 0x44, 0x00, 0x00];

/// A function with a hook.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// The function's name.
    pub(crate) symbol: String,
    /// The feature it belongs to.
    pub(crate) feature: String,
    /// `planned`, `armed`, `draining` or `absent`.
    pub(crate) state: String,
    /// The function's address.
    pub(crate) address: u64,
    /// Its first bytes in memory.
    pub(crate) bytes: Vec<u8>,
    /// Its first bytes, as the module says.
    shown: String,
}

impl Site {
    /// Looks at all of them.
    ///
    /// # Errors
    ///
    /// The module does not answer, or the memory cannot be read: where the kernel shows it to nobody,
    /// the check is skipped.
    pub(crate) fn all() -> Result<Vec<Self>, Problem> {
        if !fs::exists(KernelText::PATH)? {
            let why = format!("this kernel has no {}", KernelText::PATH);
            return Err(Problem::Skipped(why));
        }
        let text = KernelText::open()?;
        let rows = rows("hooks", "", &[])?;
        let sites: Result<_> = rows.iter().map(|row| Self::look(&text, row)).collect();
        Ok(sites?)
    }

    fn look(text: &KernelText, row: &Row) -> Result<Self> {
        let address = row.word("addr").trim_start_matches("0x");
        let address = u64::from_str_radix(address, 16)
            .with_context(|| format!("no address of {}", row.name))?;
        Ok(Self {
            symbol: row.name.clone(),
            feature: row.word("feature").to_owned(),
            state: row.word("state").to_owned(),
            address,
            bytes: text.read(address, SHOWN)?,
            shown: row.word("entry").to_owned(),
        })
    }

    /// Looks at the same function again, without the module.
    ///
    /// # Errors
    ///
    /// The memory cannot be read.
    pub(crate) fn bytes_now(&self) -> Result<Vec<u8>> {
        KernelText::open()?.read(self.address, SHOWN)
    }

    /// Expects that the module tells the truth about the bytes.
    pub(crate) fn is_shown_as_it_is(&self) -> Outcome {
        let memory: String = self
            .bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let seen = format!("{}: the module shows {}", self.symbol, self.shown);
        expect(self.shown == memory, seen, memory)
    }

    /// Returns where ftrace's own nop is.
    pub(crate) fn nop(&self) -> Option<usize> {
        let place = |at: &usize| self.bytes.get(*at..at + NOP.len()) == Some(&NOP[..]);
        // Behind ENDBR, or behind what is left of it.
        [0, 4].into_iter().find(place)
    }

    /// Returns where the jump at offset `at` leads to, if it is one.
    pub(crate) fn jump(&self, at: usize) -> Option<u64> {
        let insn = self.bytes.get(at..at + 5)?;
        let distance = i32::from_le_bytes(insn[1..].try_into().ok()?);
        let end = self.address + at as u64 + 5;
        (insn[0] == 0xe9).then(|| end.wrapping_add_signed(distance.into()))
    }
}

/// Returns those that belong to a feature.
pub(crate) fn of_feature<'a>(sites: &'a [Site], feature: &str) -> Vec<&'a Site> {
    sites.iter().filter(|it| it.feature == feature).collect()
}
