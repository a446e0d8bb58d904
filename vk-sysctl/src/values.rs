//! The values that one container has for itself.

use crate::{Key, Parsed, Value};

/// A container's own values; what is not set is inherited.
///
/// # Examples
///
/// ```
/// use vk_sysctl::{Key, ParseError, Values};
///
/// let mut outer = Values::new();
/// outer.write(Key::OvercommitMemory, &Key::OvercommitMemory.parse_write(b"2", 0)?);
/// outer.write(Key::OvercommitRatio, &Key::OvercommitRatio.parse_write(b"80", 0)?);
///
/// let mut inner = Values::new();
/// inner.write(Key::OvercommitKbytes, &Key::OvercommitKbytes.parse_write(b"98304", 0)?);
///
/// let effective = inner.merge(outer);
/// assert_eq!(effective.overcommit_memory(), Some(2));
/// assert_eq!(effective.overcommit_kbytes(), Some(98304));
/// assert_eq!(effective.overcommit_ratio(), Some(0)); // the kbytes rule it out
/// # Ok::<(), ParseError>(())
/// ```
///
/// A small plain value: readers see one set or another, never half of a change, when each change
/// is made on a copy that is then published as a whole (by one pointer, under RCU).
/// [`Change`](crate::Change) makes such copies.
///
/// # Invariants
///
/// A slot holds the bits of a value that its key's type accepts, or zeroes; zeroes where `set` has
/// no bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Values {
    set: u32,
    slots: [u64; Key::COUNT],
}

const _: () = assert!(Key::COUNT <= u32::BITS as usize);

impl Values {
    /// Makes a set in which everything is inherited.
    pub const fn new() -> Self {
        Self {
            set: 0,
            slots: [0; Key::COUNT],
        }
    }

    /// Returns the value of `key`, if it is set.
    pub fn get(&self, key: Key) -> Option<Value> {
        let bits = self.slots.get(key.index())?;
        self.has(key).then(|| key.ctype().value_from_bits(*bits))
    }

    /// Returns what [`Values::get`] does as a pattern of 64 bits: a C type's own, and zeroes above.
    #[inline]
    pub fn bits(&self, key: Key) -> Option<u64> {
        let bits = self.slots.get(key.index())?;
        self.has(key).then_some(*bits)
    }

    /// Sets `key` to `value`, and the key it rules out to 0.
    ///
    /// Returns whether it did: a value of another type, or out of bounds, changes nothing.
    pub fn set(&mut self, key: Key, value: Value) -> bool {
        let accepted = key.ctype().accepts(value);
        if accepted {
            self.put(key, Some(value));
            self.zero_other(key);
        }
        accepted
    }

    /// Does what the key's handler does after a write that was understood.
    ///
    /// Like the kernel's, it sets the other of ratio and kbytes to 0 even when the write carried
    /// no value.
    pub fn write(&mut self, key: Key, parsed: &Parsed) {
        match parsed.value {
            Some(value) => {
                self.set(key, value);
            }
            None => self.zero_other(key),
        }
    }

    /// Takes the value of `key` away, and with it that of the key it rules out: the two are one
    /// setting.
    pub fn unset(&mut self, key: Key) {
        self.put(key, None);
        if let Some(other) = key.entry().zeroes {
            self.put(other, None);
        }
    }

    /// Tells whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.set == 0
    }

    /// Returns these values where set, and `inherited` for the rest.
    #[must_use]
    pub fn merge(&self, inherited: Self) -> Self {
        let mut merged = inherited;
        merged.set |= self.set;
        for (key, (slot, own)) in Key::ALL
            .into_iter()
            .zip(merged.slots.iter_mut().zip(self.slots))
        {
            if self.has(key) {
                *slot = own;
            }
        }
        merged
    }

    /// Returns what is enforced of these values while the host has `host`.
    ///
    /// See [`Key::enforced`]: where a container may not be laxer than the host, the stricter value.
    /// What is not set stays so.
    #[must_use]
    pub fn enforced(&self, host: &Self) -> Self {
        let mut enforced = *self;
        for key in Key::ALL {
            if let (Some(value), Some(host)) = (self.get(key), host.get(key)) {
                enforced.put(key, Some(key.enforced(value, host)));
            }
        }
        enforced
    }

    /// Returns `vm.overcommit_memory`, if set.
    pub fn overcommit_memory(&self) -> Option<i32> {
        self.int(Key::OvercommitMemory)
    }

    /// Returns `vm.overcommit_ratio`, if set.
    pub fn overcommit_ratio(&self) -> Option<i32> {
        self.int(Key::OvercommitRatio)
    }

    /// Returns `vm.overcommit_kbytes`, if set.
    pub fn overcommit_kbytes(&self) -> Option<u64> {
        self.unsigned_long(Key::OvercommitKbytes)
    }

    fn int(&self, key: Key) -> Option<i32> {
        match self.get(key)? {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    fn unsigned_long(&self, key: Key) -> Option<u64> {
        match self.get(key)? {
            Value::UnsignedLong(value) => Some(value),
            _ => None,
        }
    }

    fn zero_other(&mut self, key: Key) {
        if let Some(other) = key.entry().zeroes {
            self.put(other, Some(other.ctype().zero()));
        }
    }

    const fn has(&self, key: Key) -> bool {
        self.set & key.bit() != 0
    }

    fn put(&mut self, key: Key, value: Option<Value>) {
        if let Some(slot) = self.slots.get_mut(key.index()) {
            *slot = value.map_or(0, Value::to_bits);
            self.set &= !key.bit();
            self.set |= value.map_or(0, |_| key.bit());
        }
    }
}
