//! The rules of all parameters of one container.

use crate::{Inside, Key, Rule, Value};

/// The rules of all parameters of one container, in a few hundred bytes.
///
/// # Examples
///
/// ```
/// use vk_sysctl::{Inside, Key, Rule, Rules, Value};
///
/// let mut rules = Rules::new();
/// let rule = Rule { inside: Inside::ReadWrite, max: Some(Value::Int(262_144)), min: None };
/// assert!(rules.set(Key::MaxMapCount, rule));
/// assert_eq!(rules.get(Key::MaxMapCount), rule);
/// assert_eq!(rules.get(Key::NrOpen), Rule::default());
/// ```
///
/// # Invariants
///
/// A bound holds the bits of a value that its key's type accepts; zeroes where its set has no bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    writable: u32,
    min: Bounds,
    max: Bounds,
}

/// One bound of each parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bounds {
    set: u32,
    slots: [u64; Key::COUNT],
}

impl Rules {
    /// Makes those that allow nothing from inside and bound nothing.
    pub const fn new() -> Self {
        Self {
            writable: 0,
            min: Bounds::NONE,
            max: Bounds::NONE,
        }
    }

    /// Returns the rule of `key`.
    pub fn get(&self, key: Key) -> Rule {
        let inside = match self.writable & key.bit() {
            0 => Inside::ReadOnly,
            _ => Inside::ReadWrite,
        };
        Rule {
            inside,
            min: self.min.get(key),
            max: self.max.get(key),
        }
    }

    /// Sets the rule of `key`.
    ///
    /// Returns whether it did: a bound of another type, or that no value has, changes nothing.
    pub fn set(&mut self, key: Key, rule: Rule) -> bool {
        let fits = |bound: Option<Value>| bound.is_none_or(|bound| key.ctype().accepts(bound));
        let accepted = fits(rule.min) && fits(rule.max);
        if accepted {
            self.writable &= !key.bit();
            if rule.inside == Inside::ReadWrite {
                self.writable |= key.bit();
            }
            self.min.put(key, rule.min);
            self.max.put(key, rule.max);
        }
        accepted
    }
}

impl Bounds {
    const NONE: Self = Self {
        set: 0,
        slots: [0; Key::COUNT],
    };

    fn get(&self, key: Key) -> Option<Value> {
        let bits = self.slots.get(key.index())?;
        (self.set & key.bit() != 0).then(|| key.ctype().value_from_bits(*bits))
    }

    fn put(&mut self, key: Key, value: Option<Value>) {
        if let Some(slot) = self.slots.get_mut(key.index()) {
            *slot = value.map_or(0, Value::to_bits);
            self.set &= !key.bit();
            self.set |= value.map_or(0, |_| key.bit());
        }
    }
}
