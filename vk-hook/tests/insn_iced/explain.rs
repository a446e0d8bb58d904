//! Every disagreement with iced-x86, by the decoder that is wrong and the manual that says so.

use super::oracle::is_known;
use std::collections::HashMap;
use vk_hook::insn::{Encoding, Insn, Map};

/// Instructions that are newer than iced-x86 1.22, or that it leaves out: iced is wrong.
pub(crate) struct Newer {
    /// What they are, and where the manual describes them.
    pub(crate) reason: &'static str,
    encoding: Encoding,
    map: Map,
    /// Opcodes, and the mandatory prefixes they are new with: the sum of 1 for none, 2 for `66`,
    /// 4 for `F3`, 8 for `F2`.
    opcodes: &'static [(u8, u8)],
}

pub(crate) const APX: &str = "iced: APX specification, EVEX of map 4 and promoted VEX instructions";
const AVX10: &str = "iced: AVX10.2 specification";
const AUX: &str = "iced: ACE specification, version 1, AVX10_V2_AUX";
const AMX: &str =
    "iced: instruction set extensions reference, AMX: AVX512, FP8, MOVRS, TF32, TRANSPOSE";
const ACE: &str = "iced: ACE specification, version 1";
const MSR: &str = "iced: instruction set extensions reference, MSR_IMM and USER_MSR";

/// The newer instructions.
#[rustfmt::skip]
pub(crate) const NEWER: &[Newer] = &[
    Newer { reason: "iced: volume 2, UDB", encoding: Encoding::Legacy, map: Map::OneByte, opcodes: &[(0xd6, 15)] },
    Newer { reason: "iced: instruction set extensions reference, MOVRS", encoding: Encoding::Legacy, map: Map::Map0f38, opcodes: &[(0x8a, 3), (0x8b, 3)] },
    Newer { reason: MSR, encoding: Encoding::Vex, map: Map::Map7, opcodes: &[(0xf6, 12), (0xf8, 12)] },
    Newer { reason: MSR, encoding: Encoding::Evex, map: Map::Map7, opcodes: &[(0xf6, 12), (0xf8, 12)] },
    Newer { reason: AMX, encoding: Encoding::Vex, map: Map::Map0f38, opcodes: &[
        (0x48, 3), (0x4a, 10), (0x5f, 5), (0x6b, 15), (0x6c, 12), (0x6e, 3), (0x6f, 3),
    ] },
    Newer { reason: AMX, encoding: Encoding::Vex, map: Map::Map5, opcodes: &[(0xf8, 3), (0xf9, 3), (0xfd, 15)] },
    Newer { reason: AMX, encoding: Encoding::Evex, map: Map::Map0f38, opcodes: &[(0x4a, 14), (0x6d, 15), (0x6e, 3), (0x6f, 3)] },
    Newer { reason: AMX, encoding: Encoding::Evex, map: Map::Map0f3a, opcodes: &[(0x07, 15), (0x77, 12)] },
    Newer { reason: AMX, encoding: Encoding::Evex, map: Map::Map5, opcodes: &[(0xf8, 3), (0xf9, 3)] },
    Newer { reason: ACE, encoding: Encoding::Evex, map: Map::Map0f38, opcodes: &[(0x5c, 4), (0x5e, 15)] },
    Newer { reason: ACE, encoding: Encoding::Evex, map: Map::Map0f3a, opcodes: &[(0x2f, 2), (0x8d, 15), (0x8f, 8)] },
    Newer { reason: ACE, encoding: Encoding::Evex, map: Map::Map6, opcodes: &[(0x95, 13)] },
    Newer { reason: APX, encoding: Encoding::Evex, map: Map::Map0f, opcodes: &[(0x90, 3), (0x91, 3), (0x92, 11), (0x93, 11)] },
    Newer { reason: APX, encoding: Encoding::Evex, map: Map::Map0f38, opcodes: &[
        (0x49, 3), (0x4b, 14), (0xe0, 2), (0xe1, 2), (0xe2, 2), (0xe3, 2), (0xe4, 2), (0xe5, 2),
        (0xe6, 2), (0xe7, 2), (0xe8, 2), (0xe9, 2), (0xea, 2), (0xeb, 2), (0xec, 2), (0xed, 2),
        (0xee, 2), (0xef, 2), (0xf2, 1), (0xf3, 1), (0xf5, 13), (0xf6, 8), (0xf7, 15),
    ] },
    Newer { reason: APX, encoding: Encoding::Evex, map: Map::Map0f3a, opcodes: &[(0xf0, 8)] },
    Newer { reason: AVX10, encoding: Encoding::Evex, map: Map::Map0f, opcodes: &[(0x2e, 12), (0x2f, 12)] },
    Newer { reason: AVX10, encoding: Encoding::Evex, map: Map::Map0f38, opcodes: &[
        (0x50, 13), (0x51, 13), (0x52, 1), (0x67, 2), (0x74, 13), (0xd2, 7), (0xd3, 7), (0xda, 12),
    ] },
    Newer { reason: AVX10, encoding: Encoding::Evex, map: Map::Map0f3a, opcodes: &[
        (0x08, 8), (0x26, 8), (0x42, 4), (0x52, 11), (0x53, 3), (0x56, 8), (0x66, 8), (0xc2, 8),
    ] },
    Newer { reason: AVX10, encoding: Encoding::Evex, map: Map::Map5, opcodes: &[
        (0x18, 13), (0x1b, 13), (0x1e, 8), (0x2e, 4), (0x2f, 6), (0x51, 2), (0x58, 2), (0x59, 2),
        (0x5c, 2), (0x5d, 2), (0x5e, 2), (0x5f, 2), (0x68, 11), (0x69, 11), (0x6a, 11),
        (0x6b, 11), (0x6c, 15), (0x6d, 15), (0x6e, 4), (0x6f, 12), (0x74, 13), (0x7e, 4),
    ] },
    Newer { reason: AUX, encoding: Encoding::Evex, map: Map::Map0f38, opcodes: &[(0x41, 4)] },
    Newer { reason: AUX, encoding: Encoding::Evex, map: Map::Map0f3a, opcodes: &[(0x3d, 1)] },
    Newer { reason: AUX, encoding: Encoding::Evex, map: Map::Map5, opcodes: &[
        (0x36, 1), (0x37, 3), (0x38, 7), (0x39, 5), (0x3a, 7), (0x3b, 5), (0x3c, 4), (0x3d, 4),
        (0x3e, 4),
    ] },
    Newer { reason: AVX10, encoding: Encoding::Evex, map: Map::Map6, opcodes: &[
        (0x2c, 1), (0x42, 1), (0x4c, 1), (0x4e, 1), (0x98, 1), (0x9a, 1), (0x9c, 1), (0x9e, 1),
        (0xa8, 1), (0xaa, 1), (0xac, 1), (0xae, 1), (0xb8, 1), (0xba, 1), (0xbc, 1), (0xbe, 1),
    ] },
];

