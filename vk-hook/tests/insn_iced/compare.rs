//! One input, asked of both decoders.

use super::explain::Forms;
use super::oracle::{iced, is_same_flow, Parts};
use vk_hook::insn::{decode, Insn, Map};

/// Why iced gives a `mov` to or from a control or debug register more bytes.
const MOV: &str = "iced: mov to and from control and debug registers ignores mod: volume 2, MOV";

/// Compares one input: nothing if both agree, else by what the disagreement is explained.
///
/// # Errors
///
/// What is wrong, where nothing explains it.
pub(crate) fn compare(code: &[u8], forms: &mut Forms) -> Result<Option<&'static str>, String> {
    let ours = decode(code);
    match (&ours, iced(code)) {
        (Ok(insn), Some((instruction, _))) if is_system_mov(insn) => {
            if insn.len() != insn.opcode_at() + 2 {
                return Err("more than an opcode and a ModRM byte".to_owned());
            }
            Ok((insn.len() != instruction.len()).then_some(MOV))
        }
        (Ok(insn), Some((instruction, offsets))) => {
            let (parts, theirs) = (Parts::ours(insn), Parts::iced(&instruction, &offsets));
            if insn.len() != instruction.len() {
                return Err(format!("length: iced {}", instruction.len()));
            }
            if parts != theirs {
                return Err(format!("{parts:?}: iced {theirs:?}"));
            }
            if !is_same_flow(insn.flow(), &instruction) {
                return Err(format!("flow: iced {:?}", instruction.flow_control()));
            }
            Ok(None)
        }
        (Ok(insn), None) => match forms.explain(insn) {
            Some(reason) => Ok(Some(reason)),
            None => Err("iced knows no such opcode".to_owned()),
        },
        (Err(_), Some((instruction, _))) => Err(format!("iced has {}", instruction.len())),
        (Err(_), None) => Ok(None),
    }
}

fn is_system_mov(insn: &Insn<'_>) -> bool {
    insn.map() == Map::Map0f && matches!(insn.opcode(), 0x20..=0x23)
}
