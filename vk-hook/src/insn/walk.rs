//! The way through an instruction: prefixes, escapes, opcode.

use super::attr::{Attr, Imm};
use super::modrm::Form;
use super::one_byte::{ONE_BYTE, REFUSED_BY_REX2};
use super::prefix::Prefixes;
use super::shape::{self, Shape};
use super::two_byte::TWO_BYTE;
use super::{group, vector, Encoding, Flow, Map};

/// What is ahead: the bytes behind the prefixes and escapes, the next one lowest.
///
/// After all prefixes no more than seven bytes are looked at: EVEX, opcode, `ModRM`, SIB.
#[derive(Clone, Copy)]
struct Ahead {
    code: u64,
    prefixes: Prefixes,
}

impl Ahead {
    const fn byte(self) -> u8 {
        self.code as u8
    }

    /// The offset of the next byte.
    const fn at(self) -> u32 {
        self.prefixes.at()
    }

    const fn second(self) -> u8 {
        (self.code >> 8) as u8
    }

    const fn third(self) -> u8 {
        (self.code >> 16) as u8
    }

    /// The next two bytes alone: what is behind is no SIB byte.
    const fn two(self) -> u64 {
        self.code & 0xffff
    }

    const fn skip(self, bytes: u32) -> Self {
        Self {
            code: self.code >> ((bytes << 3) & 63),
            prefixes: self.prefixes.skip(bytes),
        }
    }
}

/// Finds the parts of the instruction that `window` begins with.
///
/// An instruction that ends behind the window has a length above 15; bytes behind the window are
/// taken for 0 and decide nothing.
#[inline(always)]
pub(super) const fn walk(window: &[u8; 16]) -> Shape {
    let all = u128::from_le_bytes(*window);
    let ahead = Ahead {
        code: all as u64,
        prefixes: Prefixes::NONE,
    };
    // The usual case, no prefix or REX alone, is found without a table: whoever is wrong about the
    // branch knows it early.
    if ahead.code & 0xf0 == 0x40 {
        let behind = Ahead {
            code: ahead.code >> 8,
            prefixes: Prefixes::rex(ahead.byte()),
        };
        return usual(behind, all);
    }
    usual(ahead, all)
}

/// An opcode behind no prefix, or behind REX.
#[inline(always)]
const fn usual(ahead: Ahead, all: u128) -> Shape {
    let attr = ONE_BYTE[ahead.byte() as usize];
    if attr.is_opcode() {
        return finish(ahead, attr, (Encoding::Legacy, Map::OneByte));
    }
    if ahead.byte() == 0x0f {
        return two_byte(ahead.skip(1), all);
    }
    if attr.is_group() {
        return grouped(ahead, attr, (Encoding::Legacy, Map::OneByte));
    }
    walk_any(all)
}

/// Does what [`walk`] does, with any prefixes.
#[inline(never)]
pub(super) const fn walk_any(all: u128) -> Shape {
    let prefixes = Prefixes::read(all);
    let ahead = Ahead {
        code: (all >> ((prefixes.at() << 3) & 127)) as u64,
        prefixes,
    };
    let attr = ONE_BYTE[ahead.byte() as usize];
    if attr.is_opcode() {
        return finish_rare(ahead, attr, (Encoding::Legacy, Map::OneByte));
    }
    if ahead.byte() == 0x0f {
        return two_byte(ahead.skip(1), all);
    }
    rare(ahead, attr)
}

/// An opcode behind `0F`.
#[inline(always)]
const fn two_byte(ahead: Ahead, all: u128) -> Shape {
    let attr = TWO_BYTE[ahead.byte() as usize];
    let place = (Encoding::Legacy, Map::Map0f);
    if !attr.allows(ahead.prefixes.mandatory()) {
        return Shape::unknown(ahead.at());
    }
    if attr.is_opcode() {
        return finish(ahead, attr, place);
    }
    two_byte_rare(ahead, attr, all)
}

