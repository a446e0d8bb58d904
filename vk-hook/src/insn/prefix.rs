//! What stands before an opcode, as far as lengths and opcodes depend on it.

use super::one_byte::ONE_BYTE;

/// Prefixes, as far as lengths and opcodes depend on them, and how many bytes are behind us.
///
/// | bits | content |
/// |---|---|
/// | 0 | operand size: `66`, or the same in VEX and EVEX |
/// | 1 | REX.W |
/// | 2 | address size: `67` |
/// | 3..5 | 2 for `F3`, 3 for `F2`: the last of them |
/// | 5 | `F0` |
/// | 6 | REX |
/// | 8..13 | the offset of the next byte |
///
/// One word, so that it stays in a register.
#[derive(Clone, Copy)]
pub(super) struct Prefixes(u32);

const OPERAND: u32 = 1;
const W: u32 = 1 << 1;
const ADDRESS: u32 = 1 << 2;
const REPEAT_SHIFT: u32 = 3;
const REPEAT: u32 = 3 << REPEAT_SHIFT;
const LOCK: u32 = 1 << 5;
const REX: u32 = 1 << 6;
const AT_SHIFT: u32 = 8;

impl Prefixes {
    pub(super) const NONE: Self = Self(0);

    /// One REX prefix.
    pub(super) const fn rex(rex: u8) -> Self {
        Self(1 << AT_SHIFT | Self::rex_bits(rex))
    }

    const fn rex_bits(rex: u8) -> u32 {
        REX | (rex >> 2 & 2) as u32
    }

    /// Reads the prefixes in front of an instruction.
    ///
    /// REX counts only right before the opcode: manual, volume 2, 2.2.1.
    pub(super) const fn read(mut code: u128) -> Self {
        let mut prefixes = Self::NONE;
        let mut len = 0;
        while len < super::MAX_LEN as u32 {
            let byte = code as u8;
            let attr = ONE_BYTE[byte as usize];
            if !attr.is_prefix() {
                break;
            }
            prefixes = if attr.is_rex() {
                Self(prefixes.0 & !(REX | W) | Self::rex_bits(byte))
            } else {
                prefixes.with(byte)
            };
            code >>= 8;
            len += 1;
        }
        prefixes.skip(len)
    }

    /// The offset of the next byte, below 32.
    pub(super) const fn at(self) -> u32 {
        self.0 >> AT_SHIFT
    }

    /// The same, so many bytes on.
    pub(super) const fn skip(self, bytes: u32) -> Self {
        Self(self.0.wrapping_add(bytes << AT_SHIFT))
    }

    const fn with(self, byte: u8) -> Self {
        let before = self.0 & !(REX | W);
        Self(match byte {
            0x66 => before | OPERAND,
            0x67 => before | ADDRESS,
            0xf0 => before | LOCK,
            0xf2 => before & !REPEAT | 3 << REPEAT_SHIFT,
            0xf3 => before & !REPEAT | 2 << REPEAT_SHIFT,
            _ => before,
        })
    }

    /// The same, with what REX2 says.
    pub(super) const fn with_rex2(self, payload: u8) -> Self {
        Self(self.0 | (payload >> 2 & 2) as u32)
    }

    /// The same, with what VEX, EVEX and XOP say in the byte of W and pp.
    pub(super) const fn with_vector(self, byte: u8) -> Self {
        let operand = (byte & 3 == 1) as u32 * OPERAND;
        Self(self.0 & !7 | self.0 & ADDRESS | operand | (byte >> 6 & 2) as u32)
    }

    /// Whether VEX, EVEX and XOP raise #UD behind them.
    pub(super) const fn refuse_vector(self) -> bool {
        self.0 & (OPERAND | REPEAT | LOCK | REX) != 0
    }

    /// Whether `jmpabs` raises #UD behind them: any but a segment, and W of REX2.
    pub(super) const fn refuse_jmpabs(self) -> bool {
        self.0 & (OPERAND | W | ADDRESS | REPEAT | LOCK) != 0
    }

    pub(super) const fn has_rex(self) -> bool {
        self.0 & REX != 0
    }

    /// The number of the mandatory prefix: 0 none, 1 `66`, 2 `F3`, 3 `F2`.
    pub(super) const fn mandatory(self) -> u32 {
        let repeat = self.0 >> REPEAT_SHIFT & 3;
        if repeat != 0 {
            repeat
        } else {
            self.0 & OPERAND
        }
    }

    /// Operand size, W and address size, below 8.
    pub(super) const fn sizes(self) -> u32 {
        self.0 & 7
    }

    /// The length of an immediate of this kind, below 8.
    pub(super) const fn imm_len(self, kind: usize) -> u32 {
        // Most lengths need no table, and the next instruction is looked for without waiting for it.
        if kind <= 4 {
            return kind as u32;
        }
        IMM_LENGTHS[(kind & 7) << 3 | self.sizes() as usize] as u32
    }
}

/// The lengths of immediates, by kind and sizes: manual, volume 2, 2.2.1.5 and table 3-4.
#[rustfmt::skip]
static IMM_LENGTHS: [u8; 64] = [
//  none 66  W  W66  67 67,66 67,W 67,W66
    0,   0,  0,  0,   0,  0,   0,  0, // none
    1,   1,  1,  1,   1,  1,   1,  1, // Ib
    2,   2,  2,  2,   2,  2,   2,  2, // Iw
    3,   3,  3,  3,   3,  3,   3,  3, // Iw, Ib
    4,   4,  4,  4,   4,  4,   4,  4, // Jz
    4,   2,  4,  4,   4,  2,   4,  4, // Iz
    4,   2,  8,  8,   4,  2,   8,  8, // Iv
    8,   8,  8,  8,   4,  4,   4,  4, // Ov
];
