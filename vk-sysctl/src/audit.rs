//! What happened to each parameter of a container.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::Key;

/// Something that happens to a parameter from inside a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Event {
    /// A write changed the container's own value.
    Written,
    /// A write was no value: EINVAL.
    Invalid,
    /// A write was refused: EPERM.
    Denied,
    /// A write was let through to the host's value.
    PassedToHost,
    /// Something that a task asked for was beyond the value.
    Enforced,
}

/// Counters of what happened, per parameter. Any context; takes no lock.
///
/// # Examples
///
/// ```
/// use vk_sysctl::{Audit, Event, Key};
///
/// static AUDIT: Audit = Audit::new();
/// AUDIT.count(Key::NrOpen, Event::Denied);
/// assert_eq!(AUDIT.get(Key::NrOpen, Event::Denied), 1);
/// assert_eq!(AUDIT.total(Event::Denied), 1);
/// ```
#[derive(Debug)]
pub struct Audit {
    counts: [[AtomicU64; Event::COUNT]; Key::COUNT],
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 5] = [
        Self::Written,
        Self::Invalid,
        Self::Denied,
        Self::PassedToHost,
        Self::Enforced,
    ];

    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Returns the word that stands for it in a stat file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Invalid => "invalid",
            Self::Denied => "denied",
            Self::PassedToHost => "passed_to_host",
            Self::Enforced => "enforced",
        }
    }
}

impl Audit {
    /// Makes counters at 0.
    pub const fn new() -> Self {
        Self {
            counts: [const { [const { AtomicU64::new(0) }; Event::COUNT] }; Key::COUNT],
        }
    }

    /// Counts one event.
    pub fn count(&self, key: Key, event: Event) {
        if let Some(count) = self.counter(key, event) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns how often `event` happened to `key`.
    pub fn get(&self, key: Key, event: Event) -> u64 {
        self.counter(key, event)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Returns how often `event` happened to any key.
    pub fn total(&self, event: Event) -> u64 {
        Key::ALL
            .into_iter()
            .fold(0, |sum, key| self.get(key, event).wrapping_add(sum))
    }

    fn counter(&self, key: Key, event: Event) -> Option<&AtomicU64> {
        self.counts.get(key.index())?.get(event as usize)
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self::new()
    }
}