#[inline(never)]
const fn two_byte_rare(ahead: Ahead, attr: Attr, all: u128) -> Shape {
    match ahead.byte() {
        0x0f => now_3d(ahead, attr, all),
        // mov to and from control and debug registers ignores mod: manual, volume 2, "MOV".
        0x20..=0x23 => {
            let place = (Encoding::Legacy, Map::Map0f);
            Shape::new(ahead.two(), attr, ahead.prefixes, place, Form::REGISTER)
        }
        0x38 => vector(
            ahead.skip(1),
            Encoding::Legacy,
            Map::Map0f38,
            ahead.prefixes.mandatory(),
        ),
        0x3a => vector(
            ahead.skip(1),
            Encoding::Legacy,
            Map::Map0f3a,
            ahead.prefixes.mandatory(),
        ),
        _ => grouped(ahead, attr, (Encoding::Legacy, Map::Map0f)),
    }
}

/// 3DNow!: the second opcode stands behind the operands.
const fn now_3d(ahead: Ahead, attr: Attr, all: u128) -> Shape {
    let shape = finish_rare(ahead, attr, (Encoding::Legacy, Map::Map0f));
    let last = shape.len().wrapping_sub(1) as u32;
    let opcode = (all >> ((last << 3) & 127)) as u8;
    if last < 16 && !group::is_now_3d(opcode) {
        return Shape::unknown(last);
    }
    shape
}

/// What is no plain opcode of one or two bytes.
#[inline(never)]
const fn rare(ahead: Ahead, attr: Attr) -> Shape {
    let byte = ahead.byte();
    if attr.is_group() {
        return grouped(ahead, attr, (Encoding::Legacy, Map::OneByte));
    }
    if !attr.is_escape() {
        return Shape::invalid(ahead.at());
    }
    match byte {
        0xd5 => rex2(ahead),
        // The second byte of pop has /0 where XOP has a map of 8 or more.
        0x8f if ahead.second() & 0x1f < 8 => grouped(
            ahead,
            Attr::MODRM.grouped(),
            (Encoding::Legacy, Map::OneByte),
        ),
        // Whether it is XOP, the second byte said.
        0x8f if ahead.prefixes.refuse_vector() => Shape::invalid(ahead.at().wrapping_add(1)),
        _ if ahead.prefixes.refuse_vector() => Shape::invalid(ahead.at()),
        0xc5 => vex2(ahead),
        0xc4 => vex3(ahead),
        0x62 => evex(ahead),
        _ => xop(ahead),
    }
}

/// REX2: APX specification, 3.1.2.
const fn rex2(ahead: Ahead) -> Shape {
    let payload = ahead.second();
    let opcode = ahead.third();
    if ahead.prefixes.has_rex() {
        return Shape::invalid(ahead.at());
    }
    let mut behind = ahead.skip(2);
    behind.prefixes = behind.prefixes.with_rex2(payload);
    let map = payload >> 7;
    if map == 0 && opcode == 0xa1 {
        return jmpabs(behind);
    }
    let refused = REFUSED_BY_REX2[(map & 1) as usize] >> (opcode >> 4) & 1 != 0;
    if refused {
        return Shape::invalid(behind.at());
    }
    if map == 0 {
        return rex2_opcode(behind, ONE_BYTE[opcode as usize], Map::OneByte);
    }
    let attr = TWO_BYTE[opcode as usize];
    if !attr.allows(behind.prefixes.mandatory()) {
        return Shape::unknown(behind.at());
    }
    rex2_opcode(behind, attr, Map::Map0f)
}

const fn rex2_opcode(ahead: Ahead, attr: Attr, map: Map) -> Shape {
    let place = (Encoding::Rex2, map);
    match ahead.byte() {
        0x8f if matches!(map, Map::OneByte) => grouped(ahead, Attr::MODRM.grouped(), place),
        // 3DNow! is AMD's, and has no form with it.
        0x0f if matches!(map, Map::Map0f) => Shape::unknown(ahead.at()),
        0x20..=0x23 if matches!(map, Map::Map0f) => {
            Shape::new(ahead.two(), attr, ahead.prefixes, place, Form::REGISTER)
        }
        _ if attr.is_opcode() => finish_rare(ahead, attr, place),
        _ if attr.is_group() => grouped(ahead, attr, place),
        _ => Shape::invalid(ahead.at()),
    }
}

