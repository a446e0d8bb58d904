//! Intel's own decoder.

use std::sync::Once;

use xed_sys as xed;

use crate::{Answer, Decoder};

/// XED of 2024-05-20.
pub(crate) struct Xed;

impl Decoder for Xed {
    const NAME: &'static str = "XED";

    fn decode(code: &[u8]) -> Option<Answer> {
        static TABLES: Once = Once::new();
        // SAFETY: Once, and before everything else.
        TABLES.call_once(|| unsafe { xed::xed_tables_init() });
        let mut insn = std::mem::MaybeUninit::<xed::xed_decoded_inst_t>::uninit();
        let p = insn.as_mut_ptr();
        let len = u32::try_from(code.len()).ok()?;
        // SAFETY: It writes the whole structure.
        unsafe { xed::xed_decoded_inst_zero(p) };
        let (mode, width) = (xed::XED_MACHINE_MODE_LONG_64, xed::XED_ADDRESS_WIDTH_64b);
        // SAFETY: `p` is initialised.
        unsafe { xed::xed_decoded_inst_set_mode(p, mode, width) };
        // The extensions that share an encoding with nops, and APX.
        // SAFETY: As above.
        unsafe { xed::xed3_operand_set_cet(p, 1) };
        // SAFETY: As above.
        unsafe { xed::xed3_operand_set_wbnoinvd(p, 1) };
        // SAFETY: As above; `code` has `len` bytes.
        let error = unsafe { xed::xed_decode(p, code.as_ptr(), len) };
        if error != xed::XED_ERROR_NONE {
            return None;
        }
        // SAFETY: It decoded.
        let len = unsafe { xed::xed_decoded_inst_get_length(p) };
        // SAFETY: It decoded; operand 0 is there or has no base.
        let base = unsafe { xed::xed_decoded_inst_get_base_reg(p, 0) };
        // SAFETY: It decoded.
        let rel = unsafe { xed::xed_decoded_inst_get_branch_displacement_width(p) };
        Some(Answer {
            len: len as usize,
            is_rip_relative: matches!(base, xed::XED_REG_RIP | xed::XED_REG_EIP),
            // jmpabs has eight bytes, which are relative to nothing.
            is_branch: Some(rel != 0 && rel != 8),
        })
    }
}
