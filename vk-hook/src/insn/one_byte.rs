//! Opcodes of one byte: manual, volume 2, table A-2.

use super::attr::{Attr, Imm};
use super::Flow;

/// A legacy prefix.
const P: Attr = Attr::PREFIX;
/// A REX prefix.
const R: Attr = Attr::REX;
/// An escape: `0F`, VEX, EVEX, XOP or `pop`, REX2.
const E: Attr = Attr::ESCAPE;
/// Invalid in 64-bit mode.
const X: Attr = Attr::INVALID;
/// No operands behind it.
const N: Attr = Attr::PLAIN;
/// `ModRM`.
const M: Attr = Attr::MODRM;
/// `ModRM`, `Ib`.
const MB: Attr = M.with_imm(Imm::Byte);
/// `ModRM`, `Iz`.
const MZ: Attr = M.with_imm(Imm::Z);
/// A group.
const G: Attr = M.grouped();
/// `Ib`.
const IB: Attr = Attr::imm(Imm::Byte);
/// `Iz`.
const IZ: Attr = Attr::imm(Imm::Z);
/// `Iv`.
const IV: Attr = Attr::imm(Imm::V);
/// `Ob`, `Ov`.
const OV: Attr = Attr::imm(Imm::Offset);
/// `enter`.
const EN: Attr = Attr::imm(Imm::Enter);
/// `jcc rel8`.
const JC: Attr = IB.with_flow(Flow::Jcc);
/// `loop`, `jrcxz`.
const LP: Attr = IB.with_flow(Flow::Loop);
/// `jmp rel8`.
const JB: Attr = IB.with_flow(Flow::Jump);
/// `jmp rel32`.
const JZ: Attr = Attr::imm(Imm::Rel32).with_flow(Flow::Jump);
/// `call rel32`.
const CZ: Attr = Attr::imm(Imm::Rel32).with_flow(Flow::Call);
/// `ret`, `retf`, `iret`.
const RT: Attr = N.with_flow(Flow::Return);
/// `ret Iw`, `retf Iw`.
const RW: Attr = Attr::imm(Imm::Word).with_flow(Flow::Return);
/// `int3`, `int1`, `udb`.
const T: Attr = N.with_flow(Flow::Trap);
/// `int Ib`.
const TB: Attr = IB.with_flow(Flow::Trap);

/// What each byte says.
#[rustfmt::skip]
pub(super) static ONE_BYTE: [Attr; 256] = [
//  x0  x1  x2  x3  x4  x5  x6  x7  x8  x9  xA  xB  xC  xD  xE  xF
    M,  M,  M,  M,  IB, IZ, X,  X,  M,  M,  M,  M,  IB, IZ, X,  E,  // 0x
    M,  M,  M,  M,  IB, IZ, X,  X,  M,  M,  M,  M,  IB, IZ, X,  X,  // 1x
    M,  M,  M,  M,  IB, IZ, P,  X,  M,  M,  M,  M,  IB, IZ, P,  X,  // 2x
    M,  M,  M,  M,  IB, IZ, P,  X,  M,  M,  M,  M,  IB, IZ, P,  X,  // 3x
    R,  R,  R,  R,  R,  R,  R,  R,  R,  R,  R,  R,  R,  R,  R,  R,  // 4x
    N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  // 5x
    X,  X,  E,  M,  P,  P,  P,  P,  IZ, MZ, IB, MB, N,  N,  N,  N,  // 6x
    JC, JC, JC, JC, JC, JC, JC, JC, JC, JC, JC, JC, JC, JC, JC, JC, // 7x
    MB, MZ, X,  MB, M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  M,  E,  // 8x
    N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  X,  N,  N,  N,  N,  N,  // 9x
    OV, OV, OV, OV, N,  N,  N,  N,  IB, IZ, N,  N,  N,  N,  N,  N,  // Ax
    IB, IB, IB, IB, IB, IB, IB, IB, IV, IV, IV, IV, IV, IV, IV, IV, // Bx
    MB, MB, RW, RT, E,  E,  G,  G,  EN, N,  RW, RT, T,  TB, X,  RT, // Cx
    M,  M,  M,  M,  X,  E,  T,  N,  G,  G,  G,  G,  G,  G,  G,  G,  // Dx
    LP, LP, LP, LP, IB, IB, IB, IB, CZ, JZ, X,  JB, N,  N,  N,  N,  // Ex
    P,  T,  P,  P,  N,  N,  G,  G,  N,  N,  N,  N,  N,  N,  G,  G,  // Fx
];

/// Which rows REX2 refuses in this map and the next: APX specification, 3.1.2.1.
///
/// A bit for each high half of an opcode.
pub(super) const REFUSED_BY_REX2: [u16; 2] =
    [1 << 4 | 1 << 7 | 1 << 0xa | 1 << 0xe, 1 << 3 | 1 << 8];
