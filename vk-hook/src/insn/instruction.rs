//! One decoded instruction.

use super::shape::Shape;
use super::walk::{walk, walk_any};
use super::{Branch, BranchKind, DecodeError, Encoding, Flow, Map};
use core::fmt;

/// The longest instruction, in bytes: `MAX_INSN_SIZE` in arch/x86/include/asm/insn.h.
pub const MAX_LEN: usize = 15;

/// Decodes the instruction at the front of `code`, in 64-bit mode.
///
/// Looks at no byte behind `code`. Any context; does not sleep, allocate or panic.
///
/// # Errors
///
/// - [`DecodeError::Truncated`]: `code` ends before the instruction does.
/// - [`DecodeError::Invalid`]: the processor raises #UD.
/// - [`DecodeError::Unknown`]: no manual says what the bytes mean.
/// - [`DecodeError::TooLong`]: more than [`MAX_LEN`] bytes.
///
/// # Examples
///
/// ```
/// use vk_hook::insn::{decode, BranchKind, DecodeError};
///
/// // je .+0x80
/// let insn = decode(&[0x0f, 0x84, 0x7a, 0x00, 0x00, 0x00, 0x90])?;
/// assert_eq!(insn.len(), 6);
/// let branch = insn.branch().map(|branch| (branch.kind, branch.rel));
/// assert_eq!(branch, Some((BranchKind::Jcc, 0x7a)));
///
/// assert_eq!(decode(&[0x0f, 0x84, 0x7a]), Err(DecodeError::Truncated));
/// assert_eq!(decode(&[0x06]), Err(DecodeError::Invalid { at: 0 })); // push %es
/// assert_eq!(decode(&[0x0f, 0x04]), Err(DecodeError::Unknown { at: 1 }));
/// # Ok::<(), DecodeError>(())
/// ```
#[doc(alias = "insn_decode")]
#[inline]
pub const fn decode(code: &[u8]) -> Result<Insn<'_>, DecodeError> {
    let shape = match code.first_chunk() {
        Some(window) => walk(window),
        None => walk_padded(code),
    };
    let len = shape.len();
    if !shape.is_insn() || len > MAX_LEN {
        return Err(error(shape, code.len()));
    }
    match code.split_at_checked(len) {
        Some((bytes, _)) => Ok(Insn { bytes, shape }),
        None => Err(DecodeError::Truncated),
    }
}

/// Walks through a window with zeroes behind `code`, which is shorter.
#[cold]
#[inline(never)]
const fn walk_padded(code: &[u8]) -> Shape {
    let mut window = [0; 16];
    let mut at = 0;
    while at < code.len() && at < window.len() {
        window[at] = code[at];
        at += 1;
    }
    walk_any(u128::from_le_bytes(window))
}

/// Says why there is no instruction in the first `available` bytes.
#[cold]
#[inline(never)]
const fn error(shape: Shape, available: usize) -> DecodeError {
    let at = shape.len();
    // What a byte behind the end would say is not known.
    if at >= available && available < MAX_LEN {
        return DecodeError::Truncated;
    }
    if at >= MAX_LEN {
        return DecodeError::TooLong;
    }
    if shape.is_invalid() {
        return DecodeError::Invalid { at };
    }
    DecodeError::Unknown { at }
}

/// One decoded instruction.
///
/// # Invariants
///
/// `bytes` are the bytes of the instruction, no more and no less, and `shape` is theirs.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Insn<'c> {
    bytes: &'c [u8],
    shape: Shape,
}

#[expect(clippy::len_without_is_empty, reason = "no instruction is empty")]
impl<'c> Insn<'c> {
    /// Returns its length in bytes: 1 to [`MAX_LEN`].
    #[inline]
    pub const fn len(&self) -> usize {
        self.shape.len()
    }

