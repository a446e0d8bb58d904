//! What `bench hook` measures: one call of a function that is diverted in one way.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A way to be called when a function is; the handler does nothing, unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Nobody.
    Plain,
    /// Our hook by ftrace's direct jump; its filter sends the caller away.
    OursFtracePass,
    /// The same hook; a caller in a namespace, whom a Rust handler answers.
    OursFtraceRust,
    /// Our hook by a jump of our own behind the nop; its filter sends the caller away.
    OursInlinePass,
    /// The same hook; a caller in a namespace, whom a Rust handler answers.
    OursInlineRust,
    /// A kprobe behind the nop, as a breakpoint.
    KprobeInt3,
    /// A kprobe there, as a jump.
    KprobeOptimized,
    /// A kprobe at the entry: ftrace calls it.
    KprobeFtrace,
    /// A function of ftrace that gets the arguments.
    Ftrace,
    /// A function of ftrace that gets all registers.
    FtraceRegs,
    /// An fprobe on entry.
    Fprobe,
    /// A direct call by ftrace to a trampoline that saves the argument and calls a function.
    DirectCall,
    /// A direct jump to such a trampoline.
    DirectJump,
    /// A BPF program on entry.
    BpfFentry,
    /// A BPF program on return.
    BpfFexit,
    /// A BPF program on entry that lets the function run.
    BpfFmodRet,
    /// A BPF program on entry that answers for the function.
    BpfFmodRetAnswer,
    /// A live patch that answers for the function.
    Livepatch,
}

/// What somebody gets who is diverted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The function runs.
    Runs,
    /// It does not: somebody else answers.
    Answered,
}

impl Way {
    /// Every way, in the order in which they are measured.
    pub const ALL: &'static [Self] = &[
        Self::Plain,
        Self::OursFtracePass,
        Self::OursFtraceRust,
        Self::OursInlinePass,
        Self::OursInlineRust,
        Self::KprobeInt3,
        Self::KprobeOptimized,
        Self::KprobeFtrace,
        Self::Ftrace,
        Self::FtraceRegs,
        Self::Fprobe,
        Self::DirectCall,
        Self::DirectJump,
        Self::BpfFentry,
        Self::BpfFexit,
        Self::BpfFmodRet,
        Self::BpfFmodRetAnswer,
        Self::Livepatch,
    ];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::OursFtracePass => "ours, F: caller sent away",
            Self::OursFtraceRust => "ours, F: answered in Rust",
            Self::OursInlinePass => "ours, P: caller sent away",
            Self::OursInlineRust => "ours, P: answered in Rust",
            Self::KprobeInt3 => "kprobe, int3",
            Self::KprobeOptimized => "kprobe, optimised",
            Self::KprobeFtrace => "kprobe on ftrace",
            Self::Ftrace => "ftrace_ops, arguments",
            Self::FtraceRegs => "ftrace_ops, registers",
            Self::Fprobe => "fprobe",
            Self::DirectCall => "ftrace direct call",
            Self::DirectJump => "ftrace direct jump",
            Self::BpfFentry => "BPF fentry",
            Self::BpfFexit => "BPF fexit",
            Self::BpfFmodRet => "BPF fmod_ret: runs",
            Self::BpfFmodRetAnswer => "BPF fmod_ret: answers",
            Self::Livepatch => "livepatch: answers",
        }
    }

    /// Tells whether it is one of ours.
    pub fn is_ours(self) -> bool {
        self.goal().is_some()
    }

    /// Returns what its caller gets.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::OursFtraceRust
            | Self::OursInlineRust
            | Self::BpfFmodRetAnswer
            | Self::Livepatch => Outcome::Answered,
            _ => Outcome::Runs,
        }
    }

    /// Returns what it may cost more than a plain call, if it is ours.
    pub fn goal(self) -> Option<i64> {
        match self {
            Self::OursFtracePass | Self::OursInlinePass => Some(10),
            Self::OursFtraceRust | Self::OursInlineRust => Some(120),
            _ => None,
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one call costs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct CallCost {
    /// How the function was diverted.
    pub way: Way,
    /// The instructions of the cheapest call.
    pub min: u64,
    /// The instructions of the call in the middle.
    pub median: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_call_comes_first() {
        assert_eq!(Way::ALL.first(), Some(&Way::Plain));
    }

    #[test]
    fn ours_are_of_two_back_ends() {
        assert_eq!(Way::ALL.iter().filter(|way| way.is_ours()).count(), 4);
    }
}
