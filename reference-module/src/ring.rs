//! The latest events, of which each reader takes all or is told how many it lost.
//!
//! Writing never waits and never allocates: the oldest event makes room. The caller serialises
//! writers and readers by a lock of its own.

use crate::Event;
use core::fmt;

/// The latest `N` events, numbered from 1.
#[derive(Debug)]
pub struct Ring<const N: usize> {
    slots: [Slot; N],
    /// The number of the latest event.
    latest: u64,
    last_ns: u64,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    time_ns: u64,
    event: Event,
}

/// Where a reader is: the number of the event that it wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(u64);

/// What a reader gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// An event.
    Event {
        /// Its number.
        seq: u64,
        /// When it happened, by the clock of the writer; never before the event in front of it.
        time_ns: u64,
        /// What.
        event: Event,
    },
    /// So many events were overwritten before the reader came.
    Lost(u64),
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Ring<N> {
    /// Nothing has happened yet.
    pub const fn new() -> Self {
        let event = Event::Gone {
            ns: 0,
            had_policy: false,
        };
        Self {
            slots: [Slot { time_ns: 0, event }; N],
            latest: 0,
            last_ns: 0,
        }
    }

    /// Writes an event that happens at `now_ns` down.
    pub fn push(&mut self, now_ns: u64, event: Event) {
        // A clock that may be read anywhere can go back by nanoseconds between two processors.
        let time_ns = now_ns.max(self.last_ns);
        self.last_ns = time_ns;
        self.latest = self.latest.wrapping_add(1);
        let at = Self::place(self.latest);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Slot { time_ns, event };
        }
    }

    /// Returns a cursor that sees what happens from now on.
    pub fn end(&self) -> Cursor {
        Cursor(self.latest.wrapping_add(1))
    }

    /// Takes the next line for the reader at `cursor`; `None` if nothing more has happened.
    ///
    /// # Examples
    ///
    /// ```
    /// use vk_reference_module::{Event, Told, Ring};
    ///
    /// let mut ring = Ring::<2>::new();
    /// let mut cursor = ring.end();
    /// for feature in ["sysctl", "overcommit", "thp"] {
    ///     ring.push(7, Event::Hooked(feature));
    /// }
    /// assert_eq!(ring.take(&mut cursor), Some(Told::Lost(1)));
    /// let line = ring.take(&mut cursor).map(|line| line.to_string());
    /// assert_eq!(line.as_deref(), Some("2 7 hooked overcommit"));
    /// ```
    pub fn take(&self, cursor: &mut Cursor) -> Option<Told> {
        let seq = cursor.0;
        let oldest = self.latest.saturating_sub(N as u64).saturating_add(1);
        if seq < oldest {
            *cursor = Cursor(oldest);
            return Some(Told::Lost(oldest.saturating_sub(seq)));
        }
        if seq > self.latest {
            return None;
        }
        let &Slot { time_ns, event } = self.slots.get(Self::place(seq))?;
        *cursor = Cursor(seq.wrapping_add(1));
        Some(Told::Event {
            seq,
            time_ns,
            event,
        })
    }

    fn place(seq: u64) -> usize {
        usize::try_from(seq).map_or(0, |seq| seq.checked_rem(N).unwrap_or(0))
    }
}

impl fmt::Display for Told {
    /// Writes the line without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event {
                seq,
                time_ns,
                event,
            } => write!(f, "{seq} {time_ns} {event}"),
            Self::Lost(count) => write!(f, "lost {count}"),
        }
    }
}
