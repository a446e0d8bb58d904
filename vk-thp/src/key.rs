//! The names by which a container's policies are set.

use core::fmt;

use crate::{Defrag, Enabled, ParseError, ShmemEnabled, Switch, Value};

/// One policy that a container can have for itself.
///
/// # Examples
///
/// ```
/// use vk_thp::{Defrag, Key, Value};
///
/// let key = Key::from_name(b"thp_defrag");
/// assert_eq!(key, Some(Key::Defrag));
/// assert_eq!(Key::Defrag.parse(b"defer\n")?, Value::Defrag(Defrag::Defer));
/// # Ok::<(), vk_thp::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// `thp_enabled`: anonymous memory, pages of PMD order.
    Enabled,
    /// `thp_defrag`: how hard an allocation may try.
    Defrag,
    /// `thp_shmem_enabled`: memory that is shared.
    ShmemEnabled,
    /// `thp_use_zero_page`: the huge zero page for read faults.
    UseZeroPage,
    /// `thp_khugepaged`: whether khugepaged may collapse the container's memory.
    Khugepaged,
}

impl Key {
    /// Every key, in the order in which they are shown.
    pub const ALL: [Self; 5] = [
        Self::Enabled,
        Self::Defrag,
        Self::ShmemEnabled,
        Self::UseZeroPage,
        Self::Khugepaged,
    ];

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "thp_enabled",
            Self::Defrag => "thp_defrag",
            Self::ShmemEnabled => "thp_shmem_enabled",
            Self::UseZeroPage => "thp_use_zero_page",
            Self::Khugepaged => "thp_khugepaged",
        }
    }

    /// Returns the key of that name.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|key| key.name().as_bytes() == name)
    }

    /// Understands what was written to the key's file in sysfs; `thp_khugepaged`, which has none,
    /// is 0 or 1.
    ///
    /// # Errors
    ///
    /// Why it is no value of the key.
    pub fn parse(self, written: &[u8]) -> Result<Value, ParseError> {
        match self {
            Self::Enabled => Enabled::from_sysfs(written).map(Value::Enabled),
            Self::Defrag => Defrag::from_sysfs(written).map(Value::Defrag),
            Self::ShmemEnabled => ShmemEnabled::from_sysfs(written).map(Value::ShmemEnabled),
            Self::UseZeroPage => Switch::from_sysfs(written).map(Value::UseZeroPage),
            Self::Khugepaged => Switch::from_sysfs(written).map(Value::Khugepaged),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
