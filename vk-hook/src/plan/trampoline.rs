//! The way to the original: displaced instructions, and a jump behind them.

use super::bytes::Bytes;
use super::map::Map;
use super::relocate::{jump, moved, rel32};
use super::{CodeAddr, Displaced, Offset, Reason, Refusal};
use crate::insn::MAX_LEN;

/// `endbr64`: a trampoline may be called through a pointer.
pub(super) const HEAD: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];

/// The longest trampoline, in bytes.
///
/// Under a jump there is room for two short conditional jumps, which grow from two bytes to six,
/// and the first byte of the longest instruction.
pub const TRAMPOLINE_MAX: usize = HEAD.len() + 2 * 6 + MAX_LEN + super::displaced::JUMP_LEN;

/// The way to the original, as it must be written at its address.
///
/// `endbr64`, the displaced instructions, and a jump to those behind them unless the last one never
/// goes there. It changes no register and no flag that the displaced instructions do not, has no
/// call, no return and no indirect branch of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trampoline {
    address: CodeAddr,
    bytes: Bytes<TRAMPOLINE_MAX>,
}

impl Trampoline {
    pub(super) fn new(
        displaced: &Displaced,
        map: &Map,
        address: CodeAddr,
    ) -> Result<Self, Refusal> {
        let mut trampoline = Self {
            address,
            bytes: Bytes::of(&HEAD),
        };
        let mut returns = true;
        for placed in displaced.instructions() {
            let placed = placed?;
            let target = placed.target().map(|target| {
                let old = target.offset_from(displaced.function());
                match map.new_of(old) {
                    Some(new) if displaced.contains(target) => address.at(new),
                    _ => target,
                }
            });
            let bytes = moved(&placed, trampoline.end(), target)?;
            trampoline.bytes.push(bytes.as_slice());
            returns = !placed.insn.flow().is_end();
        }
        if returns {
            trampoline.push_way_back(displaced)?;
        }
        Ok(trampoline)
    }

    /// Returns where it must be written.
    pub const fn address(&self) -> CodeAddr {
        self.address
    }

    /// Returns where a direct jump or call may enter it: behind `endbr64`.
    pub const fn direct(&self) -> CodeAddr {
        self.address.at(Offset(HEAD.len()))
    }

    /// Returns what must be written there: at most [`TRAMPOLINE_MAX`] bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    fn push_way_back(&mut self, displaced: &Displaced) -> Result<(), Refusal> {
        let target = displaced.next();
        let next = self.end().at(Offset(super::displaced::JUMP_LEN));
        let Some(rel) = rel32(next, target) else {
            return Err(displaced.refuse(Reason::OutOfRange { target }));
        };
        self.bytes.push(&jump(&rel));
        Ok(())
    }

    const fn end(&self) -> CodeAddr {
        self.address.at(Offset(self.bytes.len()))
    }
}
