//! A file that holds 0 or 1.

use core::fmt;

use crate::{sysfs, ParseError};

/// Whether something is on: `use_zero_page`, and khugepaged for one container.
///
/// # Examples
///
/// ```
/// use vk_thp::Switch;
///
/// let use_zero_page = Switch::from_sysfs(b"0\n")?;
/// assert!(!use_zero_page.is_on());
/// assert_eq!(use_zero_page.sysfs_text(), "0\n");
/// # Ok::<(), vk_thp::ParseError>(())
/// ```
#[doc(alias = "single_hugepage_flag_store")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Switch {
    /// Off.
    Off = 0,
    /// On.
    On = 1,
}

impl Switch {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Off, Self::On];

    /// Returns the switch with the kernel's number `raw`, if there is one.
    pub const fn from_raw(raw: u8) -> Option<Self> {
        match raw {
            0 => Some(Self::Off),
            1 => Some(Self::On),
            _ => None,
        }
    }

    /// Reads what was written to such a file, as `single_hugepage_flag_store()` does.
    ///
    /// # Errors
    ///
    /// - [`ParseError::NotASwitch`]: no decimal number, or one that is neither 0 nor 1.
    /// - [`ParseError::OutOfRange`]: a number of more than 64 bits.
    pub fn from_sysfs(written: &[u8]) -> Result<Self, ParseError> {
        match sysfs::unsigned(written)? {
            0 => Ok(Self::Off),
            1 => Ok(Self::On),
            _ => Err(ParseError::NotASwitch),
        }
    }

    /// Tells whether it is on.
    pub const fn is_on(self) -> bool {
        matches!(self, Self::On)
    }

    /// Returns the switch as a digit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "0",
            Self::On => "1",
        }
    }

    /// Returns what a read of the file shows, as `single_hugepage_flag_show()` prints it.
    pub const fn sysfs_text(self) -> &'static str {
        match self {
            Self::Off => "0\n",
            Self::On => "1\n",
        }
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