/// Returns why iced refuses an opcode that exists, if it is a newer one.
pub(crate) fn newer(
    encoding: Encoding,
    map: Map,
    opcode: u8,
    prefix: usize,
) -> Option<&'static str> {
    if encoding == Encoding::Rex2 || (encoding, map) == (Encoding::Evex, Map::Map4) {
        return Some(APX);
    }
    let has = |it: &&Newer| {
        let same = (it.encoding, it.map) == (encoding, map);
        same && it.opcodes.contains(&(opcode, it.mask(opcode)))
            && it.mask(opcode) >> prefix & 1 == 1
    };
    NEWER.iter().find(has).map(|it| it.reason)
}

impl Newer {
    fn mask(&self, opcode: u8) -> u8 {
        let found = self.opcodes.iter().find(|(it, _)| *it == opcode);
        found.map_or(0, |(_, mask)| *mask)
    }
}

/// Opcodes of which iced knows at least one form: what it refuses of them is an operand, which we
/// do not judge ("What it judges" in the module's documentation).
#[derive(Default)]
pub(crate) struct Forms {
    known: HashMap<(Encoding, Map, u8, usize), bool>,
}

impl Forms {
    /// Says why iced refuses what we take, or nothing.
    pub(crate) fn explain(&mut self, insn: &Insn<'_>) -> Option<&'static str> {
        let prefix = mandatory_prefix(insn);
        let (encoding, map, opcode) = (insn.encoding(), insn.map(), insn.opcode());
        if let Some(reason) = newer(encoding, map, opcode, prefix) {
            return Some(reason);
        }
        self.is_known(encoding, map, opcode, prefix)
            .then_some("ours: an operand is not judged: volume 2, the instruction's own page")
    }

    /// Whether iced knows a form of this opcode.
    pub(crate) fn is_known(
        &mut self,
        encoding: Encoding,
        map: Map,
        opcode: u8,
        prefix: usize,
    ) -> bool {
        let forms = || {
            heads(encoding, map, prefix)
                .iter()
                .any(|head| has_form(head, opcode))
        };
        *self
            .known
            .entry((encoding, map, opcode, prefix))
            .or_insert_with(forms)
    }
}

/// The mandatory prefix of an instruction: 0 none, 1 `66`, 2 `F3`, 3 `F2`.
pub(crate) fn mandatory_prefix(insn: &Insn<'_>) -> usize {
    let bytes = insn.bytes();
    let from_end = |back: usize| usize::from(bytes[insn.opcode_at() - back] & 3);
    match insn.encoding() {
        Encoding::Vex | Encoding::Xop => from_end(1),
        Encoding::Evex => from_end(2),
        _ => legacy_prefix(&bytes[..insn.opcode_at()]),
    }
}

fn legacy_prefix(bytes: &[u8]) -> usize {
    let is_prefix = |byte: &&u8| {
        matches!(**byte, 0x26 | 0x2e | 0x36 | 0x3e | 0x40..=0x4f | 0x64..=0x67)
            || matches!(**byte, 0xf0 | 0xf2 | 0xf3)
    };
    let prefixes: Vec<u8> = bytes.iter().take_while(is_prefix).copied().collect();
    match prefixes.iter().rev().find(|byte| **byte & 0xfe == 0xf2) {
        Some(0xf3) => 2,
        Some(_) => 3,
        None => usize::from(prefixes.contains(&0x66)),
    }
}

/// What can stand in front of an opcode of this map, with this mandatory prefix.
pub(crate) fn heads(encoding: Encoding, map: Map, prefix: usize) -> Vec<Vec<u8>> {
    const PREFIXES: [&[u8]; 4] = [&[], &[0x66], &[0xf3], &[0xf2]];
    let pp = prefix as u8;
    let number = map as u8;
    let mut heads = Vec::new();
    match encoding {
        Encoding::Legacy => {
            let escape: &[u8] = match map {
                Map::Map0f => &[0x0f],
                Map::Map0f38 => &[0x0f, 0x38],
                Map::Map0f3a => &[0x0f, 0x3a],
                _ => &[],
            };
            for rex in [&[][..], &[0x48]] {
                heads.push([PREFIXES[prefix], rex, escape].concat());
            }
        }
        Encoding::Vex | Encoding::Xop => {
            let first = if encoding == Encoding::Vex {
                0xc4
            } else {
                0x8f
            };
            for w_l in [0x00, 0x04, 0x80, 0x84] {
                for vvvv in [0x78, 0x00] {
                    heads.push(vec![first, 0xe0 | number, w_l | vvvv | pp]);
                }
            }
        }
        _ => {
            for w in [0x00, 0x80] {
                for length in [0x00, 0x20, 0x40] {
                    for mask in [0, 1] {
                        let last = length | 0x08 | mask;
                        heads.push(vec![0x62, 0xf0 | number, w | 0x7c | pp, last]);
                    }
                }
            }
        }
    }
    heads
}

/// `ModRM` bytes of all kinds of operands: each reg field, with memory, with a SIB byte, and with
/// each register.
pub(crate) fn operands() -> impl Iterator<Item = u8> {
    (0..8).flat_map(|reg| {
        let memory = [0x00, 0x04].map(|rm| rm | reg << 3);
        let registers = (0..8).map(move |rm| 0xc0 | rm | reg << 3);
        memory.into_iter().chain(registers)
    })
}

/// Whether iced knows an instruction of this head and opcode, by trying all kinds of operands.
fn has_form(head: &[u8], opcode: u8) -> bool {
    // A register as index of the SIB byte, which gathers must not have as their result.
    const TAIL: [u8; 12] = [0x08; 12];
    let code = |modrm: u8| [head, &[opcode, modrm], &TAIL].concat();
    // 3DNow! has its second opcode last.
    operands().any(|modrm| is_known(&code(modrm)))
        || is_known(&[head, &[opcode, 0xc0, 0x9e]].concat())
}
