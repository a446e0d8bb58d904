//! Whether a decoder knows an opcode at all: what it refuses then is an operand.

use std::collections::HashMap;
use std::marker::PhantomData;

use vk_hook::insn::{Encoding, Insn, Map};

use crate::explain::{self, mandatory_prefix, operands};
use crate::Decoder;

/// Opcodes of which a decoder knows at least one form.
pub(crate) struct Forms<D> {
    known: HashMap<(Encoding, Map, u8, usize), bool>,
    decoder: PhantomData<D>,
}

impl<D> Default for Forms<D> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            decoder: PhantomData,
        }
    }
}

impl<D: Decoder> Forms<D> {
    /// Whether the decoder knows a form of this opcode.
    pub(crate) fn is_known(&mut self, insn: &Insn<'_>) -> bool {
        let (encoding, map) = (insn.encoding(), insn.map());
        let (opcode, prefix) = (insn.opcode(), mandatory_prefix(insn));
        let key = (encoding, map, opcode, prefix);
        let known = || {
            let heads = heads(encoding, map, prefix);
            heads.iter().any(|head| has_form::<D>(head, opcode))
        };
        *self.known.entry(key).or_insert_with(known)
    }
}

/// What can stand in front of an opcode of this map, with this mandatory prefix.
fn heads(encoding: Encoding, map: Map, prefix: usize) -> Vec<Vec<u8>> {
    const PREFIXES: [&[u8]; 4] = [&[], &[0x66], &[0xf3], &[0xf2]];
    match (encoding, map) {
        (Encoding::Rex2, _) => {
            let map = u8::from(map == Map::Map0f) << 7;
            let payloads = [map, map | 8];
            let head = |payload: u8| [PREFIXES[prefix], &[0xd5, payload]].concat();
            payloads.map(head).to_vec()
        }
        (Encoding::Evex, _) => evex(map as u8, prefix as u8),
        _ => explain::heads(encoding, map, prefix),
    }
}

/// EVEX with all that may stand in its last two bytes: APX has conditions and new data destinations
/// there.
fn evex(map: u8, pp: u8) -> Vec<Vec<u8>> {
    let mut heads = Vec::new();
    for w in [0x00, 0x80] {
        for vvvv in [0x78, 0x00, 0x38] {
            for last in 0..=0x7f {
                heads.push(vec![0x62, 0xf0 | map, w | vvvv | 4 | pp, last]);
            }
        }
    }
    heads
}

/// Whether a decoder knows an instruction of this head and opcode, by trying all kinds of operands.
fn has_form<D: Decoder>(head: &[u8], opcode: u8) -> bool {
    // A register as index of the SIB byte, which gathers must not have as their result.
    const TAIL: [u8; 12] = [0x08; 12];
    let knows = |code: &[u8]| D::decode(&code[..code.len().min(crate::WINDOW)]).is_some();
    operands().any(|modrm| knows(&[head, &[opcode, modrm], &TAIL].concat()))
        || knows(&[head, &[opcode, 0xc0, 0x9e]].concat())
}
