//! The three values of `vm.overcommit_memory`.

use core::fmt;

/// How strictly mappings are counted against memory: `vm.overcommit_memory`.
///
/// # Examples
///
/// ```
/// use vk_overcommit::Mode;
///
/// assert_eq!(Mode::from_raw(2), Some(Mode::Never));
/// assert_eq!(Mode::Never as i32, 2);
/// assert_eq!(Mode::from_raw(3), None);
/// ```
#[doc(alias = "sysctl_overcommit_memory")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Mode {
    /// Refuses only what could not fit even if nothing else ran.
    #[doc(alias = "OVERCOMMIT_GUESS")]
    #[default]
    Heuristic = 0,
    /// Refuses nothing.
    #[doc(alias = "OVERCOMMIT_ALWAYS")]
    Always = 1,
    /// Refuses what would take the sum of all charges to the commit limit.
    #[doc(alias = "OVERCOMMIT_NEVER")]
    Never = 2,
}

impl Mode {
    /// Every mode, by its number.
    pub const ALL: [Self; 3] = [Self::Heuristic, Self::Always, Self::Never];

    /// Returns the mode that sysctl(8) writes as `raw`, if there is one.
    pub const fn from_raw(raw: i32) -> Option<Self> {
        match raw {
            0 => Some(Self::Heuristic),
            1 => Some(Self::Always),
            2 => Some(Self::Never),
            _ => None,
        }
    }
}

impl fmt::Display for Mode {
    /// Writes the number, as `/proc/sys/vm/overcommit_memory` shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (*self as i32).fmt(f)
    }
}
