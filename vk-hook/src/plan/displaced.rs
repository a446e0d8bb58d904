//! The instructions that a jump displaces.

use super::bytes::Bytes;
use super::map::Map;
use super::placed::{Instructions, Placed};
use super::{CodeAddr, Facts, Offset, Reason, Refusal};
use crate::insn::{Flow, MAX_LEN};
use core::ops::Range;

/// The length of `jmp rel32`.
pub(super) const JUMP_LEN: usize = 5;
/// The longest run of whole instructions that a jump displaces: the last begins under its end.
pub const DISPLACED_MAX: usize = JUMP_LEN - 1 + MAX_LEN;

/// The instructions that a jump displaces.
///
/// # Invariants
///
/// `bytes` are whole instructions, the last of which holds the jump's last byte, and each can be
/// moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Displaced {
    bytes: Bytes<DISPLACED_MAX>,
    /// Where the function is.
    function: CodeAddr,
    /// Where they are in it.
    at: Offset,
}

impl Displaced {
    /// Takes whole instructions from `at` on until a jump fits.
    pub(super) fn choose<F: Facts>(
        code: &[u8],
        function: CodeAddr,
        at: Offset,
        facts: &F,
    ) -> Result<Self, Refusal> {
        let mut is_padding = false;
        let mut bytes = Bytes::EMPTY;
        for placed in Instructions::new(code, function, at) {
            let placed = placed?;
            check_owner(&placed, facts)?;
            is_padding = is_padding && placed.is_int3();
            if !is_padding {
                check_kind(&placed)?;
            }
            is_padding |= placed.insn.flow().is_end();
            bytes.push(placed.insn.bytes());
            if bytes.len() >= JUMP_LEN {
                let displaced = Self {
                    bytes,
                    function,
                    at,
                };
                displaced.check_branches()?;
                return Ok(displaced);
            }
        }
        Err(too_short(code, function, at))
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// Returns where they are in the function.
    pub const fn range(&self) -> Range<Offset> {
        self.at..self.at.plus(self.bytes.len())
    }

    /// Returns the address of the first.
    pub const fn address(&self) -> CodeAddr {
        self.function.at(self.at)
    }

    pub(super) const fn function(&self) -> CodeAddr {
        self.function
    }

    /// The address behind the last.
    pub(super) const fn next(&self) -> CodeAddr {
        self.address().at(Offset(self.bytes.len()))
    }

    /// Whether `address` is that of one of the bytes.
    pub(super) const fn contains(&self, address: CodeAddr) -> bool {
        address.is_within(self.address(), self.bytes.len())
    }

    /// The instructions, as they stood in the function.
    pub(super) fn instructions(&self) -> impl Iterator<Item = Result<Placed<'_>, Refusal>> {
        let function = self.function;
        Instructions::new(self.bytes(), self.address(), Offset(0)).map(move |placed| {
            let placed = placed?;
            let at = placed.address.offset_from(function);
            Ok(Placed { at, ..placed })
        })
    }

    /// Refuses with the first instruction.
    pub(super) fn refuse(&self, reason: Reason) -> Refusal {
        match self.instructions().next() {
            Some(Ok(first)) => first.refuse(reason),
            _ => Refusal::new(reason, self.at, self.bytes()),
        }
    }

    /// Checks the branches that stay among the bytes, and those that cannot leave.
    fn check_branches(&self) -> Result<(), Refusal> {
        let map = Map::of(self)?;
        for placed in self.instructions() {
            let placed = placed?;
            let Some(target) = placed.target() else {
                continue;
            };
            if self.contains(target) {
                self.check_landing(&placed, target, &map)?;
            } else if placed.insn.flow() == Flow::Loop {
                return Err(placed.refuse(Reason::Loop));
            }
        }
        Ok(())
    }

    /// Checks that a branch among the bytes lands on an instruction that can run elsewhere.
    fn check_landing(
        &self,
        branch: &Placed<'_>,
        target: CodeAddr,
        map: &Map,
    ) -> Result<(), Refusal> {
        let target = target.offset_from(self.function);
        if map.new_of(target).is_none() || branch.insn.flow() == Flow::JumpAbsolute {
            return Err(branch.refuse(Reason::BranchInside { target }));
        }
        for placed in self.instructions() {
            let placed = placed?;
            if placed.at == target && placed.insn.flow() == Flow::Trap {
                return Err(placed.refuse(Reason::Trap));
            }
        }
        Ok(())
    }
}

/// Refuses an instruction that others look for.
fn check_owner<F: Facts>(placed: &Placed<'_>, facts: &F) -> Result<(), Refusal> {
    if let Some(owner) = facts.reserved(placed.address, placed.insn.len()) {
        return Err(placed.refuse(Reason::Reserved(owner)));
    }
    if facts.exception_fixup(placed.address).is_some() {
        return Err(placed.refuse(Reason::ExceptionTable));
    }
    Ok(())
}

/// Refuses an instruction that cannot run elsewhere, from what it is alone.
fn check_kind(placed: &Placed<'_>) -> Result<(), Refusal> {
    match unmovable(placed) {
        Some(reason) => Err(placed.refuse(reason)),
        None => Ok(()),
    }
}

fn unmovable(placed: &Placed<'_>) -> Option<Reason> {
    match placed.insn.flow() {
        Flow::Call | Flow::IndirectCall => Some(Reason::Call),
        Flow::Return => Some(Reason::Return),
        Flow::Trap => Some(Reason::Trap),
        Flow::Xbegin => Some(Reason::Transaction),
        Flow::Jump | Flow::Jcc | Flow::Loop if placed.insn.has_operand_size() => {
            Some(Reason::OperandSizeBranch)
        }
        _ if placed.insn.is_endbr64() => Some(Reason::LandingInside),
        _ => None,
    }
}

/// Refuses a function that ends before a jump fits.
fn too_short(code: &[u8], function: CodeAddr, at: Offset) -> Refusal {
    let reason = Reason::TooShort {
        len: code.len().saturating_sub(at.0),
    };
    match Instructions::new(code, function, at).next() {
        Some(Ok(first)) => first.refuse(reason),
        _ => Refusal::new(reason, at, &[]),
    }
}
