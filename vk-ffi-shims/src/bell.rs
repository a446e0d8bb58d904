//! A bell: readers sleep until it is rung, from any context.
//!
//! Who rings writes down first what happened; who waits asks [`rung`] first, then looks whether
//! something happened, then calls [`wait`]: what happens in between ends the wait at once.

use crate::bindings;

/// How often the bell had been rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung(u64);

/// A signal is pending: the system call is to be restarted or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

/// Returns how often the bell was rung. Any context.
pub fn rung() -> Rung {
    // SAFETY: Any context.
    Rung(unsafe { bindings::vk_bell_rung() })
}

/// Rings the bell: whoever waits looks again.
///
/// Any context but NMI, with any lock held.
#[doc(alias = "irq_work_queue")]
pub fn ring() {
    // SAFETY: Any context but NMI (documented).
    unsafe { bindings::vk_bell_ring() };
}

/// Sleeps until the bell is rung again. Process context.
///
/// # Errors
///
/// [`Interrupted`]: a signal came first.
#[doc(alias = "wait_event_interruptible")]
pub fn wait(rung: Rung) -> Result<(), Interrupted> {
    // SAFETY: Process context (documented).
    match unsafe { bindings::vk_bell_wait(rung.0) } {
        0 => Ok(()),
        _ => Err(Interrupted),
    }
}

/// Waits until no waking is under way. Process context, before the module goes and after the last
/// [`ring`].
pub fn settle() {
    // SAFETY: Process context (documented).
    unsafe { bindings::vk_bell_settle() };
}
