//! What is known of a parameter that a container can have for itself.

use core::fmt;

use crate::{CType, Exceed, Key, Order};

/// What is known of one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which one it is.
    pub key: Key,
    /// Its name as sysctl(8) spells it.
    pub name: &'static str,
    /// The last part of the name: `procname` in the kernel's table.
    pub procname: &'static str,
    /// Its type in C and the bounds that its handler sets.
    pub ctype: CType,
    /// What its number counts.
    pub unit: Unit,
    /// The variable that holds the host's value. The table's `data` points to it, but for
    /// `kernel.threads-max`, which has none.
    pub global: &'static str,
    /// Where the kernel's table is, in 7.2.12.
    pub table: Place,
    /// Where the kernel decides by the value, in 7.2.12.
    pub reads: &'static [Place],
    /// Who makes a private value have its effect.
    pub enforcer: Enforcer,
    /// How exactly.
    pub exactness: Exactness,
    /// Which of two values is the stricter one.
    pub order: Order,
    /// Whether a container may have a laxer value than the host.
    pub exceed: Exceed,
    /// Whether the kernel keeps the parameter per namespace itself.
    pub scope: Scope,
    /// The capability, in the initial user namespace, without which the kernel's handler refuses a
    /// write. Who answers in the handler's place asks for it too.
    pub capability: Option<Capability>,
    /// The parameter that becomes 0 when this one is written.
    pub zeroes: Option<Key>,
}

/// A line of the kernel's source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The path from the source's root.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
}

/// What a parameter's number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// One of a few modes.
    Mode,
    /// Hundredths.
    Percent,
    /// Multiples of 1024 bytes.
    Kbytes,
    /// Bytes.
    Bytes,
    /// Pages of memory.
    Pages,
    /// Mappings of one process.
    Mappings,
    /// File descriptors of one process.
    Descriptors,
    /// Open files.
    Files,
    /// Mounts of one mount namespace.
    Mounts,
    /// Threads.
    Threads,
    /// One more than the greatest process ID.
    Pid,
}

/// Which code decides by a private value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Enforcer {
    /// The crate `vk-overcommit`, for the hooks of the commit accounting.
    Overcommit,
    /// Hooks on these functions of the kernel.
    Hooks(&'static [&'static str]),
}

/// How exactly a private value can be enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exactness {
    /// As the kernel enforces the host's.
    Exact,
    /// Not quite: with what differs.
    Differs(&'static str),
}

/// Whose value the kernel keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// One for the machine.
    Machine,
    /// One per pid namespace in 7.2, where it is set natively; one for the machine in 6.12.
    PidNamespaceSince612,
}

/// A capability that a handler asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Capability {
    /// `CAP_SYS_ADMIN`.
    SysAdmin,
    /// `CAP_SYS_RAWIO`.
    SysRawio,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Mode => "mode",
            Self::Percent => "percent",
            Self::Kbytes => "KiB",
            Self::Bytes => "bytes",
            Self::Pages => "pages",
            Self::Mappings => "mappings",
            Self::Descriptors => "descriptors",
            Self::Files => "files",
            Self::Mounts => "mounts",
            Self::Threads => "threads",
            Self::Pid => "pid",
        })
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SysAdmin => "CAP_SYS_ADMIN",
            Self::SysRawio => "CAP_SYS_RAWIO",
        })
    }
}
