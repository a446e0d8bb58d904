//! The three words of `transparent_hugepage/enabled`.

use core::fmt;

use crate::{sysfs, ParseError};

/// Whether anonymous memory gets huge pages: `/sys/kernel/mm/transparent_hugepage/enabled`.
///
/// The numbers are those of `enum global_enabled_mode` in mm/huge_memory.c.
///
/// # Examples
///
/// ```
/// use vk_thp::Enabled;
///
/// let policy = Enabled::from_sysfs(b"madvise\n")?;
/// assert_eq!(policy.sysfs_text(), "always [madvise] never\n");
/// # Ok::<(), vk_thp::ParseError>(())
/// ```
#[doc(alias = "transparent_hugepage_flags")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Enabled {
    /// Wherever a huge page fits.
    Always = 0,
    /// Where the program asked for it with `MADV_HUGEPAGE`.
    Madvise = 1,
    /// Nowhere.
    Never = 2,
}

impl Enabled {
    /// Every mode, in the order in which sysfs lists them.
    pub const ALL: [Self; 3] = [Self::Always, Self::Madvise, Self::Never];

    /// Returns the mode with the kernel's number `raw`, if there is one.
    pub const fn from_raw(raw: u8) -> Option<Self> {
        match raw {
            0 => Some(Self::Always),
            1 => Some(Self::Madvise),
            2 => Some(Self::Never),
            _ => None,
        }
    }

    /// Reads what was written to `enabled`, as `enabled_store()` does.
    ///
    /// # Errors
    ///
    /// [`ParseError::UnknownWord`]: not one of the three words, a single newline at the end aside.
    pub fn from_sysfs(written: &[u8]) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|mode| sysfs::is_word(written, mode.as_str()))
            .ok_or(ParseError::UnknownWord {
                expected: "always, madvise or never",
            })
    }

    /// Returns the mode's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Madvise => "madvise",
            Self::Never => "never",
        }
    }

    /// Returns what a read of `enabled` shows, as `enabled_show()` prints it.
    pub const fn sysfs_text(self) -> &'static str {
        match self {
            Self::Always => "[always] madvise never\n",
            Self::Madvise => "always [madvise] never\n",
            Self::Never => "always madvise [never]\n",
        }
    }
}

impl fmt::Display for Enabled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
