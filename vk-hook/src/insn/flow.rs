//! Where an instruction goes.

/// Where the processor goes after an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// To the next instruction.
    Next,
    /// To a relative target, with a return address: `call rel32`.
    Call,
    /// To a relative target: `jmp rel8`, `jmp rel32`.
    Jump,
    /// To a relative target or the next instruction: `jcc rel8`, `jcc rel32`.
    Jcc,
    /// To a relative target or the next instruction, by RCX: `loop`, `loope`, `loopne`, `jrcxz`.
    Loop,
    /// To the next instruction; to a relative target when the transaction aborts: `xbegin`.
    #[doc(alias = "rtm")]
    Xbegin,
    /// To an address in a register or memory, with a return address, near or far.
    IndirectCall,
    /// To an address in a register or memory, near or far.
    IndirectJump,
    /// To an address in the instruction: `jmpabs`.
    JumpAbsolute,
    /// To an address that somebody saved: `ret`, `iret`, `sysret`, `sysexit`, `uiret`, `erets`...
    Return,
    /// Into the kernel or a handler: `int3`, `int`, `int1`, `ud2`, `syscall`, `sysenter`...
    Trap,
}

impl Flow {
    /// Whether the instruction behind is not reached by falling through.
    ///
    /// A trap counts as reaching it: handlers return.
    pub const fn is_end(self) -> bool {
        matches!(
            self,
            Self::Jump | Self::IndirectJump | Self::JumpAbsolute | Self::Return
        )
    }
}
