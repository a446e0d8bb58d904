//! What `bench` measures: workloads, states, and the numbers of one workload in one state.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a process does again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
pub enum Workload {
    /// getpid(2): a path on which there is no hook.
    #[serde(rename = "getpid")]
    #[value(name = "getpid")]
    Getpid,
    /// mmap(2) and munmap(2) of one private writable page.
    #[serde(rename = "mmap-munmap")]
    #[value(name = "mmap-munmap")]
    MmapMunmap,
    /// The same after a sleep: the limit is found anew.
    #[serde(rename = "mmap-rested")]
    #[value(name = "mmap-rested")]
    MmapRested,
    /// brk(2) up by a page and down again.
    #[serde(rename = "brk")]
    #[value(name = "brk")]
    Brk,
    /// The same, where huge pages are asked for as well.
    #[serde(rename = "brk-huge")]
    #[value(name = "brk-huge")]
    BrkHuge,
    /// The first write to a mapping of 4 KB, page table included.
    #[serde(rename = "touch-4k")]
    #[value(name = "touch-4k")]
    Touch4k,
    /// The first write to a range that gets a huge page, because it is advised.
    #[serde(rename = "touch-2m")]
    #[value(name = "touch-2m")]
    Touch2m,
    /// fork(2) and a child that ends at once: the run time of both.
    #[serde(rename = "fork-exit")]
    #[value(name = "fork-exit")]
    ForkExit,
    /// The same right after a mapping: the limit is there.
    #[serde(rename = "fork-again")]
    #[value(name = "fork-again")]
    ForkAgain,
    /// mmap(2) and munmap(2) of one private writable page, where mappings are limited.
    #[serde(rename = "mmap-limited")]
    #[value(name = "mmap-limited")]
    MmapLimited,
    /// brk(2) up by a page and down again, where mappings are limited.
    #[serde(rename = "brk-limited")]
    #[value(name = "brk-limited")]
    BrkLimited,
    /// pipe(2) and two close(2), where the pages of a user's pipes are limited.
    #[serde(rename = "pipe-limited")]
    #[value(name = "pipe-limited")]
    PipeLimited,
    /// open(2) and close(2), where descriptors and files are limited.
    #[serde(rename = "open-close")]
    #[value(name = "open-close")]
    OpenClose,
    /// pread(2) of a kernel parameter that a container has for itself.
    #[serde(rename = "sysctl-read")]
    #[value(name = "sysctl-read")]
    SysctlRead,
    /// The same of one that it has not, by the same handler of the kernel.
    #[serde(rename = "sysctl-read-shared")]
    #[value(name = "sysctl-read-shared")]
    SysctlReadShared,
    /// The same of one whose handler has no hook.
    #[serde(rename = "sysctl-read-unhooked")]
    #[value(name = "sysctl-read-unhooked")]
    SysctlReadUnhooked,
    /// mmap(2) and munmap(2) of one private writable page, while mappings of the host are limited by hooks.
    #[serde(rename = "mmap-wide")]
    #[value(name = "mmap-wide")]
    MmapWide,
    /// brk(2) up by a page and down again, likewise.
    #[serde(rename = "brk-wide")]
    #[value(name = "brk-wide")]
    BrkWide,
    /// mprotect(2) of a page in the middle of three, and back, likewise.
    #[serde(rename = "split-wide")]
    #[value(name = "split-wide")]
    SplitWide,
    /// pipe(2) and two close(2), while pipes of the host are limited by hooks.
    #[serde(rename = "pipe-wide")]
    #[value(name = "pipe-wide")]
    PipeWide,
    /// setrlimit(2) of descriptors, while those of the host are limited by hooks.
    #[serde(rename = "rlimit-wide")]
    #[value(name = "rlimit-wide")]
    RlimitWide,
    /// pread(2) of a kernel parameter that is wide.
    #[serde(rename = "read-wide")]
    #[value(name = "read-wide")]
    ReadWide,
}

/// What the containers have while workloads are measured: one for each boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Huge pages and the commit accounting.
    Memory,
    /// The commit accounting alone.
    Commit,
    /// Limits of mappings, descriptors and files.
    Limits,
    /// More mappings, descriptors and pipes than the host may have.
    Wide,
}

impl Policy {
    /// Every policy.
    pub const ALL: [Self; 4] = [Self::Memory, Self::Commit, Self::Limits, Self::Wide];
}

