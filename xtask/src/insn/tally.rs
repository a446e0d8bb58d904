//! What came out of comparing decoders: how often, by what it is explained.

use std::collections::BTreeMap;
use std::fmt;
use std::process::ExitCode;

use anyhow::Result;
use vk_hook::insn::decode;

use super::compare::compare;
use super::explain::Forms;
use super::kernel::{Decoder, Window};
use super::kernel_differs;
use super::oracles::{Answers, Oracles};

/// How many unexplained disagreements are shown.
const SHOWN: usize = 10;

/// What came out of comparing decoders.
#[derive(Default)]
pub(crate) struct Tally {
    inputs: u64,
    instructions: u64,
    explained: BTreeMap<&'static str, u64>,
    unexplained: Vec<String>,
    oracles: Option<Oracles>,
    answers: Answers,
}

impl Tally {
    /// Begins one that asks `oracles` too.
    pub(crate) fn with(oracles: Oracles) -> Self {
        Self {
            oracles: Some(oracles),
            ..Self::default()
        }
    }

    /// Waits for what the oracles say.
    ///
    /// # Errors
    ///
    /// They failed.
    pub(crate) fn finish(mut self) -> Result<Self> {
        if let Some(oracles) = self.oracles.take() {
            self.answers = oracles.finish()?;
        }
        Ok(self)
    }

    /// Compares ours, iced's and the kernel's decoder on each window.
    ///
    /// # Errors
    ///
    /// The kernel's cannot be run.
    pub(crate) fn take(
        &mut self,
        decoder: &Decoder,
        windows: &[Window],
        forms: &mut Forms,
    ) -> Result<()> {
        if let Some(oracles) = &mut self.oracles {
            oracles.take(windows)?;
        }
        let lengths = decoder.lengths(windows)?;
        for (window, kernel) in windows.iter().zip(lengths) {
            self.inputs += 1;
            match compare(window, forms) {
                Ok(None) => {}
                Ok(Some(reason)) => self.explains(reason),
                Err(why) => self.unexplained.push(format!("{window:02x?}: {why}")),
            }
            let Ok(insn) = decode(window) else {
                continue;
            };
            self.instructions += 1;
            if insn.len() == usize::from(kernel) {
                continue;
            }
            match kernel_differs::explain(&insn) {
                Some(reason) => self.explains(reason),
                None => {
                    let why = format!("{window:02x?}: {insn:?}, the kernel {kernel}");
                    self.unexplained.push(why);
                }
            }
        }
        Ok(())
    }

    fn explains(&mut self, reason: &'static str) {
        *self.explained.entry(reason).or_default() += 1;
    }

    /// Returns what is not explained, shortened, if something is.
    pub(crate) fn unexplained(&self) -> Option<String> {
        let others = self.answers.shown.iter().map(Answers::line);
        let shown = self.unexplained.iter().cloned().chain(others).take(SHOWN);
        let count = self.unexplained.len() as u64 + self.answers.unexplained;
        (count != 0).then(|| {
            let shown: Vec<_> = shown.collect();
            format!("{count} unexplained: {}", shown.join("; "))
        })
    }

    /// Returns the status to end with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(u8::from(self.unexplained().is_some()))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>12} inputs", self.inputs)?;
        writeln!(f, "{:>12} instructions", self.instructions)?;
        let answers = &self.answers;
        if answers.inputs != 0 {
            let decoders = answers.decoders.join(", ");
            writeln!(f, "{:>12} of them for {decoders} too", answers.inputs)?;
        }
        for (reason, count) in &self.explained {
            writeln!(f, "{count:>12} {reason}")?;
        }
        for (reason, count) in &answers.explained {
            writeln!(f, "{count:>12} {reason}")?;
        }
        let unexplained = self.unexplained.len() as u64 + answers.unexplained;
        write!(f, "{unexplained:>12} unexplained")?;
        let others = answers.shown.iter().map(Answers::line);
        let shown = self.unexplained.iter().take(SHOWN).cloned();
        shown.chain(others).try_for_each(|why| write!(f, "\n{why}"))
    }
}
