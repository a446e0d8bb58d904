//! What a plan must know of the kernel beside the bytes.

use super::CodeAddr;

/// What a plan must know of the kernel beside the bytes.
///
/// [`Plan::new`](super::Plan::new) asks in the context of its caller, once or twice for each
/// instruction that it displaces and once for every other of the function. It holds nothing
/// between two questions: what a lock protects in the answers, the caller locks around the plan.
/// In a kernel that is process context, with `jump_label_lock()` and `text_mutex` held, in this
/// order.
pub trait Facts {
    /// Returns who owns one of the `len` bytes at `start`, if somebody does.
    ///
    /// Answers [`Reserved::Ftrace`] for ftrace's site also while a tracer is on, when the bytes
    /// there are a call.
    fn reserved(&self, start: CodeAddr, len: usize) -> Option<Reserved>;

    /// Returns where execution goes on if the instruction at `insn` faults and the exception table
    /// has an entry for it.
    #[doc(alias = "search_exception_tables")]
    fn exception_fixup(&self, insn: CodeAddr) -> Option<CodeAddr>;

    /// Returns whether the compiler may have made jump tables.
    fn jump_tables(&self) -> JumpTables;
}

/// Who patches code, or looks for it by its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reserved {
    /// The nop or call of a traced function: `ftrace_text_reserved()`.
    Ftrace,
    /// The nop or jump of a static branch: `jump_label_text_reserved()`.
    JumpLabel,
    /// A static call: `static_call_text_reserved()`.
    StaticCall,
    /// Code that depends on the processor: `alternatives_text_reserved()`.
    Alternative,
    /// A probe that is there, or a place where none may be: `get_kprobe()`,
    /// `within_kprobe_blacklist()`.
    Kprobe,
    /// The trap of a `BUG()` or `WARN()`: `find_bug()`.
    Bug,
    /// Another hook's jump or call, which leads out of the kernel.
    Hook,
}

/// Whether the compiler may have made jump tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JumpTables {
    /// It made none: `-fno-jump-tables`, as in kernels with `CONFIG_X86_KERNEL_IBT` or
    /// `CONFIG_MITIGATION_RETPOLINE`. An indirect jump is a tail call.
    Never,
    /// It may have: an indirect jump may land anywhere in its function.
    Possible,
}
