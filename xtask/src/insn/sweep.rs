//! Whole texts, from their first instruction to their last.

use std::process::ExitCode;

use anyhow::Result;
use vk_hook::insn::{decode, MAX_LEN};

use super::explain::Forms;
use super::kernel::{Decoder, Window};
use super::oracles::Oracles;
use super::tally::Tally;
use super::text::Text;
use crate::lab::Lab;

/// How many instructions go to the kernel's decoder at once.
const BATCH: usize = 1 << 19;

/// Symbols that are inside an instruction: what a processor decodes ahead there is the point of
/// them. arch/x86/lib/retpoline.S.
const INSIDE: &[&str] = &["srso_safe_ret", "retbleed_return_thunk"];

/// Decodes all texts and prints what came out.
///
/// # Errors
///
/// A text cannot be read, or the kernel's decoder not be run.
pub(crate) fn run(lab: &Lab, decoder: &Decoder) -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for text in [Text::vmlinux(lab)?, Text::rustc()?, Text::libc()?] {
        let tally = Tally::with(Oracles::start(lab)?);
        let (tally, missed) = sweep(&text, decoder, tally)?;
        println!("{}: {} bytes", text.name, text.bytes.len());
        println!("{tally}");
        if !text.symbols.is_empty() {
            let (all, missed) = (text.symbols.len(), missed.join(" "));
            println!("{all:>12} symbols; inside an instruction: {missed}");
        }
        let is_expected = |name: &&str| INSIDE.contains(name);
        if tally.unexplained().is_some() || !missed.iter().all(is_expected) {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// Decodes `text` from front to end; names the symbols that begin inside an instruction.
fn sweep<'a>(text: &'a Text, decoder: &Decoder, mut tally: Tally) -> Result<(Tally, Vec<&'a str>)> {
    let mut forms = Forms::default();
    let mut windows: Vec<Window> = Vec::new();
    let mut symbols = text.symbols.iter().peekable();
    let mut missed = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.bytes.get(at..).filter(|rest| !rest.is_empty()) {
        while let Some((begin, name)) = symbols.next_if(|(begin, _)| *begin <= at) {
            if *begin != at {
                missed.push(&**name);
            }
        }
        let mut window = [0; MAX_LEN];
        let len = rest.len().min(MAX_LEN);
        window[..len].copy_from_slice(&rest[..len]);
        windows.push(window);
        at += decode(rest).map_or(1, |insn| insn.len());
        if windows.len() == BATCH {
            tally.take(decoder, &windows, &mut forms)?;
            windows.clear();
        }
    }
    tally.take(decoder, &windows, &mut forms)?;
    Ok((tally.finish()?, missed))
}