impl Workload {
    /// Every workload.
    pub const ALL: &'static [Self] = &[
        Self::Getpid,
        Self::MmapMunmap,
        Self::MmapRested,
        Self::Brk,
        Self::BrkHuge,
        Self::Touch4k,
        Self::Touch2m,
        Self::ForkExit,
        Self::ForkAgain,
        Self::MmapLimited,
        Self::BrkLimited,
        Self::PipeLimited,
        Self::OpenClose,
        Self::SysctlRead,
        Self::SysctlReadShared,
        Self::SysctlReadUnhooked,
        Self::MmapWide,
        Self::BrkWide,
        Self::SplitWide,
        Self::PipeWide,
        Self::RlimitWide,
        Self::ReadWide,
    ];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Getpid => "getpid",
            Self::MmapMunmap => "mmap-munmap",
            Self::MmapRested => "mmap-rested",
            Self::Brk => "brk",
            Self::BrkHuge => "brk-huge",
            Self::Touch4k => "touch-4k",
            Self::Touch2m => "touch-2m",
            Self::ForkExit => "fork-exit",
            Self::ForkAgain => "fork-again",
            Self::MmapLimited => "mmap-limited",
            Self::BrkLimited => "brk-limited",
            Self::PipeLimited => "pipe-limited",
            Self::OpenClose => "open-close",
            Self::SysctlRead => "sysctl-read",
            Self::SysctlReadShared => "sysctl-read-shared",
            Self::SysctlReadUnhooked => "sysctl-read-unhooked",
            Self::MmapWide => "mmap-wide",
            Self::BrkWide => "brk-wide",
            Self::SplitWide => "split-wide",
            Self::PipeWide => "pipe-wide",
            Self::RlimitWide => "rlimit-wide",
            Self::ReadWide => "read-wide",
        }
    }

    /// Returns the policy it is measured under.
    pub fn policy(self) -> Policy {
        match self {
            Self::Getpid
            | Self::MmapMunmap
            | Self::MmapRested
            | Self::BrkHuge
            | Self::Touch4k
            | Self::Touch2m
            | Self::ForkExit
            | Self::ForkAgain => Policy::Memory,
            Self::Brk => Policy::Commit,
            Self::MmapLimited
            | Self::BrkLimited
            | Self::PipeLimited
            | Self::OpenClose
            | Self::SysctlRead
            | Self::SysctlReadShared
            | Self::SysctlReadUnhooked => Policy::Limits,
            Self::MmapWide
            | Self::BrkWide
            | Self::SplitWide
            | Self::PipeWide
            | Self::RlimitWide
            | Self::ReadWide => Policy::Wide,
        }
    }

    /// Tells whether the process sleeps in it, so that others run meanwhile.
    ///
    /// Its cheapest time is a coincidence of many of the kernel's caches, then, and the time in
    /// the middle says more.
    pub fn sleeps(self) -> bool {
        matches!(self, Self::MmapRested | Self::ForkExit | Self::ForkAgain)
    }

    /// Finds a workload by its name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.name() == name)
    }
}

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Caller {
    /// A task of the initial pid namespace.
    Host,
    /// A task in a pid namespace and a memory cgroup of its own, without a policy.
    Namespace,
    /// The same with a policy.
    Container,
}

/// What the module does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It is not there.
    Absent,
    /// It is loaded, and no container has a policy.
    Idle,
    /// Some container has a policy: all hooks are in, the gate is open.
    Active,
}

/// Who asks, in which stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct State {
    /// Who asks.
    pub caller: Caller,
    /// What the module does.
    pub module: Stage,
}

impl State {
    /// Every state, each after the one that it is compared with.
    pub const ALL: &'static [Self] = &[
        Self::new(Caller::Host, Stage::Absent),
        Self::new(Caller::Host, Stage::Idle),
        Self::new(Caller::Host, Stage::Active),
        Self::new(Caller::Namespace, Stage::Absent),
        Self::new(Caller::Namespace, Stage::Idle),
        Self::new(Caller::Namespace, Stage::Active),
        Self::new(Caller::Container, Stage::Active),
    ];

    const fn new(caller: Caller, module: Stage) -> Self {
        Self { caller, module }
    }

    /// Returns the state without the module that this one is compared with.
    #[must_use]
    pub fn base(self) -> Self {
        match self.caller {
            Caller::Host => Self::new(Caller::Host, Stage::Absent),
            Caller::Namespace | Caller::Container => Self::new(Caller::Namespace, Stage::Absent),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caller = match self.caller {
            Caller::Host => "host",
            Caller::Namespace => "namespace",
            Caller::Container => "container",
        };
        let module = match self.module {
            Stage::Absent => "absent",
            Stage::Idle => "idle",
            Stage::Active => "active",
        };
        write!(f, "{caller}/{module}")
    }
}

/// How often one operation goes through a hook.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Crossing {
    /// The hooked function.
    pub symbol: String,
    /// The hook's kind, as the module names it.
    pub kind: String,
    /// How often.
    pub count: u64,
}

/// One workload in one state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Measurement {
    /// What was done.
    pub workload: Workload,
    /// By whom, and what the module did.
    pub state: State,
    /// How often.
    pub samples: usize,
    /// The instructions of the cheapest time.
    pub min: u64,
    /// The instructions of the time in the middle.
    pub median: u64,
    /// The hooks on the way.
    pub crossings: Vec<Crossing>,
}

impl Measurement {
    /// Returns the number by which states are compared: the minimum, or the median of a workload
    /// that sleeps.
    pub fn cost(&self) -> u64 {
        match self.workload.sleeps() {
            true => self.median,
            false => self.min,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_found_by_its_name() {
        for workload in Workload::ALL {
            assert_eq!(Workload::named(workload.name()), Some(*workload));
        }
        assert_eq!(Workload::named("getpi"), None);
    }

    #[test]
    fn the_names_are_the_same_everywhere() -> Result<(), serde_json::Error> {
        use clap::ValueEnum;
        for workload in Workload::ALL {
            let on_the_command_line = workload.to_possible_value();
            let name = on_the_command_line.as_ref().map(|it| it.get_name());
            assert_eq!(name, Some(workload.name()));
            let in_json = serde_json::to_string(workload)?;
            assert_eq!(in_json, format!("\"{}\"", workload.name()));
        }
        Ok(())
    }

    #[test]
    fn every_state_comes_after_its_base() {
        for (at, state) in State::ALL.iter().enumerate() {
            let base = State::ALL.iter().position(|it| *it == state.base());
            assert!(base.is_some_and(|base| base <= at), "{state}");
        }
    }
}
