//! The values that one container has for itself.

use crate::{Defrag, Enabled, Key, ShmemEnabled, Switch, Value};

/// A container's own values; what is `None` is inherited, in the end from the host.
///
/// # Examples
///
/// ```
/// use vk_thp::{Enabled, Key, Switch, Value, Values};
///
/// let mut outer = Values::new();
/// outer.set(Value::Enabled(Enabled::Always));
/// outer.set(Value::Khugepaged(Switch::Off));
/// let mut inner = Values::new();
/// inner.set(Value::Enabled(Enabled::Never));
///
/// let effective = inner.merge(outer);
/// assert_eq!(effective.enabled, Some(Enabled::Never));
/// assert_eq!(effective.get(Key::Khugepaged), Some(Value::Khugepaged(Switch::Off)));
/// assert_eq!(effective.get(Key::Defrag), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Values {
    /// `thp_enabled`.
    pub enabled: Option<Enabled>,
    /// `thp_defrag`.
    pub defrag: Option<Defrag>,
    /// `thp_shmem_enabled`.
    pub shmem_enabled: Option<ShmemEnabled>,
    /// `thp_use_zero_page`.
    pub use_zero_page: Option<Switch>,
    /// `thp_khugepaged`.
    pub khugepaged: Option<Switch>,
}

impl Values {
    /// Everything is inherited.
    pub const fn new() -> Self {
        Self {
            enabled: None,
            defrag: None,
            shmem_enabled: None,
            use_zero_page: None,
            khugepaged: None,
        }
    }

    /// Returns the value of `key`, if it is set.
    pub fn get(&self, key: Key) -> Option<Value> {
        match key {
            Key::Enabled => self.enabled.map(Value::Enabled),
            Key::Defrag => self.defrag.map(Value::Defrag),
            Key::ShmemEnabled => self.shmem_enabled.map(Value::ShmemEnabled),
            Key::UseZeroPage => self.use_zero_page.map(Value::UseZeroPage),
            Key::Khugepaged => self.khugepaged.map(Value::Khugepaged),
        }
    }

    /// Sets the key that `value` is of.
    pub fn set(&mut self, value: Value) {
        match value {
            Value::Enabled(value) => self.enabled = Some(value),
            Value::Defrag(value) => self.defrag = Some(value),
            Value::ShmemEnabled(value) => self.shmem_enabled = Some(value),
            Value::UseZeroPage(value) => self.use_zero_page = Some(value),
            Value::Khugepaged(value) => self.khugepaged = Some(value),
        }
    }

    /// Takes the value of `key` away.
    pub fn unset(&mut self, key: Key) {
        match key {
            Key::Enabled => self.enabled = None,
            Key::Defrag => self.defrag = None,
            Key::ShmemEnabled => self.shmem_enabled = None,
            Key::UseZeroPage => self.use_zero_page = None,
            Key::Khugepaged => self.khugepaged = None,
        }
    }

    /// Tells whether nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::new()
    }

    /// Returns these values where set, and `inherited` for the rest.
    #[must_use]
    pub fn merge(&self, inherited: Self) -> Self {
        Self {
            enabled: self.enabled.or(inherited.enabled),
            defrag: self.defrag.or(inherited.defrag),
            shmem_enabled: self.shmem_enabled.or(inherited.shmem_enabled),
            use_zero_page: self.use_zero_page.or(inherited.use_zero_page),
            khugepaged: self.khugepaged.or(inherited.khugepaged),
        }
    }
}
