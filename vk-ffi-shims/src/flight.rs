//! A task that may sleep inside a handler.

use crate::bindings;
use vk_hook::HookId;

/// Says that the running task is inside a hook and may sleep, as long as it lives.
///
/// RCU-tasks takes a sleeping task for one that has left, so disarming waits for these.
#[derive(Debug)]
pub struct Flight {
    hook: HookId,
    slot: i32,
}

impl Flight {
    /// Enters. Any context.
    pub fn enter(hook: HookId) -> Self {
        // SAFETY: Any context; the back end's ids are those of the table.
        let slot = unsafe { bindings::vk_flight_enter(hook.0) };
        Self { hook, slot }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        // SAFETY: Entered once with this slot.
        unsafe { bindings::vk_flight_leave(self.hook.0, self.slot) };
    }
}
