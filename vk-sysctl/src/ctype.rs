//! C types with the bounds of the handlers that read into them.

use core::fmt;

use crate::Value;

/// `PAGE_SIZE`, the least size of a pipe.
const PIPE_SIZE_MIN: u32 = 4096;

/// The greatest size of a pipe that `round_pipe_size()` in fs/pipe.c makes.
const PIPE_SIZE_MAX: u32 = 1 << 31;

/// A C type with the bounds of the handler that reads into it.
///
/// # Examples
///
/// ```
/// use vk_sysctl::{CType, ParseError, Value, Writes};
///
/// let nr_open = CType::UnsignedInt { min: 64, max: 2_147_483_584 };
/// let parsed = nr_open.parse_write(b"0x400 ignored", 0, Writes::Strict)?;
/// assert_eq!(parsed.value, Some(Value::UnsignedInt(1024)));
/// # Ok::<(), ParseError>(())
/// ```
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
    /// `unsigned int`, by `proc_douintvec()` or `proc_douintvec_minmax()`.
    UnsignedInt {
        /// The least value taken.
        min: u32,
        /// The greatest value taken.
        max: u32,
    },
    /// `unsigned int` in bytes, by `proc_dopipe_max_size()`: rounded up to a power of two and to a
    /// page, after all but the low 32 bits of the number were dropped.
    PipeSize,
    /// `unsigned long` of 64 bits, by `proc_doulongvec_minmax()`.
    UnsignedLong {
        /// The least value taken.
        min: u64,
        /// The greatest value taken.
        max: u64,
    },
}

impl CType {
    /// An `int` without bounds of its own.
    pub const INT: Self = Self::Int {
        min: i32::MIN,
        max: i32::MAX,
    };

    /// An `unsigned int` without bounds of its own.
    pub const UNSIGNED_INT: Self = Self::UnsignedInt {
        min: u32::MIN,
        max: u32::MAX,
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
            Self::UnsignedInt { .. } | Self::PipeSize => size_of::<u32>(),
            Self::UnsignedLong { .. } => size_of::<u64>(),
        }
    }

    /// Returns zero in this type.
    pub const fn zero(self) -> Value {
        self.value_from_bits(0)
    }

    /// Returns the least value that the handler stores.
    pub const fn least(self) -> Value {
        match self {
            Self::Int { min, .. } => Value::Int(min),
            Self::UnsignedInt { min, .. } => Value::UnsignedInt(min),
            Self::PipeSize => Value::UnsignedInt(PIPE_SIZE_MIN),
            Self::UnsignedLong { min, .. } => Value::UnsignedLong(min),
        }
    }

    /// Returns the greatest value that the handler stores.
    pub const fn greatest(self) -> Value {
        match self {
            Self::Int { max, .. } => Value::Int(max),
            Self::UnsignedInt { max, .. } => Value::UnsignedInt(max),
            Self::PipeSize => Value::UnsignedInt(PIPE_SIZE_MAX),
            Self::UnsignedLong { max, .. } => Value::UnsignedLong(max),
        }
    }

    /// Tells whether `value` is of this type and one that the handler may store.
    pub const fn accepts(self, value: Value) -> bool {
        match (self, value) {
            (Self::Int { min, max }, Value::Int(value)) => min <= value && value <= max,
            (Self::UnsignedInt { min, max }, Value::UnsignedInt(value)) => {
                min <= value && value <= max
            }
            (Self::PipeSize, Value::UnsignedInt(value)) => {
                value >= PIPE_SIZE_MIN && value.is_power_of_two()
            }
            (Self::UnsignedLong { min, max }, Value::UnsignedLong(value)) => {
                min <= value && value <= max
            }
            _ => false,
        }
    }

    /// Makes the value that is stored for a number, unless the handler refuses it.
    pub(crate) fn convert(self, is_negative: bool, magnitude: u64) -> Option<Value> {
        let value = match self {
            Self::Int { .. } => Value::Int(int_from(is_negative, magnitude)?),
            // The others refuse even `-0`.
            _ if is_negative => return None,
            Self::UnsignedInt { .. } => Value::UnsignedInt(u32::try_from(magnitude).ok()?),
            Self::PipeSize => Value::UnsignedInt(round_pipe_size(magnitude as u32)?),
            Self::UnsignedLong { .. } => Value::UnsignedLong(magnitude),
        };
        self.accepts(value).then_some(value)
    }

    /// Returns the value that a variable of this type with these bits has.
    pub const fn value_from_bits(self, bits: u64) -> Value {
        match self {
            Self::Int { .. } => Value::Int(bits as i32),
            Self::UnsignedInt { .. } | Self::PipeSize => Value::UnsignedInt(bits as u32),
            Self::UnsignedLong { .. } => Value::UnsignedLong(bits),
        }
    }
}

fn int_from(is_negative: bool, magnitude: u64) -> Option<i32> {
    let magnitude = i64::try_from(magnitude).ok()?;
    let number = if is_negative {
        magnitude.wrapping_neg()
    } else {
        magnitude
    };
    i32::try_from(number).ok()
}

/// Does what `round_pipe_size()` in fs/pipe.c does; `None` is its 0.
fn round_pipe_size(size: u32) -> Option<u32> {
    size.max(PIPE_SIZE_MIN).checked_next_power_of_two()
}

impl fmt::Display for CType {
    /// Writes the C type.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Int { .. } => "int",
            Self::UnsignedInt { .. } | Self::PipeSize => "unsigned int",
            Self::UnsignedLong { .. } => "unsigned long",
        })
    }
}
