//! yaxpeax-x86.

use yaxpeax_arch::{Decoder as _, LengthedInstruction, U8Reader};
use yaxpeax_x86::long_mode::{InstDecoder, Instruction, Operand, RegSpec};

use crate::{Answer, Decoder};

/// yaxpeax-x86 2.2.
pub(crate) struct Yaxpeax;

impl Decoder for Yaxpeax {
    const NAME: &'static str = "yaxpeax";
    const HAS_APX: bool = false;

    fn decode(code: &[u8]) -> Option<Answer> {
        let insn = InstDecoder::default()
            .decode(&mut U8Reader::new(code))
            .ok()?;
        Some(Answer {
            len: insn.len().to_const() as usize,
            is_rip_relative: is_rip_relative(&insn),
            is_branch: None,
        })
    }
}

fn is_rip_relative(insn: &Instruction) -> bool {
    let is_rip = |reg: RegSpec| reg == RegSpec::rip() || reg == RegSpec::eip();
    (0..insn.operand_count()).any(|nth| match insn.operand(nth) {
        Operand::Disp { base, .. } | Operand::MemDeref { base } => is_rip(base),
        Operand::DispMasked { base, .. } | Operand::MemDerefMasked { base, .. } => is_rip(base),
        _ => false,
    })
}
