//! The instructions that stay, and must not meet the patch.

use super::placed::{Instructions, Placed};
use super::{CodeAddr, Displaced, Facts, JumpTables, Offset, Reason, Refusal};
use crate::insn::Flow;

/// The longest operand in memory that starts before the patch and may reach into it: 512 bits.
const OPERAND_MAX: usize = 64;

/// Checks the instructions from `at` on in `code`, which lies at `address`.
///
/// Those that are displaced are looked at for what may meet the patch from the trampoline.
/// kprobes' `can_optimize()` in arch/x86/kernel/kprobes/opt.c does the same for its jumps, but
/// refuses every function with an entry in the exception table.
pub(super) fn check<F: Facts>(
    code: &[u8],
    address: CodeAddr,
    at: Offset,
    displaced: &Displaced,
    facts: &F,
) -> Result<(), Refusal> {
    let mut is_padding = false;
    for placed in Instructions::new(code, address, at) {
        let placed = placed?;
        if placed.is_int3() && !is_padding {
            return Err(placed.refuse(Reason::Breakpoint));
        }
        is_padding = placed.is_before_padding();
        check_table(&placed, facts)?;
        check_operand(&placed, displaced)?;
        if !displaced.contains(placed.address) {
            check_branch(&placed, displaced)?;
            check_fixup(&placed, displaced, facts)?;
        }
    }
    Ok(())
}

fn check_branch(placed: &Placed<'_>, displaced: &Displaced) -> Result<(), Refusal> {
    let Some(target) = placed.target() else {
        return Ok(());
    };
    // A function may call itself: that is one more entry, and the hook's.
    let is_entry = target == displaced.function() && placed.insn.flow() == Flow::Call;
    if is_entry || !displaced.contains(target) {
        return Ok(());
    }
    let target = target.offset_from(displaced.function());
    Err(placed.refuse(Reason::BranchInside { target }))
}

/// A jump through memory at a fixed place is no table: there is nothing to index it by.
fn check_table<F: Facts>(placed: &Placed<'_>, facts: &F) -> Result<(), Refusal> {
    let is_indexed = placed.insn.flow() == Flow::IndirectJump && !placed.insn.is_rip_relative();
    if is_indexed && facts.jump_tables() == JumpTables::Possible {
        return Err(placed.refuse(Reason::JumpTable));
    }
    Ok(())
}

fn check_fixup<F: Facts>(
    placed: &Placed<'_>,
    displaced: &Displaced,
    facts: &F,
) -> Result<(), Refusal> {
    match facts.exception_fixup(placed.address) {
        Some(fixup) if displaced.contains(fixup) => {
            let target = fixup.offset_from(displaced.function());
            Err(placed.refuse(Reason::FixupInside { target }))
        }
        _ => Ok(()),
    }
}

fn check_operand(placed: &Placed<'_>, displaced: &Displaced) -> Result<(), Refusal> {
    let Some(operand) = placed.operand() else {
        return Ok(());
    };
    if is_in_patch(placed, operand, displaced) {
        return Err(placed.refuse(Reason::ReadsPatch));
    }
    Ok(())
}

fn is_in_patch(placed: &Placed<'_>, operand: CodeAddr, displaced: &Displaced) -> bool {
    if placed.is_lea() {
        // The address of the function is everybody's.
        return operand != displaced.function() && displaced.contains(operand);
    }
    let last = operand.at(Offset(OPERAND_MAX - 1));
    let reach = displaced.bytes().len().wrapping_add(OPERAND_MAX - 1);
    last.is_within(displaced.address(), reach)
}
