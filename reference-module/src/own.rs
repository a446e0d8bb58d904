//! What one container has of its own.

use crate::{Key, Setting};
use vk_sysctl::{Inside, Rule, Rules, Values};
use vk_thp::{Enabled, ShmemEnabled, Switch};

/// The values and rules that were set for one container.
///
/// Bounds are for writes from inside and for whatever is nested: a container can be stricter than
/// its ancestors' bounds, never laxer. They do not bind the one who sets them for this namespace.
/// Each key has its own; of ratio and kilobytes only the one that counts is looked at, so whoever
/// bounds one of a container that may write both bounds the other too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    thp: vk_thp::Values,
    /// The keys of huge pages that the container may write, by their place in [`Key::ALL`].
    thp_writable: u32,
    sysctl: Values,
    rules: Rules,
}

impl Own {
    /// Nothing set.
    pub const fn new() -> Self {
        Self {
            thp: vk_thp::Values::new(),
            thp_writable: 0,
            sysctl: Values::new(),
            rules: Rules::new(),
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
                self.set_rule(key, Rule::default());
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
        match key {
            Key::Thp(_) => Rule {
                inside: match self.thp_writable & bit(key) {
                    0 => Inside::ReadOnly,
                    _ => Inside::ReadWrite,
                },
                ..Rule::default()
            },
            Key::Sysctl(key) => self.rules.get(key),
        }
    }

    /// Changes the rule of `key`. Returns false, and changes nothing, if its bounds are not the key's.
    pub fn set_rule(&mut self, key: Key, rule: Rule) -> bool {
        match key {
            Key::Thp(_) => {
                let accepted = rule.min.is_none() && rule.max.is_none();
                if accepted {
                    self.thp_writable &= !bit(key);
                    if rule.inside == Inside::ReadWrite {
                        self.thp_writable |= bit(key);
                    }
                }
                accepted
            }
            Key::Sysctl(key) => self.rules.set(key, rule),
        }
    }

    /// Tells whether any key is set.
    pub fn is_set(&self) -> bool {
        self.thp != vk_thp::Values::new() || !self.sysctl.is_empty()
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

/// The bit of a key in a set.
fn bit(key: Key) -> u32 {
    1u32.wrapping_shl(key.index() as u32)
}
