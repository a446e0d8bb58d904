//! bddisasm.

use bddisasm_sys as nd;

use crate::{Answer, Decoder};

/// bddisasm, with APX.
pub(crate) struct Bddisasm;

impl Decoder for Bddisasm {
    const NAME: &'static str = "bddisasm";

    fn decode(code: &[u8]) -> Option<Answer> {
        // SAFETY: All zeroes is a value: integers, and no decoder enabled.
        let mut context: nd::ND_CONTEXT = unsafe { std::mem::zeroed() };
        context.set_DefCode(nd::ND_CODE_64.into());
        context.set_DefData(nd::ND_DATA_64.into());
        context.set_DefStack(nd::ND_STACK_64.into());
        context.set_FeatMode(nd::ND_FEAT_ALL.into());
        context.set_VendMode(nd::ND_VEND_ANY.into());
        let mut insn = std::mem::MaybeUninit::<nd::INSTRUX>::zeroed();
        let len = code.len() as nd::ND_SIZET;
        // SAFETY: `code` has `len` bytes; the structures are there to be written.
        let status =
            unsafe { nd::NdDecodeWithContext(insn.as_mut_ptr(), code.as_ptr(), len, &mut context) };
        if status & 0x8000_0000 != 0 {
            return None;
        }
        // SAFETY: It was zeroed, and decoded into.
        let insn = unsafe { &*insn.as_ptr() };
        let is_branch = insn.HasRelOffs() != 0;
        Some(Answer {
            len: insn.Length.into(),
            // It says so of branches too.
            is_rip_relative: insn.IsRipRelative() != 0 && !is_branch,
            is_branch: Some(is_branch),
        })
    }
}
