//! Where the parts of an instruction are, in one word.

use super::attr::Attr;
use super::modrm::{self, Form};
use super::prefix::Prefixes;
use super::{Encoding, Flow, Map};

/// Where the parts of an instruction are, or which byte rules it out.
///
/// One word, so that it is returned in a register.
///
/// | bits | content |
/// |---|---|
/// | 0..8 | length, or the offset of the byte |
/// | 8..12 | offset of the opcode |
/// | 12..16 | length of the displacement |
/// | 16..20 | length of the immediate |
/// | 20..24 | [`Flow`] |
/// | 24..28 | [`Map`] |
/// | 28..31 | [`Encoding`] |
/// | 31 | has a `ModRM` byte |
/// | 32..40 | opcode |
/// | 40..48 | `ModRM` byte |
/// | 48 | has a SIB byte |
/// | 49 | relative to RIP |
/// | 50..53 | operand size, W, address size |
/// | 62 | no instruction: invalid |
/// | 63 | no instruction: unknown |
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Shape(u64);

const INVALID: u64 = 1 << 62;
const UNKNOWN: u64 = 1 << 63;

impl Shape {
    /// No instruction: the byte at `at` is invalid.
    pub(super) const fn invalid(at: u32) -> Self {
        Self(INVALID | at as u64)
    }

    /// No instruction: nothing is known for the byte at `at`.
    pub(super) const fn unknown(at: u32) -> Self {
        Self(UNKNOWN | at as u64)
    }

    /// An instruction whose opcode is the first byte of `code`, behind `prefixes`.
    #[inline(always)]
    pub(super) const fn new(
        code: u64,
        attr: Attr,
        prefixes: Prefixes,
        (encoding, map): (Encoding, Map),
        form: Form,
    ) -> Self {
        let at = prefixes.at();
        let imm_len = prefixes.imm_len(attr.imm_kind());
        let head = (at as u64) << 8
            | (imm_len as u64) << 16
            | attr.flow_number() << 20
            | (map as u64) << 24
            | (encoding as u64) << 28
            | (code & 0xff) << 32
            | (prefixes.sizes() as u64) << 50;
        let end = at.wrapping_add(imm_len);
        if !attr.has_modrm() {
            return Self(head | end.wrapping_add(1) as u64);
        }
        let modrm = (code >> 8) as u8;
        // Two registers: half of all operands, and the length waits for no table.
        if modrm >= 0xc0 {
            return Self(head | end.wrapping_add(2) as u64 | 1 << 31 | (modrm as u64) << 40);
        }
        let more = modrm::sib_disp_len(code);
        let len = end
            .wrapping_add(2)
            .wrapping_add(form.len())
            .wrapping_add(more);
        Self(
            head | len as u64
                | ((form.disp_len() | more) as u64) << 12
                | 1 << 31
                | (modrm as u64) << 40
                | (form.sib_len() as u64) << 48
                | (form.is_rip_relative() as u64) << 49,
        )
    }

    pub(super) const fn is_insn(self) -> bool {
        self.0 & (INVALID | UNKNOWN) == 0
    }

    pub(super) const fn is_invalid(self) -> bool {
        self.0 & INVALID != 0
    }

    /// The length, or the offset of the byte that rules it out.
    pub(super) const fn len(self) -> usize {
        (self.0 & 0xff) as usize
    }

    pub(super) const fn opcode_at(self) -> usize {
        (self.0 >> 8 & 15) as usize
    }

    pub(super) const fn disp_len(self) -> usize {
        (self.0 >> 12 & 15) as usize
    }

    pub(super) const fn imm_len(self) -> usize {
        (self.0 >> 16 & 15) as usize
    }

    pub(super) const fn flow(self) -> Flow {
        FLOWS[(self.0 >> 20 & 15) as usize]
    }

    pub(super) const fn map(self) -> Map {
        MAPS[(self.0 >> 24 & 15) as usize]
    }

    pub(super) const fn encoding(self) -> Encoding {
        ENCODINGS[(self.0 >> 28 & 7) as usize]
    }

    pub(super) const fn has_modrm(self) -> bool {
        self.0 >> 31 & 1 != 0
    }

    pub(super) const fn opcode(self) -> u8 {
        (self.0 >> 32) as u8
    }

    pub(super) const fn modrm(self) -> u8 {
        (self.0 >> 40) as u8
    }

    pub(super) const fn has_sib(self) -> bool {
        self.0 >> 48 & 1 != 0
    }

    pub(super) const fn is_rip_relative(self) -> bool {
        self.0 >> 49 & 1 != 0
    }

    pub(super) const fn has_operand_size(self) -> bool {
        self.0 >> 50 & 1 != 0
    }

    pub(super) const fn has_address_size(self) -> bool {
        self.0 >> 52 & 1 != 0
    }
}

/// By number; the unused numbers fill up the power of two.
const FLOWS: [Flow; 16] = [
    Flow::Next,
    Flow::Call,
    Flow::Jump,
    Flow::Jcc,
    Flow::Loop,
    Flow::Xbegin,
    Flow::IndirectCall,
    Flow::IndirectJump,
    Flow::JumpAbsolute,
    Flow::Return,
    Flow::Trap,
    Flow::Next,
    Flow::Next,
    Flow::Next,
    Flow::Next,
    Flow::Next,
];

/// By number, as [`FLOWS`].
const MAPS: [Map; 16] = [
    Map::OneByte,
    Map::Map0f,
    Map::Map0f38,
    Map::Map0f3a,
    Map::Map4,
    Map::Map5,
    Map::Map6,
    Map::Map7,
    Map::Xop8,
    Map::Xop9,
    Map::XopA,
    Map::OneByte,
    Map::OneByte,
    Map::OneByte,
    Map::OneByte,
    Map::OneByte,
];

/// By number, as [`FLOWS`].
const ENCODINGS: [Encoding; 8] = [
    Encoding::Legacy,
    Encoding::Rex2,
    Encoding::Vex,
    Encoding::Evex,
    Encoding::Xop,
    Encoding::Legacy,
    Encoding::Legacy,
    Encoding::Legacy,
];

/// The map of a number in VEX and EVEX.
pub(super) const fn map(number: u8) -> Map {
    MAPS[(number & 7) as usize]
}

// The numbers are the places.
const _: () = {
    let mut at = 0;
    while at < 11 {
        assert!(FLOWS[at] as usize == at);
        assert!(MAPS[at] as usize == at);
        assert!(at > 4 || ENCODINGS[at] as usize == at);
        at += 1;
    }
};
