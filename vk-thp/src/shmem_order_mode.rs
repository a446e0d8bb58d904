//! The five words of `hugepages-*kB/shmem_enabled`.

use core::fmt;

use crate::{sysfs, ParseError};

/// Whether shared memory gets pages of one size: `hugepages-2048kB/shmem_enabled` and its siblings.
///
/// The numbers are those of `enum huge_mode` in mm/shmem.c.
///
/// # Examples
///
/// ```
/// use vk_thp::ShmemOrderMode;
///
/// let mode = ShmemOrderMode::from_sysfs(b"inherit\n")?;
/// assert_eq!(mode.sysfs_text(), "always [inherit] within_size advise never\n");
/// # Ok::<(), vk_thp::ParseError>(())
/// ```
#[doc(alias = "huge_shmem_orders_always")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ShmemOrderMode {
    /// Wherever a page of this size fits.
    Always = 0,
    /// As the global `shmem_enabled` says.
    Inherit = 1,
    /// Where one lies within the file's size.
    ///
    /// transhuge.rst promises `MADV_HUGEPAGE` as well; mm/shmem.c of 7.2 does not look at it here.
    WithinSize = 2,
    /// Where the program asked for it with `MADV_HUGEPAGE`.
    Advise = 3,
    /// Nowhere.
    Never = 4,
}

impl ShmemOrderMode {
    /// Every mode, in the order in which sysfs lists them.
    pub const ALL: [Self; 5] = [
        Self::Always,
        Self::Inherit,
        Self::WithinSize,
        Self::Advise,
        Self::Never,
    ];

    /// Returns the mode with the kernel's number `raw`, if there is one.
    pub const fn from_raw(raw: u8) -> Option<Self> {
        match raw {
            0 => Some(Self::Always),
            1 => Some(Self::Inherit),
            2 => Some(Self::WithinSize),
            3 => Some(Self::Advise),
            4 => Some(Self::Never),
            _ => None,
        }
    }

    /// Reads what was written to the file, as `thpsize_shmem_enabled_store()` does.
    ///
    /// # Errors
    ///
    /// [`ParseError::UnknownWord`]: not one of the five words, a single newline at the end aside.
    pub fn from_sysfs(written: &[u8]) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|mode| sysfs::is_word(written, mode.as_str()))
            .ok_or(ParseError::UnknownWord {
                expected: "always, inherit, within_size, advise or never",
            })
    }

    /// Returns the mode's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Inherit => "inherit",
            Self::WithinSize => "within_size",
            Self::Advise => "advise",
            Self::Never => "never",
        }
    }

    /// Returns what a read of the file shows, as `thpsize_shmem_enabled_show()` prints it.
    pub const fn sysfs_text(self) -> &'static str {
        match self {
            Self::Always => "[always] inherit within_size advise never\n",
            Self::Inherit => "always [inherit] within_size advise never\n",
            Self::WithinSize => "always inherit [within_size] advise never\n",
            Self::Advise => "always inherit within_size [advise] never\n",
            Self::Never => "always inherit within_size advise [never]\n",
        }
    }
}

impl fmt::Display for ShmemOrderMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
