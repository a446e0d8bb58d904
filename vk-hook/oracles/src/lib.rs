//! Decoders that others wrote, asked about the same bytes as `vk_hook::insn`.
//!
//! What they disagree about is explained one by one: a table for each, by the decoder that is wrong
//! and the manual's section.

#[cfg(feature = "bddisasm")]
mod bddisasm;
mod compare;
#[path = "../../tests/insn_iced/explain.rs"]
#[allow(dead_code, reason = "made for another test")]
mod explain;
mod forms;
#[path = "../../tests/insn_iced/oracle.rs"]
#[allow(dead_code, reason = "made for another test")]
mod oracle;
mod tally;
mod wrong;
mod xed;
mod yaxpeax;

pub use compare::{Oracles, Outcome};
pub use tally::Tally;

/// The longest instruction, and what every decoder is asked about.
pub const WINDOW: usize = vk_hook::insn::MAX_LEN;

/// What a decoder says of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) len: usize,
    /// Whether it addresses memory by its own address.
    pub(crate) is_rip_relative: bool,
    /// Whether it branches to an address relative to its own; `None` if the decoder does not say.
    pub(crate) is_branch: Option<bool>,
}

/// A decoder.
pub(crate) trait Decoder {
    /// Its name, as in explanations.
    const NAME: &'static str;
    /// Whether it knows APX.
    const HAS_APX: bool = true;

    /// Returns what it says of the instruction at the front of `code`; `None` if it knows none.
    fn decode(code: &[u8]) -> Option<Answer>;
}
