//! Why a function cannot be hooked.

use super::bytes::Bytes;
use super::{CodeAddr, Offset, Reserved};
use crate::insn::{DecodeError, MAX_LEN};
use core::fmt;

/// Why a function cannot be hooked: the reason, and the instruction that gives it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    reason: Reason,
    at: Offset,
    insn: Bytes<MAX_LEN>,
}

/// Why a function cannot be hooked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The function ends before five bytes of whole instructions.
    TooShort {
        /// The bytes it has behind `endbr64` and ftrace's nop.
        len: usize,
    },
    /// The bytes are no instruction, so what follows is not known either.
    Undecodable(DecodeError),
    /// Somebody put a breakpoint there, so what stood there is not known.
    Breakpoint,
    /// It branches among the displaced bytes, where the patch will be.
    BranchInside {
        /// Where it goes.
        target: Offset,
    },
    /// If it faults, the exception table leads among the displaced bytes.
    FixupInside {
        /// Where it goes on.
        target: Offset,
    },
    /// It is an `endbr64` among the displaced bytes: indirect branches may land there.
    LandingInside,
    /// It may jump anywhere in the function by a table.
    JumpTable,
    /// It would be displaced, and leave a return address in the trampoline on the stack.
    Call,
    /// It would be displaced, and returns.
    Return,
    /// It would be displaced, and its target is out of the reach of eight bits.
    Loop,
    /// It would be displaced, and begins a transaction.
    Transaction,
    /// It would be displaced, and what handles it looks at its address: `int3`, `ud2`, `syscall`.
    Trap,
    /// It would be displaced, and processors disagree about its target: prefix `66`.
    OperandSizeBranch,
    /// It would be displaced, and has an entry in the exception table.
    ExceptionTable,
    /// It would be displaced, and others patch it or look for it.
    Reserved(Reserved),
    /// Its operand is, or reaches into, the bytes that the patch will change.
    ReadsPatch,
    /// The distance has more than 32 bits: it is 2 GiB or more.
    OutOfRange {
        /// What cannot be reached.
        target: CodeAddr,
    },
}

impl Refusal {
    pub(super) fn new(reason: Reason, at: Offset, insn: &[u8]) -> Self {
        Self {
            reason,
            at,
            insn: Bytes::of(insn),
        }
    }

    /// Returns the reason.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// Returns where the instruction is, from the start of the code that was asked about.
    pub const fn at(&self) -> Offset {
        self.at
    }

    /// Returns the bytes of the instruction, or what there are of them.
    pub fn insn(&self) -> &[u8] {
        self.insn.as_slice()
    }

    /// Returns the negative errno.
    pub const fn to_errno(self) -> i32 {
        const EBUSY: i32 = 16;
        const EINVAL: i32 = 22;
        const ERANGE: i32 = 34;
        const EOPNOTSUPP: i32 = 95;
        match self.reason {
            Reason::TooShort { .. } => -EINVAL,
            Reason::Undecodable(error) => error.to_errno(),
            Reason::Breakpoint | Reason::Reserved(_) => -EBUSY,
            Reason::OutOfRange { .. } => -ERANGE,
            _ => -EOPNOTSUPP,
        }
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} {:?}", self.reason, self.at, self.insn)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { len } => write!(f, "a jump does not fit in {len} bytes"),
            Self::Undecodable(error) => error.fmt(f),
            Self::Breakpoint => f.write_str("a breakpoint"),
            Self::BranchInside { target } => write!(f, "a branch into the patch, to {target}"),
            Self::FixupInside { target } => write!(f, "a fixup in the patch, at {target}"),
            Self::LandingInside => f.write_str("an endbr64 in the patch"),
            Self::JumpTable => f.write_str("an indirect jump, perhaps by a table"),
            Self::Call => f.write_str("a call to be displaced"),
            Self::Return => f.write_str("a return to be displaced"),
            Self::Loop => f.write_str("a loop out of reach of the trampoline"),
            Self::Transaction => f.write_str("an xbegin to be displaced"),
            Self::Trap => f.write_str("a trap to be displaced"),
            Self::OperandSizeBranch => f.write_str("a branch with a prefix 66 to be displaced"),
            Self::ExceptionTable => f.write_str("an exception-table entry to be displaced"),
            Self::Reserved(by) => write!(f, "bytes of {by} to be displaced"),
            Self::ReadsPatch => f.write_str("an operand in the patch"),
            Self::OutOfRange { target } => write!(f, "{target:?} is out of reach"),
        }
    }
}

impl fmt::Display for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ftrace => "ftrace",
            Self::JumpLabel => "a jump label",
            Self::StaticCall => "a static call",
            Self::Alternative => "an alternative",
            Self::Kprobe => "kprobes",
            Self::Bug => "a BUG site",
            Self::Hook => "another hook",
        })
    }
}

impl core::error::Error for Refusal {}
