//! Why bytes are no instruction.

use core::fmt;

/// Why bytes are no instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The slice ends before the instruction does.
    Truncated,
    /// The processor raises #UD: the opcode or the order of prefixes is not allowed in 64-bit mode.
    Invalid {
        /// The offset of the byte that says so.
        at: usize,
    },
    /// No manual that the tables know gives the opcode a meaning: its length cannot be known.
    Unknown {
        /// The offset of the opcode.
        at: usize,
    },
    /// The instruction is longer than [`MAX_LEN`](crate::insn::MAX_LEN) bytes.
    TooLong,
}

impl DecodeError {
    /// Returns the negative errno.
    pub const fn to_errno(self) -> i32 {
        const ENODATA: i32 = 61;
        const EILSEQ: i32 = 84;
        const EOPNOTSUPP: i32 = 95;
        match self {
            Self::Truncated => -ENODATA,
            Self::Invalid { .. } | Self::TooLong => -EILSEQ,
            Self::Unknown { .. } => -EOPNOTSUPP,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the bytes end inside the instruction"),
            Self::Invalid { at } => write!(f, "invalid in 64-bit mode at byte {at}"),
            Self::Unknown { at } => write!(f, "unknown opcode at byte {at}"),
            Self::TooLong => f.write_str("longer than 15 bytes"),
        }
    }
}

impl core::error::Error for DecodeError {}
