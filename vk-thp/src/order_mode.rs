//! The four words of `hugepages-*kB/enabled`.

use core::fmt;

use crate::{sysfs, Enabled, ParseError};

/// Whether anonymous memory gets pages of one size: `hugepages-2048kB/enabled` and its siblings.
///
/// The numbers are those of `enum anon_enabled_mode` in mm/huge_memory.c.
///
/// # Examples
///
/// The kernel boots with `inherit` for 2 MiB, which makes the global file decide:
///
/// ```
/// use vk_thp::{Enabled, OrderMode};
///
/// assert_eq!(OrderMode::Inherit.effective(Enabled::Madvise), Enabled::Madvise);
/// assert_eq!(OrderMode::Never.effective(Enabled::Always), Enabled::Never);
/// ```
#[doc(alias = "huge_anon_orders_always")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OrderMode {
    /// Wherever a page of this size fits.
    Always = 0,
    /// As the global `enabled` says.
    Inherit = 1,
    /// Where the program asked for it with `MADV_HUGEPAGE`.
    Madvise = 2,
    /// Nowhere.
    Never = 3,
}

impl OrderMode {
    /// Every mode, in the order in which sysfs lists them.
    pub const ALL: [Self; 4] = [Self::Always, Self::Inherit, Self::Madvise, Self::Never];

    /// Returns the mode with the kernel's number `raw`, if there is one.
    pub const fn from_raw(raw: u8) -> Option<Self> {
        match raw {
            0 => Some(Self::Always),
            1 => Some(Self::Inherit),
            2 => Some(Self::Madvise),
            3 => Some(Self::Never),
            _ => None,
        }
    }

    /// Reads what was written to the file, as `anon_enabled_store()` does.
    ///
    /// # Errors
    ///
    /// [`ParseError::UnknownWord`]: not one of the four words, a single newline at the end aside.
    pub fn from_sysfs(written: &[u8]) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|mode| sysfs::is_word(written, mode.as_str()))
            .ok_or(ParseError::UnknownWord {
                expected: "always, inherit, madvise or never",
            })
    }

    /// Returns what the mode comes to while the global file says `global`.
    pub const fn effective(self, global: Enabled) -> Enabled {
        match self {
            Self::Always => Enabled::Always,
            Self::Inherit => global,
            Self::Madvise => Enabled::Madvise,
            Self::Never => Enabled::Never,
        }
    }

    /// Returns the mode's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Inherit => "inherit",
            Self::Madvise => "madvise",
            Self::Never => "never",
        }
    }

    /// Returns what a read of the file shows, as `anon_enabled_show()` prints it.
    pub const fn sysfs_text(self) -> &'static str {
        match self {
            Self::Always => "[always] inherit madvise never\n",
            Self::Inherit => "always [inherit] madvise never\n",
            Self::Madvise => "always inherit [madvise] never\n",
            Self::Never => "always inherit madvise [never]\n",
        }
    }
}

impl fmt::Display for OrderMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
