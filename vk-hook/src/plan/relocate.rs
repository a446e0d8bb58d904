//! An instruction at another place, doing the same.

use super::bytes::Bytes;
use super::placed::Placed;
use super::{CodeAddr, Offset, Reason, Refusal};
use crate::insn::{Flow, Insn, MAX_LEN};

/// The longest way an instruction is written: `jmp rel32` and `jcc rel32` are shorter.
pub(super) type Moved = Bytes<MAX_LEN>;

/// Returns the length of an instruction at another place, wherever that is.
pub(super) const fn moved_len(insn: &Insn<'_>) -> usize {
    match insn.flow() {
        Flow::Jump => 5,
        Flow::Jcc => 6,
        _ => insn.len(),
    }
}

/// Returns the instruction as it must be written at `new`, to branch to `target` if it branches.
///
/// Flags and registers are what they were: no form of it uses one more.
pub(super) fn moved(
    placed: &Placed<'_>,
    new: CodeAddr,
    target: Option<CodeAddr>,
) -> Result<Moved, Refusal> {
    let next = new.at(Offset(moved_len(&placed.insn)));
    match (placed.insn.flow(), target) {
        (Flow::Jump, Some(target)) => Ok(Moved::of(&jump(&reach(placed, next, target)?))),
        (Flow::Jcc, Some(target)) => Ok(jcc(&placed.insn, reach(placed, next, target)?)),
        (Flow::Loop, Some(target)) => rel8(placed, next, target),
        _ => with_operand(placed, next),
    }
}

/// Returns `jmp rel32`.
pub(super) const fn jump(rel: &[u8; 4]) -> [u8; 5] {
    let [a, b, c, d] = *rel;
    [0xe9, a, b, c, d]
}

/// Returns the distance from `next` to `target`, if 32 bits hold it.
pub(super) fn rel32(next: CodeAddr, target: CodeAddr) -> Option<[u8; 4]> {
    let rel = i32::try_from(distance(next, target)).ok()?;
    Some(rel.to_le_bytes())
}

const fn distance(next: CodeAddr, target: CodeAddr) -> i64 {
    target.0.wrapping_sub(next.0) as i64
}

fn reach(placed: &Placed<'_>, next: CodeAddr, target: CodeAddr) -> Result<[u8; 4], Refusal> {
    rel32(next, target).ok_or_else(|| placed.refuse(Reason::OutOfRange { target }))
}

fn jcc(insn: &Insn<'_>, rel: [u8; 4]) -> Moved {
    let mut bytes = Moved::of(&[0x0f, 0x80 | insn.opcode() & 0x0f]);
    bytes.push(&rel);
    bytes
}

/// `loop` and `jrcxz` have no longer form.
fn rel8(placed: &Placed<'_>, next: CodeAddr, target: CodeAddr) -> Result<Moved, Refusal> {
    let rel = i8::try_from(distance(next, target)).map_err(|_| placed.refuse(Reason::Loop))?;
    let mut bytes = Moved::of(placed.insn.bytes());
    bytes.overwrite(placed.insn.len().wrapping_sub(1), &rel.to_le_bytes());
    Ok(bytes)
}

/// Everything else is copied; an operand relative to RIP stays where it is.
fn with_operand(placed: &Placed<'_>, next: CodeAddr) -> Result<Moved, Refusal> {
    let mut bytes = Moved::of(placed.insn.bytes());
    if let (Some(operand), Some(at)) = (placed.operand(), placed.insn.disp_at()) {
        let disp = match placed.insn.has_address_size() {
            // The sum is cut to 32 bits: there is always one.
            true => (operand.0.wrapping_sub(next.0) as u32).to_le_bytes(),
            false => reach(placed, next, operand)?,
        };
        bytes.overwrite(at, &disp);
    }
    Ok(bytes)
}
