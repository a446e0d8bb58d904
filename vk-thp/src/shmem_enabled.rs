//! The six words of `transparent_hugepage/shmem_enabled`.

use core::fmt;

use crate::{sysfs, ParseError};

/// Whether shared memory gets huge pages: `/sys/kernel/mm/transparent_hugepage/shmem_enabled`.
///
/// The numbers are those of `SHMEM_HUGE_*` in mm/shmem.c.
///
/// # Examples
///
/// ```
/// use vk_thp::ShmemEnabled;
///
/// let policy = ShmemEnabled::from_sysfs(b"advise\n")?;
/// assert_eq!(policy.sysfs_text(), "always within_size [advise] never deny force\n");
/// # Ok::<(), vk_thp::ParseError>(())
/// ```
#[doc(alias = "shmem_huge")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i8)]
pub enum ShmemEnabled {
    /// Wherever a huge page fits.
    #[doc(alias = "SHMEM_HUGE_ALWAYS")]
    Always = 1,
    /// Where one lies within the file's size, or the program asked with `MADV_HUGEPAGE`.
    #[doc(alias = "SHMEM_HUGE_WITHIN_SIZE")]
    WithinSize = 2,
    /// Where the program asked for it with `MADV_HUGEPAGE`.
    #[doc(alias = "SHMEM_HUGE_ADVISE")]
    Advise = 3,
    /// Nowhere, unless `MADV_COLLAPSE` demands it.
    #[doc(alias = "SHMEM_HUGE_NEVER")]
    Never = 0,
    /// Nowhere, on no mount, not even for `MADV_COLLAPSE`.
    #[doc(alias = "SHMEM_HUGE_DENY")]
    Deny = -1,
    /// Everywhere, on every mount.
    #[doc(alias = "SHMEM_HUGE_FORCE")]
    Force = -2,
}

/// What `shmem_enabled_store()` has room for, the NUL at the end not counted.
const WRITTEN_MAX: usize = 15;

impl ShmemEnabled {
    /// Every mode, in the order in which sysfs lists them.
    pub const ALL: [Self; 6] = [
        Self::Always,
        Self::WithinSize,
        Self::Advise,
        Self::Never,
        Self::Deny,
        Self::Force,
    ];

    /// Returns the mode with the kernel's number `raw`, if there is one.
    pub const fn from_raw(raw: i8) -> Option<Self> {
        match raw {
            1 => Some(Self::Always),
            2 => Some(Self::WithinSize),
            3 => Some(Self::Advise),
            0 => Some(Self::Never),
            -1 => Some(Self::Deny),
            -2 => Some(Self::Force),
            _ => None,
        }
    }

    /// Reads what was written to `shmem_enabled`, as `shmem_enabled_store()` does.
    ///
    /// That function does not compare as the other files do: it takes at most 15 bytes, removes a
    /// newline if that is the last of them, and only then looks for a NUL.
    ///
    /// The kernel also refuses `force` while another size than the PMD's inherits:
    /// [`ShmemOrders::admits`](crate::ShmemOrders::admits).
    ///
    /// # Errors
    ///
    /// [`ParseError::UnknownWord`]: not one of the six words, a single newline at the end aside.
    pub fn from_sysfs(written: &[u8]) -> Result<Self, ParseError> {
        let unknown = ParseError::UnknownWord {
            expected: "always, within_size, advise, never, deny or force",
        };
        if written.len() > WRITTEN_MAX {
            return Err(unknown);
        }
        let line = written.strip_suffix(b"\n").unwrap_or(written);
        let text = sysfs::until_nul(line);
        Self::ALL
            .into_iter()
            .find(|mode| text == mode.as_str().as_bytes())
            .ok_or(unknown)
    }

    /// Returns the mode's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::WithinSize => "within_size",
            Self::Advise => "advise",
            Self::Never => "never",
            Self::Deny => "deny",
            Self::Force => "force",
        }
    }

    /// Returns what a read of `shmem_enabled` shows, as `shmem_enabled_show()` prints it.
    pub const fn sysfs_text(self) -> &'static str {
        match self {
            Self::Always => "[always] within_size advise never deny force\n",
            Self::WithinSize => "always [within_size] advise never deny force\n",
            Self::Advise => "always within_size [advise] never deny force\n",
            Self::Never => "always within_size advise [never] deny force\n",
            Self::Deny => "always within_size advise never [deny] force\n",
            Self::Force => "always within_size advise never deny [force]\n",
        }
    }
}

impl fmt::Display for ShmemEnabled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
