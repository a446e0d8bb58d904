//! Decides where a function can be hooked, and writes the bytes for it.
//!
//! [`Plan::new`] looks at a whole function and takes the first instructions behind `endbr64` and
//! ftrace's nop, until `jmp rel32` fits over them, or refuses with the instruction and the reason.
//! A plan gives the [`Patch`] that leads to a stub, the [`Trampoline`] that leads to the original,
//! and the [`Map`] of offsets between them. It writes nothing itself.
//!
//! Everything here is arithmetic on a copy of the bytes: nothing is allocated, nothing sleeps,
//! nothing panics, and any context will do, unless the caller's [`Facts`] ask for another.
//!
//! # What is moved
//!
//! | instruction | in the trampoline |
//! |---|---|
//! | operand relative to RIP | the same operand, by another displacement |
//! | `jmp rel8`, `jmp rel32` | `jmp rel32` |
//! | `jcc rel8`, `jcc rel32` | `jcc rel32` |
//! | `loop`, `jrcxz` among the displaced | the same, with another distance |
//! | everything else that is not refused | the same bytes |
//!
//! Branches among the displaced instructions stay in the trampoline. Branch hints and BND in front
//! of a relative branch are left away.
//!
//! # What is refused
//!
//! [`Reason`] lists it. Nothing is guessed: what cannot be decoded is refused, wherever it is in
//! the function.

mod address;
mod body;
mod bytes;
mod displaced;
mod entry;
mod facts;
mod map;
mod patch;
mod placed;
mod refusal;
mod relocate;
mod trampoline;

pub use address::{CodeAddr, Offset};
pub use displaced::{Displaced, DISPLACED_MAX};
pub use facts::{Facts, JumpTables, Reserved};
pub use map::Map;
pub use patch::Patch;
pub use refusal::{Reason, Refusal};
pub use trampoline::{Trampoline, TRAMPOLINE_MAX};

/// Where a function can be hooked, and what must be written for it.
///
/// # Examples
///
/// ```
/// use vk_hook::plan::{CodeAddr, Facts, JumpTables, Offset, Plan, Reserved};
///
/// /// A kernel without jump tables, and nobody else's bytes in the function.
/// struct Quiet;
/// impl Facts for Quiet {
///     fn reserved(&self, _: CodeAddr, _: usize) -> Option<Reserved> {
///         None
///     }
///     fn exception_fixup(&self, _: CodeAddr) -> Option<CodeAddr> {
///         None
///     }
///     fn jump_tables(&self) -> JumpTables {
///         JumpTables::Never
///     }
/// }
///
/// // vma_thp_gfp_mask(): endbr64; nopl 0(%rax,%rax); test %rdi,%rdi; jne +0x15; ret; ...
/// let code = [
///     0xf3, 0x0f, 0x1e, 0xfa, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0x48, 0x85, 0xff, 0x75, 0x15, 0xc3,
/// ];
/// let plan = Plan::new(&code, CodeAddr(0x1000), &Quiet)?;
/// assert_eq!(plan.displaced().bytes(), [0x48, 0x85, 0xff, 0x75, 0x15]);
/// assert_eq!(plan.displaced().range(), Offset(9)..Offset(14));
///
/// let patch = plan.patch(CodeAddr(0x2000))?;
/// assert_eq!(patch.bytes(), [0xe9, 0xf2, 0x0f, 0x00, 0x00]);
///
/// // endbr64; test %rdi,%rdi; jne 0x1023; jmp 0x100e
/// let trampoline = plan.trampoline(CodeAddr(0x3000))?;
/// assert_eq!(
///     trampoline.bytes(),
///     [
///         0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x85, 0xff, 0x0f, 0x85, 0x16, 0xe0, 0xff, 0xff, 0xe9,
///         0xfc, 0xdf, 0xff, 0xff,
///     ]
/// );
/// assert_eq!(plan.map().new_of(Offset(12)), Some(Offset(7)));
/// # Ok::<(), vk_hook::plan::Refusal>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    displaced: Displaced,
    map: Map,
}

impl Plan {
    /// Decides where the function with the bytes `code` at `address` can be hooked.
    ///
    /// `code` is the whole function, as its symbol says. If the compiler put parts of it elsewhere
    /// (`.cold`), ask [`check_part`](Self::check_part) about each.
    ///
    /// # Errors
    ///
    /// The first [`Refusal`]: of the instructions to be displaced, then of the rest of the function.
    #[doc(alias = "can_optimize")]
    pub fn new<F: Facts>(code: &[u8], address: CodeAddr, facts: &F) -> Result<Self, Refusal> {
        let site = entry::skip(code, address, facts)?;
        let displaced = Displaced::choose(code, address, site, facts)?;
        body::check(code, address, site, &displaced, facts)?;
        let map = Map::of(&displaced)?;
        Ok(Self { displaced, map })
    }

    /// Checks another part of the function, with the bytes `code` at `address`.
    ///
    /// # Errors
    ///
    /// A branch, a fixup or an operand in it meets the patch, or it does not decode. The refusal's
    /// offset counts from `address`; that of a target from the function's start.
    pub fn check_part<F: Facts>(
        &self,
        code: &[u8],
        address: CodeAddr,
        facts: &F,
    ) -> Result<(), Refusal> {
        body::check(code, address, Offset(0), &self.displaced, facts)
    }

    /// Returns the instructions that the patch displaces.
    pub const fn displaced(&self) -> &Displaced {
        &self.displaced
    }

    /// Returns where they go in a trampoline, wherever that is.
    pub const fn map(&self) -> &Map {
        &self.map
    }

    /// Returns the patch that leads to `stub`.
    ///
    /// It is reached by a direct jump: `stub` needs no `endbr64` for it.
    ///
    /// # Errors
    ///
    /// [`Reason::OutOfRange`]: `stub` is 2 GiB or more away.
    pub fn patch(&self, stub: CodeAddr) -> Result<Patch, Refusal> {
        Patch::new(&self.displaced, stub)
    }

    /// Returns the trampoline for `address`.
    ///
    /// # Errors
    ///
    /// [`Reason::OutOfRange`]: the function, or what a displaced instruction refers to, is 2 GiB or
    /// more away.
    pub fn trampoline(&self, address: CodeAddr) -> Result<Trampoline, Refusal> {
        Trampoline::new(&self.displaced, &self.map, address)
    }
}