    /// Returns its bytes.
    #[inline]
    pub const fn bytes(&self) -> &'c [u8] {
        self.bytes
    }

    /// Returns where it goes.
    #[inline]
    pub const fn flow(&self) -> Flow {
        self.shape.flow()
    }

    /// Returns what stands before the opcode.
    pub const fn encoding(&self) -> Encoding {
        self.shape.encoding()
    }

    /// Returns the table in which the opcode is found.
    pub const fn map(&self) -> Map {
        self.shape.map()
    }

    /// Returns the opcode: its last byte, without escapes.
    pub const fn opcode(&self) -> u8 {
        self.shape.opcode()
    }

    /// Returns the offset of [`opcode`](Self::opcode).
    pub const fn opcode_at(&self) -> usize {
        self.shape.opcode_at()
    }

    /// Returns the `ModRM` byte, if it has one.
    pub const fn modrm(&self) -> Option<u8> {
        if self.shape.has_modrm() {
            Some(self.shape.modrm())
        } else {
            None
        }
    }

    /// Returns the offset of the `ModRM` byte, if it has one.
    pub const fn modrm_at(&self) -> Option<usize> {
        if self.shape.has_modrm() {
            Some(self.after_opcode())
        } else {
            None
        }
    }

    /// Returns the offset of the SIB byte, if it has one.
    pub const fn sib_at(&self) -> Option<usize> {
        if self.shape.has_sib() {
            Some(self.after_opcode().wrapping_add(1))
        } else {
            None
        }
    }

    /// Returns the length of the displacement in bytes: 0, 1 or 4.
    pub const fn disp_len(&self) -> usize {
        self.shape.disp_len()
    }

    /// Returns the offset of the displacement, if it has one.
    pub const fn disp_at(&self) -> Option<usize> {
        if self.disp_len() == 0 {
            return None;
        }
        Some(self.imm_start().wrapping_sub(self.disp_len()))
    }

    /// Returns the displacement, if it has one; EVEX does not scale it here.
    pub const fn disp(&self) -> Option<i32> {
        match self.disp_at() {
            Some(at) => self.signed(at, self.disp_len()),
            None => None,
        }
    }

    /// Returns the length of all immediates in bytes: 0 to 8.
    ///
    /// The target of a relative branch, the address of `mov` between the accumulator and memory
    /// and 3DNow!'s second opcode count as immediates.
    pub const fn imm_len(&self) -> usize {
        self.shape.imm_len()
    }

    /// Returns the offset of the first immediate, if it has one: they stand last.
    pub const fn imm_at(&self) -> Option<usize> {
        if self.imm_len() == 0 {
            None
        } else {
            Some(self.imm_start())
        }
    }

    /// Whether it addresses memory by its own address: [`disp`](Self::disp) counts from its end.
    ///
    /// With [`has_address_size`](Self::has_address_size) the sum is cut to 32 bits.
    pub const fn is_rip_relative(&self) -> bool {
        self.shape.is_rip_relative()
    }

    /// Whether a prefix `66` is there, or VEX or EVEX stands for one.
    ///
    /// Operands have 16 bits then, unless it is part of the opcode or W is set. On a near branch
    /// [processors disagree](crate::insn#where-processors-disagree).
    pub const fn has_operand_size(&self) -> bool {
        self.shape.has_operand_size()
    }

    /// Whether addresses have 32 bits, by a prefix `67`.
    pub const fn has_address_size(&self) -> bool {
        self.shape.has_address_size()
    }

    /// Returns the branch to an address relative to its own, if it is one.
    pub const fn branch(&self) -> Option<Branch> {
        let kind = match self.flow() {
            Flow::Call => BranchKind::Call,
            Flow::Jump => BranchKind::Jump,
            Flow::Jcc => BranchKind::Jcc,
            Flow::Loop => BranchKind::Loop,
            Flow::Xbegin => BranchKind::Xbegin,
            _ => return None,
        };
        match self.signed(self.imm_start(), self.imm_len()) {
            Some(rel) => Some(Branch { kind, rel }),
            None => None,
        }
    }

    /// Whether it is `endbr64`, where indirect branches may land.
    #[doc(alias = "is_endbr")]
    pub const fn is_endbr64(&self) -> bool {
        matches!(self.bytes, [0xf3, 0x0f, 0x1e, 0xfa])
    }

    /// Whether it is what the kernel writes over an `endbr64` that nothing may land on any more.
    ///
    /// `gen_endbr_poison()` in arch/x86/include/asm/ibt.h: `nopl -42(%rax)` in 7.2, and in 6.12
    /// `nopw (%rax)`, which compilers may emit too.
    #[doc(alias = "gen_endbr_poison")]
    pub const fn is_endbr_poison(&self) -> bool {
        matches!(
            self.bytes,
            [0x0f, 0x1f, 0x40, 0xd6] | [0x66, 0x0f, 0x1f, 0x00]
        )
    }

    /// Whether it is the nop of five bytes that ftrace puts where functions call `__fentry__`.
    #[doc(alias = "x86_nops")]
    pub const fn is_ftrace_nop(&self) -> bool {
        matches!(self.bytes, [0x0f, 0x1f, 0x44, 0x00, 0x00])
    }

    const fn after_opcode(&self) -> usize {
        self.shape.opcode_at().wrapping_add(1)
    }

    const fn imm_start(&self) -> usize {
        self.len().wrapping_sub(self.imm_len())
    }

    /// Reads `len` bytes at `at` with their sign.
    const fn signed(&self, at: usize, len: usize) -> Option<i32> {
        let Some((_, rest)) = self.bytes.split_at_checked(at) else {
            return None;
        };
        match (len, rest) {
            (1, [a, ..]) => Some(*a as i8 as i32),
            (2, [a, b, ..]) => Some(i16::from_le_bytes([*a, *b]) as i32),
            (4, [a, b, c, d, ..]) => Some(i32::from_le_bytes([*a, *b, *c, *d])),
            _ => None,
        }
    }
}

impl fmt::Debug for Insn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Insn")
            .field("bytes", &format_args!("{:02x?}", self.bytes))
            .field("encoding", &self.encoding())
            .field("map", &self.map())
            .field("opcode", &format_args!("{:#04x}", self.opcode()))
            .field("flow", &self.flow())
            .finish()
    }
}
