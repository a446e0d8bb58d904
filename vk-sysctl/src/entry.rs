//! The table of parameters: what each is in C, and who enforces it.

use core::fmt;

use crate::{Key, Value};

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
    /// Who makes the value have its effect.
    pub enforcer: Enforcer,
    /// The parameter that becomes 0 when this one is written.
    pub zeroes: Option<Key>,
}

/// A C type with the bounds of the handler that reads into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CType {
    /// `int`, by `proc_dointvec()` or `proc_dointvec_minmax()`.
    Int {
        /// The least value taken.
        min: i32,
        /// The greatest value taken.
        max: i32,
    },
    /// `unsigned long` of 64 bits, by `proc_doulongvec_minmax()`.
    UnsignedLong {
        /// The least value taken.
        min: u64,
        /// The greatest value taken.
        max: u64,
    },
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
}

/// Which crate decides by a parameter's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Enforcer {
    /// `vk-overcommit`.
    Overcommit,
}

/// Every parameter, in the order of [`Key::ALL`].
pub const TABLE: [&Entry; Key::COUNT] = [&OVERCOMMIT_MEMORY, &OVERCOMMIT_RATIO, &OVERCOMMIT_KBYTES];

pub(crate) const OVERCOMMIT_MEMORY: Entry = Entry {
    key: Key::OvercommitMemory,
    name: "vm.overcommit_memory",
    procname: "overcommit_memory",
    ctype: CType::Int { min: 0, max: 2 },
    unit: Unit::Mode,
    enforcer: Enforcer::Overcommit,
    zeroes: None,
};

pub(crate) const OVERCOMMIT_RATIO: Entry = Entry {
    key: Key::OvercommitRatio,
    name: "vm.overcommit_ratio",
    procname: "overcommit_ratio",
    ctype: CType::INT,
    unit: Unit::Percent,
    enforcer: Enforcer::Overcommit,
    zeroes: Some(Key::OvercommitKbytes),
};

pub(crate) const OVERCOMMIT_KBYTES: Entry = Entry {
    key: Key::OvercommitKbytes,
    name: "vm.overcommit_kbytes",
    procname: "overcommit_kbytes",
    ctype: CType::UNSIGNED_LONG,
    unit: Unit::Kbytes,
    enforcer: Enforcer::Overcommit,
    zeroes: Some(Key::OvercommitRatio),
};

impl CType {
    /// An `int` without bounds of its own.
    pub const INT: Self = Self::Int {
        min: i32::MIN,
        max: i32::MAX,
    };

    /// An `unsigned long` without bounds of its own.
    pub const UNSIGNED_LONG: Self = Self::UnsignedLong {
        min: u64::MIN,
        max: u64::MAX,
    };

    /// Returns the type's size: `maxlen` in the kernel's table.
    pub const fn size_bytes(self) -> usize {
        match self {
            Self::Int { .. } => size_of::<i32>(),
            Self::UnsignedLong { .. } => size_of::<u64>(),
        }
    }

    /// Returns zero in this type.
    pub const fn zero(self) -> Value {
        match self {
            Self::Int { .. } => Value::Int(0),
            Self::UnsignedLong { .. } => Value::UnsignedLong(0),
        }
    }

    /// Tells whether `value` is of this type and within its bounds.
    pub const fn accepts(self, value: Value) -> bool {
        match (self, value) {
            (Self::Int { min, max }, Value::Int(value)) => min <= value && value <= max,
            (Self::UnsignedLong { min, max }, Value::UnsignedLong(value)) => {
                min <= value && value <= max
            }
            _ => false,
        }
    }
}

impl fmt::Display for CType {
    /// Writes the C type.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Int { .. } => "int",
            Self::UnsignedLong { .. } => "unsigned long",
        })
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Mode => "mode",
            Self::Percent => "percent",
            Self::Kbytes => "KiB",
        })
    }
}
