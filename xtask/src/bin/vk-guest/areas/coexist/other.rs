//! Who else may hold a function's entry.

use anyhow::{ensure, Result};

use crate::bpf::{self, Place, Program};
use crate::meminfo;
use crate::neighbour::{Patch, Probe};

/// The function that is fought for: it has a hook, a live patch, and is called when
/// `/proc/meminfo` is read.
pub(super) const FUNCTION: &str = "vm_commit_limit";

/// What the live patch answers.
const PATCHED_PAGES: u64 = 12345;

/// Who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Other {
    /// A BPF program.
    Bpf(Place),
    /// A kprobe with a post_handler.
    Probe,
    /// A live patch.
    Patch,
}

/// It, on [`FUNCTION`]; it goes when it is let go.
#[derive(Debug)]
pub(super) enum There {
    /// A BPF program.
    Bpf(Program),
    /// A kprobe.
    Probe(Probe),
    /// A live patch.
    Patch(Patch),
}

impl Other {
    /// Returns the word by which `vkctl doctor` names it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Bpf(_) => "bpf",
            Self::Probe => "kprobe",
            Self::Patch => "livepatch",
        }
    }

    /// Puts it on [`FUNCTION`].
    ///
    /// # Errors
    ///
    /// The inner error is the kernel's refusal.
    pub(super) fn come(self) -> Result<Result<There, String>> {
        bpf::counts_runs(true)?;
        Ok(match self {
            Self::Bpf(place) => Program::attach(place, FUNCTION, None, 0)?
                .map(There::Bpf)
                .map_err(|error| error.to_string()),
            Self::Probe => Probe::put(FUNCTION, 0, true)?.map(There::Probe),
            Self::Patch => Patch::of_commit_limit(PATCHED_PAGES)?.map(There::Patch),
        })
    }
}

impl There {
    /// Lets the host call the function, and expects that it is seen.
    ///
    /// # Errors
    ///
    /// It is not.
    pub(super) fn works(&self) -> Result<()> {
        let before = self.count()?;
        let text = std::fs::read_to_string("/proc/meminfo")?;
        match self {
            Self::Bpf(_) | Self::Probe(_) => {
                let now = self.count()?;
                ensure!(now > before, "{FUNCTION} was called unseen: {now} times");
            }
            Self::Patch(patch) => {
                ensure!(patch.is_enabled()?, "the live patch is off");
                let limit = meminfo::kb(&text, "CommitLimit")? / 4;
                ensure!(limit == PATCHED_PAGES, "{FUNCTION} answers {limit}");
            }
        }
        Ok(())
    }

    fn count(&self) -> Result<u64> {
        match self {
            Self::Bpf(program) => program.runs(),
            Self::Probe(probe) => probe.hits(),
            Self::Patch(_) => Ok(0),
        }
    }
}
