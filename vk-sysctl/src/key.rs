//! The names of the parameters.

use core::fmt;

use crate::entry::{self, Entry};

/// A kernel parameter that a container can have for itself.
///
/// # Examples
///
/// ```
/// use vk_sysctl::Key;
///
/// let key = Key::from_name(b"vm.overcommit_ratio").ok_or("no such key")?;
/// assert_eq!(key, Key::OvercommitRatio);
/// assert_eq!(key.procname(), "overcommit_ratio");
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Key {
    /// `vm.overcommit_memory`.
    #[doc(alias = "sysctl_overcommit_memory")]
    OvercommitMemory,
    /// `vm.overcommit_ratio`.
    #[doc(alias = "sysctl_overcommit_ratio")]
    OvercommitRatio,
    /// `vm.overcommit_kbytes`.
    #[doc(alias = "sysctl_overcommit_kbytes")]
    OvercommitKbytes,
}

impl Key {
    /// Every key, in the order of [`TABLE`](crate::TABLE).
    pub const ALL: [Self; 3] = [
        Self::OvercommitMemory,
        Self::OvercommitRatio,
        Self::OvercommitKbytes,
    ];

    /// How many keys there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Returns the key that sysctl(8) calls `name`, if it is supported.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|key| key.name().as_bytes() == name)
    }

    /// Returns the name as sysctl(8) spells it.
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// Returns the last part of the name: `procname` in the kernel's table.
    pub const fn procname(self) -> &'static str {
        self.entry().procname
    }

    /// Returns the key's row of the table.
    pub const fn entry(self) -> &'static Entry {
        match self {
            Self::OvercommitMemory => &entry::OVERCOMMIT_MEMORY,
            Self::OvercommitRatio => &entry::OVERCOMMIT_RATIO,
            Self::OvercommitKbytes => &entry::OVERCOMMIT_KBYTES,
        }
    }

    /// The key's place in an array of [`COUNT`](Self::COUNT).
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
