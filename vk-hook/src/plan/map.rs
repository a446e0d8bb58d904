//! Where displaced instructions went.

use super::relocate::moved_len;
use super::trampoline::HEAD;
use super::{Displaced, Offset, Refusal};

/// Instructions that begin under a jump, and the place behind the last.
const PAIRS: usize = super::displaced::JUMP_LEN + 1;

/// Where displaced instructions went: offsets in the function and in the trampoline.
///
/// It has the start of every displaced instruction, and the place behind the last, where the
/// trampoline has its way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    pairs: [Option<(Offset, Offset)>; PAIRS],
}

impl Map {
    pub(super) fn of(displaced: &Displaced) -> Result<Self, Refusal> {
        let mut map = Self {
            pairs: [None; PAIRS],
        };
        let mut slots = map.pairs.iter_mut();
        let mut put = |pair| {
            if let Some(slot) = slots.next() {
                *slot = Some(pair);
            }
        };
        let mut new = Offset(HEAD.len());
        for placed in displaced.instructions() {
            let placed = placed?;
            put((placed.at, new));
            new = new.plus(moved_len(&placed.insn));
        }
        put((displaced.range().end, new));
        Ok(map)
    }

    /// Returns the pairs, in order: in the function, in the trampoline.
    pub fn pairs(&self) -> impl Iterator<Item = (Offset, Offset)> + '_ {
        self.pairs.iter().filter_map(|pair| *pair)
    }

    /// Returns where in the trampoline the instruction at `old` of the function went.
    ///
    /// `None` if no displaced instruction begins there.
    pub fn new_of(&self, old: Offset) -> Option<Offset> {
        let mut pairs = self.pairs();
        pairs.find(|pair| pair.0 == old).map(|pair| pair.1)
    }

    /// Returns where in the function the instruction at `new` of the trampoline stood.
    ///
    /// The `endbr64` at the trampoline's head stands for the first displaced instruction. `None`
    /// if no instruction begins there.
    pub fn old_of(&self, new: Offset) -> Option<Offset> {
        let mut pairs = self.pairs();
        if new == Offset(0) {
            return pairs.next().map(|pair| pair.0);
        }
        pairs.find(|pair| pair.1 == new).map(|pair| pair.0)
    }
}
