//! What stands in front of the code that a hook may displace.

use super::placed::Placed;
use super::{CodeAddr, Facts, Offset, Reason, Refusal, Reserved};
use crate::insn::{Flow, Insn};

/// Returns the offset behind `endbr64` and ftrace's nop, where there are any.
///
/// Poison in the place of `endbr64` is left alone like it: the kernel may know the place by it.
pub(super) fn skip<F: Facts>(code: &[u8], address: CodeAddr, facts: &F) -> Result<Offset, Refusal> {
    let first = Placed::decode(code, address, Offset(0))?;
    let behind = match first.insn.is_endbr64() || first.insn.is_endbr_poison() {
        true => first.end(),
        false => first.at,
    };
    if behind.0 >= code.len() {
        return Ok(behind);
    }
    skip_ftrace(Placed::decode(code, address, behind)?, facts)
}

/// Returns the offset behind `placed` if it is ftrace's, else its own.
fn skip_ftrace<F: Facts>(placed: Placed<'_>, facts: &F) -> Result<Offset, Refusal> {
    let owner = facts.reserved(placed.address, placed.insn.len());
    match owner {
        // A tracer is on, or the file was not booted: the nop is a call then, or our jump.
        Some(Reserved::Ftrace) if is_ftrace(&placed.insn) => Ok(placed.end()),
        Some(owner) => Err(placed.refuse(Reason::Reserved(owner))),
        None if placed.insn.is_ftrace_nop() => Ok(placed.end()),
        None => Ok(placed.at),
    }
}

fn is_ftrace(insn: &Insn<'_>) -> bool {
    let is_branch = matches!(insn.flow(), Flow::Call | Flow::Jump) && insn.len() == 5;
    insn.is_ftrace_nop() || is_branch
}
