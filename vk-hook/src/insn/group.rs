//! Opcodes whose meaning the `ModRM` byte decides: manual, volume 2, tables.

use super::attr::{Attr, Imm};
use super::opcodes::digit;
use super::{Flow, Map};

/// What a group allows, by the reg field of the `ModRM` byte.
///
/// Digits as in [`Opcodes`](super::opcodes::Opcodes).
struct Group {
    memory: [u8; 8],
    register: [u8; 8],
}

impl Group {
    const fn new(memory: &[u8; 8], register: &[u8; 8]) -> Self {
        Self {
            memory: digits(memory),
            register: digits(register),
        }
    }

    const fn allows(&self, modrm: u8, prefix: u32) -> bool {
        let reg = (modrm >> 3 & 7) as usize;
        let prefixes = if modrm >= 0xc0 {
            self.register[reg]
        } else {
            self.memory[reg]
        };
        prefixes >> (prefix & 3) & 1 != 0
    }
}

const fn digits(row: &[u8; 8]) -> [u8; 8] {
    let mut digits = [0; 8];
    let mut at = 0;
    while at < 8 {
        digits[at] = digit(row[at]);
        at += 1;
    }
    digits
}

//                                         /01234567     /01234567
static GROUP_1A: Group = Group::new(b"f.......", b"f.......");
static GROUP_4: Group = Group::new(b"ff......", b"ff......");
static GROUP_5: Group = Group::new(b"fffffff.", b"fff.f.f.");
static GROUP_6: Group = Group::new(b"ffffff8.", b"ffffff8.");
static GROUP_7: Group = Group::new(b"fffff4ff", b"ffffffff");
static GROUP_8: Group = Group::new(b"....ffff", b"....ffff");
static GROUP_9: Group = Group::new(b".f.11171", b"......77");
static GROUP_11: Group = Group::new(b"f.......", b"f......f");
static GROUP_12: Group = Group::new(b"........", b"..3.3.3.");
static GROUP_14: Group = Group::new(b"........", b"..32..32");
static GROUP_15: Group = Group::new(b"11115173", b"444445f1");
/// `vmread`; SSE4a `extrq` and `insertq`.
static GROUP_78: Group = Group::new(b"11111111", b"b9999999");
/// VIA's PadLock.
static GROUP_A6: Group = Group::new(b"........", b"44444444");
static GROUP_A7: Group = Group::new(b"........", b"f4444444");

/// Group 7 with two registers: by the reg and r/m fields.
static SYSTEM: [[u8; 8]; 8] = [
    digits(b"111111d1"), // enclv, vmcall, vmlaunch, vmresume, vmxoff, pconfig, wrmsrns, pbndkb
    digits(b"11d12223"), // monitor, mwait, clac eretu erets, stac, TDX, encls
    digits(b"11..1111"), // xgetbv, xsetbv, vmfunc, xend, xtest, enclu
    digits(b"ffffffff"), // SVM
    digits(b"ffffffff"), // smsw
    digits(b"d84.4455"), // serialize setssbsy xsusldtrk, xresldtrk, saveprevssp, UINTR, rdpkru
    digits(b"ffffffff"), // lmsw
    digits(b"ff51f5dd"), // swapgs, rdtscp, monitorx, mwaitx, clzero, rdpru, invlpgb, tlbsync
];

/// x87 with memory operands, by opcode: a bit for each reg field.
const X87_MEMORY: [u8; 8] = [0xff, 0xfd, 0xff, 0xaf, 0xff, 0xdf, 0xff, 0xff];

/// x87 with two registers, by opcode and reg field: a bit for each r/m field.
#[rustfmt::skip]
static X87_REGISTER: [[u8; 8]; 8] = [
    //  /0    /1    /2    /3    /4    /5    /6    /7
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], // D8
    [0xff, 0xff, 0x01, 0xff, 0x33, 0x7f, 0xff, 0xff], // D9: fnop; fchs, fabs, ftst, fxam
    [0xff, 0xff, 0xff, 0xff, 0x00, 0x02, 0x00, 0x00], // DA: fucompp
    [0xff, 0xff, 0xff, 0xff, 0x1f, 0xff, 0xff, 0x00], // DB: fneni to fnsetpm
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], // DC
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00], // DD
    [0xff, 0xff, 0xff, 0x02, 0xff, 0xff, 0xff, 0xff], // DE: fcompp
    [0xff, 0xff, 0xff, 0xff, 0x01, 0xff, 0xff, 0x00], // DF: fnstsw
];

/// The second opcodes of 3DNow!, where it has some: AMD's manual, volume 3, table A-13.
const fn now_3d_row(high: u8) -> u16 {
    match high {
        0x0 => 1 << 0xc | 1 << 0xd, // pi2fw, pi2fd
        0x1 => 1 << 0xc | 1 << 0xd, // pf2iw, pf2id
        0x8 => 1 << 0xa | 1 << 0xe, // pfnacc, pfpnacc
        0x9 => 1 << 0x0 | 1 << 0x4 | 1 << 0x6 | 1 << 0x7 | 1 << 0xa | 1 << 0xe, // pfcmpge..
        0xa => 1 << 0x0 | 1 << 0x4 | 1 << 0x6 | 1 << 0x7 | 1 << 0xa | 1 << 0xe, // pfcmpgt..
        0xb => 1 << 0x0 | 1 << 0x4 | 1 << 0x6 | 1 << 0x7 | 1 << 0xb | 1 << 0xf, // pfcmpeq..
        _ => 0,
    }
}

