//! The value of a key.

use core::fmt;

use crate::{Defrag, Enabled, Key, ShmemEnabled, Switch};

/// A value, with the key that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// Of `thp_enabled`.
    Enabled(Enabled),
    /// Of `thp_defrag`.
    Defrag(Defrag),
    /// Of `thp_shmem_enabled`.
    ShmemEnabled(ShmemEnabled),
    /// Of `thp_use_zero_page`.
    UseZeroPage(Switch),
    /// Of `thp_khugepaged`.
    Khugepaged(Switch),
}

impl Value {
    /// Returns the key that it is of.
    pub const fn key(self) -> Key {
        match self {
            Self::Enabled(_) => Key::Enabled,
            Self::Defrag(_) => Key::Defrag,
            Self::ShmemEnabled(_) => Key::ShmemEnabled,
            Self::UseZeroPage(_) => Key::UseZeroPage,
            Self::Khugepaged(_) => Key::Khugepaged,
        }
    }

    /// Returns what a read of the key's file shows.
    pub const fn sysfs_text(self) -> &'static str {
        match self {
            Self::Enabled(value) => value.sysfs_text(),
            Self::Defrag(value) => value.sysfs_text(),
            Self::ShmemEnabled(value) => value.sysfs_text(),
            Self::UseZeroPage(value) | Self::Khugepaged(value) => value.sysfs_text(),
        }
    }
}

impl fmt::Display for Value {
    /// Writes the word, or the digit of a switch.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enabled(value) => value.fmt(f),
            Self::Defrag(value) => value.fmt(f),
            Self::ShmemEnabled(value) => value.fmt(f),
            Self::UseZeroPage(value) | Self::Khugepaged(value) => value.fmt(f),
        }
    }
}
