//! Opcodes behind `0F`: manual, volume 2, table A-3; AMD's manual, volume 3, table A-3.

use super::attr::{Attr, Imm};
use super::opcodes::digit;
use super::Flow;

/// An escape: `0F 38`, `0F 3A`.
const E: Attr = Attr::ESCAPE;
/// Unknown.
const U: Attr = Attr::UNKNOWN;
/// No operands behind it.
const N: Attr = Attr::PLAIN;
/// `ModRM`.
const M: Attr = Attr::MODRM;
/// `ModRM`, `Ib`.
const MB: Attr = M.with_imm(Imm::Byte);
/// A group.
const G: Attr = M.grouped();
/// A group with `Ib`; 3DNow!, whose opcode stands there.
const GB: Attr = MB.grouped();
/// `jcc rel32`.
const JC: Attr = Attr::imm(Imm::Rel32).with_flow(Flow::Jcc);
/// `sysret`, `sysexit`, `rsm`.
const RT: Attr = N.with_flow(Flow::Return);
/// `syscall`, `sysenter`, `ud2`.
const T: Attr = N.with_flow(Flow::Trap);
/// `ud0`, `ud1`: with a `ModRM` byte, as Intel's manual says.
const TM: Attr = M.with_flow(Flow::Trap);

/// What each opcode says.
pub(super) static TWO_BYTE: [Attr; 256] = with_prefixes();

#[rustfmt::skip]
const SHAPES: [Attr; 256] = [
//  x0  x1  x2  x3  x4  x5  x6  x7  x8  x9  xA  xB  xC  xD  xE  xF
    G,  G,  M,  M,  U,  T,  N,  RT, N,  N,  U,  T,  U,  M,  N,  GB, // 0x
    M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  // 1x
    G,  G,  G,  G,  U,  U,  U,  U,  M,  M,  M,  M,  M,  M,  M,  M,  // 2x
    N,  N,  N,  N,  T,  RT, U,  N,  E,  U,  E,  U,  U,  U,  U,  U,  // 3x
    M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  // 4x
    M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  // 5x
    M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  // 6x
    MB, GB, GB, GB, M,  M,  M,  N,  G,  M,  U,  U,  M,  M,  M,  M,  // 7x
    JC, JC, JC, JC, JC, JC, JC, JC, JC, JC, JC, JC, JC, JC, JC, JC, // 8x
    M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  // 9x
    N,  N,  N,  M,  MB, M,  G,  G,  N,  N,  RT, M,  MB, M,  G,  M,  // Ax
    M,  M,  M,  M,  M,  M,  M,  M,  M,  TM, GB, M,  M,  M,  M,  M,  // Bx
    M,  M,  MB, M,  MB, MB, MB, G,  N,  N,  N,  N,  N,  N,  N,  N,  // Cx
    M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  // Dx
    M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  // Ex
    M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  TM, // Fx
];

/// The mandatory prefixes, as in [`Opcodes`](super::opcodes::Opcodes).
const PREFIXES: [&[u8; 16]; 16] = [
    b"ffff.fffff.f.fff", // 0x
    b"fff33373ffffffff", // 1x
    b"ffff....33ffff33", // 2x
    b"ffffff.1f.f.....", // 3x
    b"ffffffffffffffff", // 4x
    b"3f553333fff7ffff", // 5x
    b"3333333333332237", // 6x
    b"f3333331bb..aa77", // 7x
    b"ffffffffffffffff", // 8x
    b"ffffffffffffffff", // 9x
    b"ffffffffffffffff", // Ax
    b"ffffffff4fffffff", // Bx
    b"fff1333fffffffff", // Cx
    b"a33333e333333333", // Dx
    b"333333e333333333", // Ex
    b"833333333333333f", // Fx
];

const fn with_prefixes() -> [Attr; 256] {
    let mut attrs = SHAPES;
    let mut opcode = 0;
    while opcode < 256 {
        let mask = digit(PREFIXES[opcode >> 4][opcode & 15]);
        attrs[opcode] = attrs[opcode].with_prefixes(mask);
        opcode += 1;
    }
    attrs
}
