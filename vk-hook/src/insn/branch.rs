//! A branch to an address relative to its own.

/// What a relative branch does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BranchKind {
    /// `call rel32`.
    Call,
    /// `jmp rel8`, `jmp rel32`.
    Jump,
    /// `jcc rel8`, `jcc rel32`.
    Jcc,
    /// `loop`, `loope`, `loopne`, `jrcxz`: these have no `rel32` form.
    Loop,
    /// `xbegin rel16`, `xbegin rel32`: where an aborted transaction goes on.
    Xbegin,
}

/// A branch to an address relative to its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Branch {
    /// What it does.
    pub kind: BranchKind,
    /// The distance from the end of the instruction to the target, in bytes.
    pub rel: i32,
}

impl Branch {
    /// Returns the target, for an instruction that ends at `next`.
    ///
    /// `next` may be an address or an offset.
    ///
    /// # Examples
    ///
    /// ```
    /// use vk_hook::insn::decode;
    ///
    /// // jmp .
    /// let insn = decode(&[0xeb, 0xfe])?;
    /// let target = insn.branch().map(|branch| branch.target(0x1000 + insn.len() as u64));
    /// assert_eq!(target, Some(0x1000));
    /// # Ok::<(), vk_hook::insn::DecodeError>(())
    /// ```
    pub const fn target(self, next: u64) -> u64 {
        next.wrapping_add_signed(self.rel as i64)
    }
}
