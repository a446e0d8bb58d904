//! What one container has of its own.

use crate::{Key, Setting, Shown};
use core::fmt;
use vk_sysctl::Values;
use vk_thp::{Enabled, ShmemEnabled, Switch};

/// Who may write a key, and within which bounds.
///
/// Bounds are for writes from inside and for whatever is nested: a container can be stricter than
/// its ancestors' bounds, never laxer. They do not bind the one who sets them for this namespace.
/// Each key has its own; of ratio and kilobytes only the one that counts is looked at, so whoever
/// bounds one of a container that may write both bounds the other too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The container itself may write it.
    pub is_writable: bool,
    /// The least value, from inside and for nested containers.
    pub min: Option<Setting>,
    /// The greatest value, likewise.
    pub max: Option<Setting>,
}

/// The values and rules that were set for one container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    thp: vk_thp::Values,
    sysctl: Values,
    rules: [Rule; Key::COUNT],
}

impl Rule {
    /// Tells whether `setting` is within the bounds.
    pub fn admits(&self, setting: Setting) -> bool {
        let Some(number) = setting.number() else {
            return true;
        };
        let above = |min: Setting| min.number().is_none_or(|min| min <= number);
        let below = |max: Setting| max.number().is_none_or(|max| number <= max);
        self.min.is_none_or(above) && self.max.is_none_or(below)
    }

    /// Tells whether any value is between the bounds.
    pub fn is_possible(&self) -> bool {
        self.min.is_none_or(|min| {
            let max = self.max.and_then(Setting::number);
            max.is_none_or(|max| min.number().is_none_or(|min| min <= max))
        })
    }

    /// Returns the bound that takes the place of `setting`; `None` if it is within the bounds.
    pub fn bound(&self, setting: Setting) -> Option<Setting> {
        if self.admits(setting) {
            return None;
        }
        let is_above = |max: &Setting| max.number() < setting.number();
        self.max.filter(is_above).or(self.min)
    }
}

impl fmt::Display for Rule {
    /// Writes its fields of a line: `inside=ro|rw min=N|- max=N|-`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inside = if self.is_writable { "rw" } else { "ro" };
        write!(
            f,
            "inside={inside} min={} max={}",
            Shown(self.min),
            Shown(self.max)
        )
    }
}

impl Own {
    /// Nothing set.
    pub const fn new() -> Self {
        Self {
            thp: vk_thp::Values::new(),
            sysctl: Values::new(),
            rules: [Rule {
                is_writable: false,
                min: None,
                max: None,
            }; Key::COUNT],
        }
    }

    /// Returns the value of `key`, if it is set.
    pub fn get(&self, key: Key) -> Option<Setting> {
        match key {
            Key::Thp(key) => self.thp.get(key).map(Setting::Thp),
            Key::Sysctl(key) => self.sysctl.get(key).map(Setting::Sysctl),
        }
    }

    /// Sets `key`. Returns false, and changes nothing, if the value is not the key's.
    pub fn set(&mut self, key: Key, setting: Setting) -> bool {
        match (key, setting) {
            (Key::Thp(key), Setting::Thp(value)) if key == value.key() => {
                self.thp.set(value);
                true
            }
            (Key::Sysctl(key), Setting::Sysctl(value)) => self.sysctl.set(key, value),
            _ => false,
        }
    }

    /// Takes `key` away, its rule too.
    pub fn unset(&mut self, key: Key) {
        match key {
            Key::Thp(key) => self.thp.unset(key),
            Key::Sysctl(key) => self.sysctl.unset(key),
        }
        for key in Key::ALL {
            if self.get(key).is_none() {
                if let Some(rule) = self.rules.get_mut(key.index()) {
                    *rule = Rule::default();
                }
            }
        }
    }

    /// Returns the kernel parameters.
    pub fn sysctl(&self) -> &Values {
        &self.sysctl
    }

    /// Returns the policy of huge pages.
    pub fn thp(&self) -> &vk_thp::Values {
        &self.thp
    }

    /// Returns the rule of `key`.
    pub fn rule(&self, key: Key) -> Rule {
        self.rules.get(key.index()).copied().unwrap_or_default()
    }

    /// Changes the rule of `key`.
    pub fn rule_mut(&mut self, key: Key) -> Option<&mut Rule> {
        self.rules.get_mut(key.index())
    }

    /// Tells whether any key is set.
    pub fn is_set(&self) -> bool {
        Key::ALL.into_iter().any(|key| self.get(key).is_some())
    }

    /// Tells whether a key of the commit accounting is set.
    pub fn has_overcommit(&self) -> bool {
        Key::ALL
            .into_iter()
            .any(|key| key.is_overcommit() && self.get(key).is_some())
    }

    /// Tells whether the container may get more huge pages than a host that says never.
    pub fn needs_gate(&self) -> bool {
        let anonymous = matches!(self.thp.enabled, Some(Enabled::Always | Enabled::Madvise));
        // khugepaged runs while the gate is open, and collapses shared memory too.
        let shared = !matches!(
            self.thp.shmem_enabled,
            None | Some(ShmemEnabled::Never | ShmemEnabled::Deny)
        );
        anonymous || shared
    }

    /// Tells whether the container may have the huge zero page while the host has none.
    pub fn needs_zero_page(&self) -> bool {
        self.thp.use_zero_page == Some(Switch::On)
    }
}
