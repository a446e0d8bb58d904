//! What an opcode says about the bytes behind it, in one word.

use super::Flow;

/// What an opcode says about the bytes behind it.
///
/// | bits | content |
/// |---|---|
/// | 0..3 | [`Imm`] |
/// | 3 | a `ModRM` byte follows |
/// | 4..8 | [`Flow`] |
/// | 8..11 | [`Role`] |
/// | 12..16 | mandatory prefixes it exists with: bit 0 none, 1 `66`, 2 `F3`, 3 `F2` |
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Attr(u16);

/// The immediate operand. Up to [`Imm::Rel32`] the number is its length.
#[derive(Clone, Copy)]
pub(super) enum Imm {
    /// None.
    No = 0,
    /// One byte: `Ib`, `Jb`.
    Byte = 1,
    /// Two bytes: `Iw`, or two `Ib`.
    Word = 2,
    /// `Iw, Ib`: `enter`.
    Enter = 3,
    /// Four bytes, whatever the operand size: `Jz` in 64-bit mode, `Id`.
    Rel32 = 4,
    /// `Iz`: two bytes with an operand size of 16 bits, else four.
    Z = 5,
    /// `Iv`: as long as the operand.
    V = 6,
    /// `Ob`, `Ov`: an address, as long as addresses are.
    Offset = 7,
}

/// What a byte is where an opcode is expected.
#[derive(Clone, Copy)]
pub(super) enum Role {
    /// An opcode.
    Opcode = 0,
    /// One whose meaning, and more, the `ModRM` byte decides.
    Group = 1,
    /// A legacy prefix.
    Prefix = 2,
    /// A REX prefix.
    Rex = 3,
    /// The first byte of a longer opcode or prefix.
    Escape = 4,
    /// Nothing: #UD in 64-bit mode.
    Invalid = 5,
    /// Nothing that a manual describes.
    Unknown = 6,
}

impl Attr {
    const HAS_MODRM: u16 = 1 << 3;
    const FLOW_SHIFT: u32 = 4;
    const ROLE_SHIFT: u32 = 8;
    const ROLE: u16 = 7 << Self::ROLE_SHIFT;
    const PREFIXES_SHIFT: u32 = 12;

    const fn new(role: Role) -> Self {
        Self((role as u16) << Self::ROLE_SHIFT)
    }

    /// Without operands behind it.
    pub(super) const PLAIN: Self = Self::imm(Imm::No);
    /// With a `ModRM` byte.
    pub(super) const MODRM: Self = Self(Self::HAS_MODRM);
    pub(super) const PREFIX: Self = Self::new(Role::Prefix);
    pub(super) const REX: Self = Self::new(Role::Rex);
    pub(super) const ESCAPE: Self = Self::new(Role::Escape);
    pub(super) const INVALID: Self = Self::new(Role::Invalid);
    pub(super) const UNKNOWN: Self = Self::new(Role::Unknown);

    /// An opcode with an immediate.
    pub(super) const fn imm(imm: Imm) -> Self {
        Self(imm as u16)
    }

    /// The same, with this immediate.
    pub(super) const fn with_imm(self, imm: Imm) -> Self {
        Self(self.0 & !7 | imm as u16)
    }

    /// The same, with the immediate of another.
    pub(super) const fn with_imm_of(self, other: Self) -> Self {
        Self(self.0 & !7 | other.0 & 7)
    }

    /// The same, going elsewhere.
    pub(super) const fn with_flow(self, flow: Flow) -> Self {
        Self(self.0 & !(15 << Self::FLOW_SHIFT) | (flow as u16) << Self::FLOW_SHIFT)
    }

    /// The same, if the `ModRM` byte allows it.
    pub(super) const fn grouped(self) -> Self {
        Self(self.0 & !Self::ROLE | Self::new(Role::Group).0)
    }

    /// The same, with these mandatory prefixes only.
    pub(super) const fn with_prefixes(self, mask: u8) -> Self {
        Self(self.0 & 0x0fff | (mask as u16) << Self::PREFIXES_SHIFT)
    }

    /// Whether it needs nothing but `imm_len` and `has_modrm`.
    pub(super) const fn is_opcode(self) -> bool {
        self.0 & Self::ROLE == Self::new(Role::Opcode).0
    }

    pub(super) const fn is_group(self) -> bool {
        self.0 & Self::ROLE == Self::new(Role::Group).0
    }

    /// Whether it is a legacy prefix or REX.
    pub(super) const fn is_prefix(self) -> bool {
        self.0 & (6 << Self::ROLE_SHIFT) == Self::new(Role::Prefix).0
    }

    pub(super) const fn is_rex(self) -> bool {
        self.0 & Self::ROLE == Self::new(Role::Rex).0
    }

    pub(super) const fn is_escape(self) -> bool {
        self.0 & Self::ROLE == Self::new(Role::Escape).0
    }

    pub(super) const fn is_unknown(self) -> bool {
        self.0 & Self::ROLE == Self::new(Role::Unknown).0
    }

    pub(super) const fn has_modrm(self) -> bool {
        self.0 & Self::HAS_MODRM != 0
    }

    /// The immediate's number, below 8.
    pub(super) const fn imm_kind(self) -> usize {
        (self.0 & 7) as usize
    }

    /// The flow's number, below 16.
    pub(super) const fn flow_number(self) -> u64 {
        (self.0 >> Self::FLOW_SHIFT & 15) as u64
    }

    /// Whether the opcode exists with the mandatory prefix of this number, below 4.
    pub(super) const fn allows(self, prefix: u32) -> bool {
        self.0 >> (Self::PREFIXES_SHIFT + (prefix & 3)) & 1 != 0
    }
}