/// `jmpabs`: an address of eight bytes.
const fn jmpabs(ahead: Ahead) -> Shape {
    const ADDRESS: Attr = Attr::imm(Imm::Offset).with_flow(Flow::JumpAbsolute);
    if ahead.prefixes.refuse_jmpabs() {
        return Shape::invalid(ahead.at());
    }
    finish_rare(ahead, ADDRESS, (Encoding::Rex2, Map::OneByte))
}

/// VEX of two bytes: manual, volume 2, 2.3.5.
const fn vex2(ahead: Ahead) -> Shape {
    let mut behind = ahead.skip(2);
    // Bit 7 is R here, not W.
    let byte = ahead.second() & 0x7f;
    behind.prefixes = behind.prefixes.with_vector(byte);
    vector(behind, Encoding::Vex, Map::Map0f, (byte & 3) as u32)
}

/// VEX of three bytes.
const fn vex3(ahead: Ahead) -> Shape {
    let number = ahead.second() & 0x1f;
    if number == 0 || number > 7 {
        return Shape::unknown(ahead.at().wrapping_add(1));
    }
    let mut behind = ahead.skip(3);
    behind.prefixes = behind.prefixes.with_vector(ahead.third());
    let prefix = (ahead.third() & 3) as u32;
    vector(behind, Encoding::Vex, shape::map(number), prefix)
}

/// EVEX: manual, volume 2, 2.7; with the bits that APX and AVX10.2 gave a meaning.
const fn evex(ahead: Ahead) -> Shape {
    let number = ahead.second() & 7;
    if number == 0 {
        return Shape::unknown(ahead.at().wrapping_add(1));
    }
    let mut behind = ahead.skip(4);
    behind.prefixes = behind.prefixes.with_vector(ahead.third());
    let prefix = (ahead.third() & 3) as u32;
    vector(behind, Encoding::Evex, shape::map(number), prefix)
}

/// XOP: AMD's manual, volume 6, 1.2.
const fn xop(ahead: Ahead) -> Shape {
    let map = match ahead.second() & 0x1f {
        8 => Map::Xop8,
        9 => Map::Xop9,
        10 => Map::XopA,
        _ => return Shape::unknown(ahead.at().wrapping_add(1)),
    };
    let mut behind = ahead.skip(3);
    behind.prefixes = behind.prefixes.with_vector(ahead.third());
    vector(behind, Encoding::Xop, map, (ahead.third() & 3) as u32)
}

/// An opcode of a map that [`vector`](super::vector) describes.
const fn vector(ahead: Ahead, encoding: Encoding, map: Map, prefix: u32) -> Shape {
    let attr = vector::attr(encoding, map, ahead.byte(), prefix);
    if attr.is_unknown() {
        return Shape::unknown(ahead.at());
    }
    if attr.is_group() {
        return grouped(ahead, attr, (encoding, map));
    }
    finish_rare(ahead, attr, (encoding, map))
}

/// An opcode whose `ModRM` byte decides.
#[inline(never)]
const fn grouped(ahead: Ahead, attr: Attr, place: (Encoding, Map)) -> Shape {
    let prefix = ahead.prefixes.mandatory();
    let attr = group::attr(place.1, ahead.byte(), ahead.second(), prefix, attr);
    if attr.is_unknown() {
        return Shape::unknown(ahead.at().wrapping_add(1));
    }
    finish_rare(ahead, attr, place)
}

/// Does what [`finish`] does, out of the way of the usual instructions.
#[inline(never)]
const fn finish_rare(ahead: Ahead, attr: Attr, place: (Encoding, Map)) -> Shape {
    finish(ahead, attr, place)
}

#[inline(always)]
const fn finish(ahead: Ahead, attr: Attr, place: (Encoding, Map)) -> Shape {
    let form = Form::of(ahead.second());
    Shape::new(ahead.code, attr, ahead.prefixes, place, form)
}
