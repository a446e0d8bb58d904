//! An instruction at its place.

use super::{CodeAddr, Offset, Reason, Refusal};
use crate::insn::{decode, Flow, Insn, Map, MAX_LEN};

/// An instruction at its place.
#[derive(Clone, Copy)]
pub(super) struct Placed<'c> {
    pub(super) insn: Insn<'c>,
    pub(super) at: Offset,
    pub(super) address: CodeAddr,
}

impl<'c> Placed<'c> {
    /// Decodes the instruction at `at` in the `code` that lies at `start`.
    pub(super) fn decode(code: &'c [u8], start: CodeAddr, at: Offset) -> Result<Self, Refusal> {
        let rest = code.get(at.0..).unwrap_or(&[]);
        match decode(rest) {
            Ok(insn) => Ok(Self {
                insn,
                at,
                address: start.at(at),
            }),
            Err(error) => {
                let bytes = rest.get(..MAX_LEN).unwrap_or(rest);
                Err(Refusal::new(Reason::Undecodable(error), at, bytes))
            }
        }
    }

    /// The offset behind it.
    pub(super) const fn end(&self) -> Offset {
        self.at.plus(self.insn.len())
    }

    /// The address behind it.
    pub(super) const fn next(&self) -> CodeAddr {
        self.address.at(Offset(self.insn.len()))
    }

    /// Where it branches to, if its own bytes say so.
    pub(super) fn target(&self) -> Option<CodeAddr> {
        if let (Flow::JumpAbsolute, Some(address)) = (self.insn.flow(), self.last_eight()) {
            return Some(CodeAddr(address));
        }
        let branch = self.insn.branch()?;
        Some(CodeAddr(branch.target(self.next().0)))
    }

    /// The address of its operand, if that is relative to its own.
    pub(super) fn operand(&self) -> Option<CodeAddr> {
        if !self.insn.is_rip_relative() {
            return None;
        }
        let disp = i64::from(self.insn.disp()?);
        let address = self.next().0.wrapping_add_signed(disp);
        if self.insn.has_address_size() {
            return Some(CodeAddr(address & 0xffff_ffff));
        }
        Some(CodeAddr(address))
    }

    pub(super) const fn is_int3(&self) -> bool {
        matches!(self.insn.bytes(), [0xcc])
    }

    /// Whether it takes its operand's address alone.
    pub(super) const fn is_lea(&self) -> bool {
        matches!(self.insn.map(), Map::OneByte) && self.insn.opcode() == 0x8d
    }

    /// Whether int3 behind it is padding: it ends a block, or calls what does not return.
    pub(super) const fn is_before_padding(&self) -> bool {
        let flow = self.insn.flow();
        flow.is_end() || matches!(flow, Flow::Call | Flow::IndirectCall | Flow::Trap)
    }

    pub(super) fn refuse(&self, reason: Reason) -> Refusal {
        Refusal::new(reason, self.at, self.insn.bytes())
    }

    fn last_eight(&self) -> Option<u64> {
        let bytes = self.insn.bytes().last_chunk()?;
        Some(u64::from_le_bytes(*bytes))
    }
}

/// The instructions of `code`, one behind the other, until one does not decode.
pub(super) struct Instructions<'c> {
    code: &'c [u8],
    start: CodeAddr,
    at: Offset,
}

impl<'c> Instructions<'c> {
    /// Those from `at` on in the `code` that lies at `start`.
    pub(super) const fn new(code: &'c [u8], start: CodeAddr, at: Offset) -> Self {
        Self { code, start, at }
    }
}

impl<'c> Iterator for Instructions<'c> {
    type Item = Result<Placed<'c>, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at.0 >= self.code.len() {
            return None;
        }
        let placed = Placed::decode(self.code, self.start, self.at);
        self.at = match &placed {
            Ok(placed) => placed.end(),
            Err(_) => Offset(self.code.len()),
        };
        Some(placed)
    }
}
