//! Why a back end cannot take a function.

use vk_hook::plan::{Reason as Planned, Refusal, Reserved};

/// Why a back end cannot take a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    Freed,
    NotUnique,
    Clone,
    Part,
    Suffix,
    Sibling,
    NoSite,
    Noinstr,
    Entry,
    Nokprobe,
    StaticCallTrampoline,
    TooShort,
    Undecodable,
    Breakpoint,
    BranchInside,
    BranchFromElsewhere,
    BranchOfLabel,
    BranchOfAlternative,
    FixupInside,
    LandingInside,
    JumpTable,
    Call,
    Return,
    Loop,
    Transaction,
    Trap,
    OperandSizeBranch,
    ExceptionTable,
    Ftrace,
    JumpLabel,
    StaticCall,
    Alternative,
    Bug,
    ReadsPatch,
    OutOfRange,
}

impl Reason {
    /// Every reason: its name in the CSV and JSON, and what it means.
    #[rustfmt::skip]
    pub(super) const ALL: &[(Self, &str, &str)] = &[
        (Self::Freed, "freed", "its section is freed when the kernel has booted"),
        (Self::NotUnique, "not-unique", "other symbols have this name"),
        (Self::Clone, "clone", "a copy that the compiler made (`.isra`, `.constprop`, `.part`): its ABI may differ"),
        (Self::Part, "part", "a part of another function (`.cold`)"),
        (Self::Suffix, "suffix", "another suffix: a name that no source has"),
        (Self::Sibling, "sibling", "a copy of it has callers of its own (`.isra`, `.constprop`, `.part`)"),
        (Self::NoSite, "no-site", "ftrace has no site in it: assembly, `notrace`, or a file compiled without"),
        (Self::Noinstr, "noinstr", "`noinstr`: where nothing may be instrumented"),
        (Self::Entry, "entry", "`.entry.text`: stack and registers are not set up"),
        (Self::Nokprobe, "nokprobe", "`NOKPROBE_SYMBOL` or `__kprobes`: what a breakpoint itself needs"),
        (Self::StaticCallTrampoline, "static-call-trampoline", "the kernel patches it: the trampoline of a static call"),
        (Self::TooShort, "too-short", "it ends before a jump fits"),
        (Self::Undecodable, "undecodable", "not all of it decodes"),
        (Self::Breakpoint, "breakpoint", "there is a breakpoint in it"),
        (Self::BranchInside, "branch-inside", "it branches among the displaced bytes: a loop to its start"),
        (Self::BranchFromElsewhere, "branch-from-elsewhere", "another symbol's code, its `.cold` part perhaps, refers to the displaced bytes"),
        (Self::BranchOfLabel, "branch-of-label", "a jump label leads among the displaced bytes when it is on"),
        (Self::BranchOfAlternative, "branch-of-alternative", "an alternative leads among the displaced bytes on some processors"),
        (Self::FixupInside, "fixup-inside", "the exception table leads among the displaced bytes"),
        (Self::LandingInside, "landing-inside", "an `endbr64` among the displaced bytes"),
        (Self::JumpTable, "jump-table", "an indirect jump, perhaps by a table"),
        (Self::Call, "call", "a call among the displaced: its return address would be in the trampoline"),
        (Self::Return, "return", "a return among the displaced: it is over before a jump fits"),
        (Self::Loop, "loop", "`loop` or `jrcxz` among the displaced, to out of reach"),
        (Self::Transaction, "transaction", "`xbegin` among the displaced"),
        (Self::Trap, "trap", "a trap among the displaced (`ud2`, `int3`, `syscall`)"),
        (Self::OperandSizeBranch, "operand-size-branch", "a branch with a prefix 66 among the displaced"),
        (Self::ExceptionTable, "exception-table", "an instruction among the displaced has an entry in the exception table"),
        (Self::Ftrace, "ftrace", "ftrace's site is among the displaced: not at the entry"),
        (Self::JumpLabel, "jump-label", "a jump label among the displaced"),
        (Self::StaticCall, "static-call", "a static call among the displaced"),
        (Self::Alternative, "alternative", "an alternative among the displaced: the processor decides the bytes"),
        (Self::Bug, "bug", "a `BUG()` or `WARN()` among the displaced"),
        (Self::ReadsPatch, "reads-patch", "an operand in the displaced bytes"),
        (Self::OutOfRange, "out-of-range", "an operand is out of reach from where modules are"),
    ];

    /// Returns the name of it.
    pub(super) fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|it| it.0 == self)
            .map_or("", |it| it.1)
    }

    /// Returns why the planner refuses; `None` for a reason that it has and this report has not.
    pub(super) fn of(refusal: &Refusal) -> Option<Self> {
        Some(match refusal.reason() {
            Planned::TooShort { .. } => Self::TooShort,
            Planned::Undecodable(_) => Self::Undecodable,
            Planned::Breakpoint => Self::Breakpoint,
            Planned::BranchInside { .. } => Self::BranchInside,
            Planned::FixupInside { .. } => Self::FixupInside,
            Planned::LandingInside => Self::LandingInside,
            Planned::JumpTable => Self::JumpTable,
            Planned::Call => Self::Call,
            Planned::Return => Self::Return,
            Planned::Loop => Self::Loop,
            Planned::Transaction => Self::Transaction,
            Planned::Trap => Self::Trap,
            Planned::OperandSizeBranch => Self::OperandSizeBranch,
            Planned::ExceptionTable => Self::ExceptionTable,
            Planned::Reserved(owner) => Self::of_owner(owner)?,
            Planned::ReadsPatch => Self::ReadsPatch,
            Planned::OutOfRange { .. } => Self::OutOfRange,
            _ => return None,
        })
    }

    fn of_owner(owner: Reserved) -> Option<Self> {
        Some(match owner {
            Reserved::Ftrace => Self::Ftrace,
            Reserved::JumpLabel => Self::JumpLabel,
            Reserved::StaticCall => Self::StaticCall,
            Reserved::Alternative => Self::Alternative,
            Reserved::Kprobe => Self::Nokprobe,
            Reserved::Bug => Self::Bug,
            _ => return None,
        })
    }
}
