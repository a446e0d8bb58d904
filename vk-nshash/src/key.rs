//! Keys: addresses of kernel objects, and what lies around those objects.

use core::fmt;
use core::num::NonZeroUsize;

/// The address of a kernel object, as a key; never followed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(NonZeroUsize);

impl Key {
    /// The last address, where no object is.
    pub const MAX: Self = Self(NonZeroUsize::MAX);

    /// Returns the key of the object at `address`, or `None` for the null address.
    #[inline]
    pub const fn new(address: usize) -> Option<Self> {
        match NonZeroUsize::new(address) {
            Some(address) => Some(Self(address)),
            None => None,
        }
    }

    /// Returns the address.
    #[inline]
    pub const fn address(self) -> usize {
        self.0.get()
    }

    /// Returns a bucket number below `1 << bits`, as the kernel's `hash_ptr()` does
    /// (include/linux/hash.h): the address times the golden ratio, top bits.
    #[inline]
    pub(crate) const fn bucket(self, bits: u32) -> usize {
        const GOLDEN_RATIO_64: u64 = 0x61C8_8646_80B5_83EB;
        if bits == 0 {
            return 0;
        }
        ((self.0.get() as u64).wrapping_mul(GOLDEN_RATIO_64) >> (64 - bits)) as usize
    }
}

impl From<Key> for NonZeroUsize {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl fmt::Debug for Key {
    // Addresses of kernel objects are not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// An object that may lie in another of its kind, as a pid namespace does.
///
/// Its methods are called inside the read side: they must not sleep.
pub trait Nested: Sized {
    /// Returns the key that tables know it by.
    fn key(&self) -> Key;

    /// Returns the object around it, or `None` where no table knows of one.
    fn parent(self) -> Option<Self>;
}
