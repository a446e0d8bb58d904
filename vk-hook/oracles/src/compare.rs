//! One input, asked of all decoders.

use vk_hook::insn::{decode, DecodeError, Insn};

#[cfg(feature = "bddisasm")]
use crate::bddisasm::Bddisasm;
use crate::explain::{mandatory_prefix, newer, APX};
use crate::forms::Forms;
use crate::wrong;
use crate::xed::Xed;
use crate::yaxpeax::Yaxpeax;
use crate::{Answer, Decoder};

/// The decoders, and what was found out about them.
#[derive(Default)]
pub struct Oracles {
    xed: Forms<Xed>,
    yaxpeax: Forms<Yaxpeax>,
    #[cfg(feature = "bddisasm")]
    bddisasm: Forms<Bddisasm>,
}

/// What came out of one comparison.
pub enum Outcome {
    /// The decoder agrees.
    Same,
    /// It does not, and this explains it.
    Explained(String),
    /// It does not.
    Unexplained {
        /// What such disagreements have in common.
        kind: String,
        /// This one.
        why: String,
    },
}

/// How a decoder disagrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It refuses what is an instruction to us.
    Refuses,
    /// It says otherwise of it.
    Differs,
}

impl Oracles {
    /// The names of the decoders.
    pub const NAMES: &[&str] = &[
        Xed::NAME,
        Yaxpeax::NAME,
        #[cfg(feature = "bddisasm")]
        Bddisasm::NAME,
    ];

    /// Compares one input with what each of them says.
    pub fn compare(&mut self, code: &[u8]) -> Vec<Outcome> {
        vec![
            one(code, &mut self.xed),
            one(code, &mut self.yaxpeax),
            #[cfg(feature = "bddisasm")]
            one(code, &mut self.bddisasm),
        ]
    }
}

fn one<D: Decoder>(code: &[u8], forms: &mut Forms<D>) -> Outcome {
    let ours = decode(code);
    let theirs = D::decode(code);
    let (insn, way) = match (&ours, theirs) {
        (Err(_), None) => return Outcome::Same,
        (Err(error), Some(answer)) => return accepted::<D>(code, *error, answer),
        (Ok(insn), Some(answer)) if agree(insn, &answer) => return Outcome::Same,
        (Ok(insn), Some(_)) => (insn, Way::Differs),
        (Ok(insn), None) => (insn, Way::Refuses),
    };
    if let Some(reason) = explain(insn, way, forms) {
        return Outcome::Explained(reason);
    }
    let (encoding, map, opcode) = (insn.encoding(), insn.map(), insn.opcode());
    let prefix = mandatory_prefix(insn);
    Outcome::Unexplained {
        kind: format!(
            "{} {way:?} {encoding:?} {map:?} {opcode:02x} prefix {prefix}",
            D::NAME
        ),
        why: format!("{insn:02x?}, theirs {theirs:?}"),
    }
}

fn accepted<D: Decoder>(code: &[u8], error: DecodeError, answer: Answer) -> Outcome {
    if let Some(reason) = wrong::accepted(D::NAME, code, error) {
        return Outcome::Explained(format!("{}: {reason}", D::NAME));
    }
    let byte = match error {
        DecodeError::Invalid { at } | DecodeError::Unknown { at } => code.get(at).copied(),
        _ => None,
    };
    Outcome::Unexplained {
        kind: format!("{} accepts {byte:02x?}: {error}", D::NAME),
        why: format!("{code:02x?}: theirs {answer:?}"),
    }
}

fn agree(insn: &Insn<'_>, theirs: &Answer) -> bool {
    let is_branch = insn.branch().is_some();
    insn.len() == theirs.len
        && insn.is_rip_relative() == theirs.is_rip_relative
        && theirs.is_branch.is_none_or(|theirs| theirs == is_branch)
}

fn explain<D: Decoder>(insn: &Insn<'_>, way: Way, forms: &mut Forms<D>) -> Option<String> {
    if let Some(reason) = wrong::explain(D::NAME, insn, way) {
        return Some(format!("{}: {reason}", D::NAME));
    }
    if way == Way::Differs {
        return None;
    }
    if forms.is_known(insn) {
        let what = "an operand is not judged: volume 2, the instruction's own page";
        return Some(format!("ours, with {}: {what}", D::NAME));
    }
    let prefix = mandatory_prefix(insn);
    let reason = newer(insn.encoding(), insn.map(), insn.opcode(), prefix)?;
    if reason == APX && D::HAS_APX {
        return None;
    }
    let reason = reason.trim_start_matches("iced: ");
    Some(format!("{}, newer than it: {reason}", D::NAME))
}
