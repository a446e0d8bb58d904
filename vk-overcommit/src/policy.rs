//! The overcommit policy of one container.

use crate::Mode;

/// The values of `vm.overcommit_memory`, `vm.overcommit_ratio` and `vm.overcommit_kbytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// `vm.overcommit_memory`.
    pub mode: Mode,
    /// `vm.overcommit_ratio` in percent; an `int` without bounds, as in the kernel.
    pub ratio: i32,
    /// `vm.overcommit_kbytes` in KiB; 0 lets the ratio decide.
    pub kbytes: u64,
}

impl Default for Policy {
    /// Returns what the kernel boots with.
    fn default() -> Self {
        Self {
            mode: Mode::Heuristic,
            ratio: 50,
            kbytes: 0,
        }
    }
}
