//! The keys of a policy, as profiles, the device and vkctl spell them.

use crate::What;
use core::fmt;
use vk_sysctl::{CType, Enforcer, Value};

/// What a container can have of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Of transparent huge pages.
    Thp(vk_thp::Key),
    /// A kernel parameter.
    Sysctl(vk_sysctl::Key),
}

/// The value of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Of transparent huge pages.
    Thp(vk_thp::Value),
    /// Of a kernel parameter.
    Sysctl(Value),
}

/// What a request's line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `KEY=`: the value.
    Value,
    /// `KEY.inside=`: whether the container may write it.
    Inside,
    /// `KEY.min=`: the least value that is taken from inside.
    Min,
    /// `KEY.max=`: the greatest.
    Max,
}

impl Key {
    /// Every key, in the order in which they are shown.
    pub const ALL: [Self; 20] = [
        Self::Thp(vk_thp::Key::Enabled),
        Self::Thp(vk_thp::Key::Defrag),
        Self::Thp(vk_thp::Key::ShmemEnabled),
        Self::Thp(vk_thp::Key::UseZeroPage),
        Self::Thp(vk_thp::Key::Khugepaged),
        Self::Sysctl(vk_sysctl::Key::OvercommitMemory),
        Self::Sysctl(vk_sysctl::Key::OvercommitRatio),
        Self::Sysctl(vk_sysctl::Key::OvercommitKbytes),
        Self::Sysctl(vk_sysctl::Key::AdminReserveKbytes),
        Self::Sysctl(vk_sysctl::Key::UserReserveKbytes),
        Self::Sysctl(vk_sysctl::Key::MaxMapCount),
        Self::Sysctl(vk_sysctl::Key::MmapMinAddr),
        Self::Sysctl(vk_sysctl::Key::NrOpen),
        Self::Sysctl(vk_sysctl::Key::FileMax),
        Self::Sysctl(vk_sysctl::Key::PipeMaxSize),
        Self::Sysctl(vk_sysctl::Key::PipeUserPagesHard),
        Self::Sysctl(vk_sysctl::Key::PipeUserPagesSoft),
        Self::Sysctl(vk_sysctl::Key::MountMax),
        Self::Sysctl(vk_sysctl::Key::ThreadsMax),
        Self::Sysctl(vk_sysctl::Key::DmesgRestrict),
    ];

    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Thp(key) => key.name(),
            Self::Sysctl(key) => key.name(),
        }
    }

    /// Returns its place in [`Key::ALL`].
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|&key| key == self).unwrap_or(0)
    }

    /// Understands the left side of a line.
    pub fn from_name(name: &[u8]) -> Option<(Self, Field)> {
        Self::ALL.into_iter().find_map(|key| {
            let rest = name.strip_prefix(key.name().as_bytes())?;
            let field = match rest {
                b"" => Field::Value,
                b".inside" => Field::Inside,
                b".min" => Field::Min,
                b".max" => Field::Max,
                _ => return None,
            };
            Some((key, field))
        })
    }

    /// Understands a value.
    ///
    /// # Errors
    ///
    /// Why it is not one.
    pub fn parse(self, text: &[u8]) -> Result<Setting, What> {
        match self {
            Self::Thp(key) => key.parse(text).map(Setting::Thp).map_err(What::ThpWord),
            Self::Sysctl(key) => key
                .parse(text)
                .map(Setting::Sysctl)
                .map_err(What::SysctlText),
        }
    }

    /// Tells whether values have an order that bounds can use.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Sysctl(_))
    }

    /// Tells whether the commit accounting needs it.
    pub fn is_overcommit(self) -> bool {
        match self {
            Self::Thp(_) => false,
            Self::Sysctl(key) => matches!(key.entry().enforcer, Enforcer::Overcommit),
        }
    }

    /// Returns the C type of a kernel parameter.
    pub fn ctype(self) -> Option<CType> {
        match self {
            Self::Thp(_) => None,
            Self::Sysctl(key) => Some(key.entry().ctype),
        }
    }
}

impl Setting {
    /// Returns the value of a kernel parameter.
    pub fn sysctl(self) -> Option<Value> {
        match self {
            Self::Thp(_) => None,
            Self::Sysctl(value) => Some(value),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thp(value) => value.fmt(f),
            Self::Sysctl(value) => value.fmt(f),
        }
    }
}
