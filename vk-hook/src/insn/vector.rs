//! Maps whose opcodes all look alike: behind `0F 38` and `0F 3A`, and those of VEX, EVEX and XOP.
//!
//! Manual, volume 2, tables and the pages of the instructions; for AMD's, volumes 4
//! and 6 of its manual, and appendix A.1 of volume 3; the specifications of APX, AVX10.2 and AMX.

use super::attr::{Attr, Imm};
use super::opcodes::Opcodes;
use super::{Encoding, Map};

mod evex;
mod legacy;
mod vex;
mod xop;

/// Returns what an opcode says, with the mandatory prefix of this number.
pub(super) const fn attr(encoding: Encoding, map: Map, opcode: u8, prefix: u32) -> Attr {
    let prefixes = match opcodes(encoding, map) {
        Some(opcodes) => opcodes.prefixes(opcode),
        None => few(encoding, map, opcode),
    };
    if prefixes >> (prefix & 3) & 1 == 0 {
        return Attr::UNKNOWN;
    }
    match map {
        Map::OneByte | Map::Map0f => map_1(opcode),
        Map::Map4 => map_4(opcode),
        Map::Map0f3a | Map::Xop8 => Attr::MODRM.with_imm(Imm::Byte),
        Map::Map7 | Map::XopA => Attr::MODRM.with_imm(Imm::Rel32),
        _ => Attr::MODRM,
    }
}

const fn opcodes(encoding: Encoding, map: Map) -> Option<&'static Opcodes> {
    Some(match (encoding, map) {
        (Encoding::Legacy, Map::Map0f38) => &legacy::MAP_0F38,
        (Encoding::Legacy, Map::Map0f3a) => &legacy::MAP_0F3A,
        (Encoding::Vex, Map::Map0f) => &vex::MAP_1,
        (Encoding::Vex, Map::Map0f38) => &vex::MAP_2,
        (Encoding::Vex, Map::Map0f3a) => &vex::MAP_3,
        (Encoding::Evex, Map::Map0f) => &evex::MAP_1,
        (Encoding::Evex, Map::Map0f38) => &evex::MAP_2,
        (Encoding::Evex, Map::Map0f3a) => &evex::MAP_3,
        (Encoding::Evex, Map::Map4) => &evex::MAP_4,
        (Encoding::Evex, Map::Map5) => &evex::MAP_5,
        (Encoding::Evex, Map::Map6) => &evex::MAP_6,
        (Encoding::Xop, Map::Xop8) => &xop::MAP_8,
        (Encoding::Xop, Map::Xop9) => &xop::MAP_9,
        _ => return None,
    })
}

/// Returns the mandatory prefixes of an opcode, for maps that have only a few.
///
/// The sum of them, as in [`Opcodes`].
const fn few(encoding: Encoding, map: Map, opcode: u8) -> u8 {
    match (encoding, map, opcode) {
        // t2rpntlvwz0rs and the like of AMX; AMX-FP8.
        (Encoding::Vex, Map::Map5, 0xf8 | 0xf9) => 1 + 2,
        (Encoding::Vex, Map::Map5, 0xfd) => 1 + 2 + 4 + 8,
        // rdmsr and wrmsrns, urdmsr and uwrmsr.
        (Encoding::Vex | Encoding::Evex, Map::Map7, 0xf6 | 0xf8) => 4 + 8,
        // bextr, lwpins and lwpval.
        (Encoding::Xop, Map::XopA, 0x10 | 0x12) => 1,
        _ => 0,
    }
}

/// Shuffles, shifts, compares and inserts have an immediate, as behind `0F`; `vzeroupper` nothing.
const fn map_1(opcode: u8) -> Attr {
    match opcode {
        0x70..=0x73 | 0xc2 | 0xc4..=0xc6 => Attr::MODRM.with_imm(Imm::Byte),
        0x77 => Attr::PLAIN,
        _ => Attr::MODRM,
    }
}

/// The immediates of the legacy opcodes that APX took into map 4.
///
/// `Iz` has two bytes where the mandatory prefix is `66` and W is 0: there it is the operand size.
const fn map_4(opcode: u8) -> Attr {
    match opcode {
        // shld, shrd, imul, group 1, group 2.
        0x24 | 0x2c | 0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 => Attr::MODRM.with_imm(Imm::Byte),
        // imul, group 1.
        0x69 | 0x81 => Attr::MODRM.with_imm(Imm::Z),
        // Group 3: test and ctest have an immediate.
        0xf6 | 0xf7 => Attr::MODRM.grouped(),
        _ => Attr::MODRM,
    }
}