/// Whether 3DNow! has this second opcode.
pub(super) const fn is_now_3d(opcode: u8) -> bool {
    now_3d_row(opcode >> 4) >> (opcode & 15) & 1 != 0
}

/// Returns what an opcode of a group says, with this `ModRM` byte and mandatory prefix.
pub(super) const fn attr(map: Map, opcode: u8, modrm: u8, prefix: u32, shape: Attr) -> Attr {
    let plain = Attr::MODRM.with_imm_of(shape);
    match (map, opcode) {
        (Map::OneByte | Map::Map4, 0xf6) => test(modrm, Imm::Byte),
        (Map::OneByte | Map::Map4, 0xf7) => test(modrm, Imm::Z),
        (Map::OneByte, 0xff) => branch(modrm),
        (Map::OneByte, 0xc7) => only(&GROUP_11, modrm, prefix, mov(modrm, Imm::Z)),
        (Map::OneByte, 0xc6) => only(&GROUP_11, modrm, prefix, mov(modrm, Imm::Byte)),
        (Map::OneByte, 0x8f) => only(&GROUP_1A, modrm, prefix, plain),
        (Map::OneByte, 0xfe) => only(&GROUP_4, modrm, prefix, plain),
        (Map::OneByte, _) => x87(opcode, modrm),
        (Map::Map0f, 0x00) => only(&GROUP_6, modrm, prefix, plain),
        (Map::Map0f, 0x01) => system(modrm, prefix),
        (Map::Map0f, 0x71 | 0x72) => only(&GROUP_12, modrm, prefix, plain),
        (Map::Map0f, 0x73) => only(&GROUP_14, modrm, prefix, plain),
        (Map::Map0f, 0x78) => only(&GROUP_78, modrm, prefix, extrq(prefix)),
        (Map::Map0f, 0xa6) => only(&GROUP_A6, modrm, prefix, plain),
        (Map::Map0f, 0xa7) => only(&GROUP_A7, modrm, prefix, plain),
        (Map::Map0f, 0xae) => only(&GROUP_15, modrm, prefix, plain),
        (Map::Map0f, 0xba) => only(&GROUP_8, modrm, prefix, plain),
        (Map::Map0f, 0xc7) => only(&GROUP_9, modrm, prefix, plain),
        _ => plain,
    }
}

const fn only(group: &Group, modrm: u8, prefix: u32, attr: Attr) -> Attr {
    if group.allows(modrm, prefix) && !attr.is_unknown() {
        attr
    } else {
        Attr::UNKNOWN
    }
}

/// Group 3: `/0` and its alias `/1` are `test` with an immediate.
const fn test(modrm: u8, imm: Imm) -> Attr {
    if modrm & 0x30 == 0 {
        Attr::MODRM.with_imm(imm)
    } else {
        Attr::MODRM
    }
}

/// Group 5.
const fn branch(modrm: u8) -> Attr {
    let flow = match modrm >> 3 & 7 {
        2 | 3 => Flow::IndirectCall,
        4 | 5 => Flow::IndirectJump,
        _ => Flow::Next,
    };
    only(&GROUP_5, modrm, 0, Attr::MODRM.with_flow(flow))
}

/// Group 11: `/0` is `mov`, `f8` is `xabort` and `xbegin`.
const fn mov(modrm: u8, imm: Imm) -> Attr {
    let attr = Attr::MODRM.with_imm(imm);
    match (modrm, imm) {
        (0xf8, Imm::Z) => attr.with_flow(Flow::Xbegin),
        (0xf8, _) => attr,
        (0xf9.., _) => Attr::UNKNOWN,
        _ => attr,
    }
}

/// `extrq` and `insertq` have two immediates, `vmread` none.
const fn extrq(prefix: u32) -> Attr {
    match prefix {
        0 => Attr::MODRM,
        _ => Attr::MODRM.with_imm(Imm::Word),
    }
}

const fn system(modrm: u8, prefix: u32) -> Attr {
    let (reg, rm) = (modrm >> 3 & 7, modrm & 7);
    let allowed = SYSTEM[reg as usize][rm as usize] >> (prefix & 3) & 1 != 0;
    match (modrm, prefix) {
        (0xc0.., _) if !allowed => Attr::UNKNOWN,
        // eretu, erets, uiret, seamret.
        (0xca, 2 | 3) | (0xec, 2) | (0xcd, 1) => Attr::MODRM.with_flow(Flow::Return),
        // skinit goes on in the loader that RAX points to.
        (0xde, _) => Attr::MODRM.with_flow(Flow::IndirectJump),
        _ => only(&GROUP_7, modrm, prefix, Attr::MODRM),
    }
}

const fn x87(opcode: u8, modrm: u8) -> Attr {
    let (row, reg) = ((opcode & 7) as usize, (modrm >> 3 & 7) as usize);
    let allowed = if modrm >= 0xc0 {
        X87_REGISTER[row][reg] >> (modrm & 7)
    } else {
        X87_MEMORY[row] >> reg
    };
    if allowed & 1 != 0 {
        Attr::MODRM
    } else {
        Attr::UNKNOWN
    }
}
