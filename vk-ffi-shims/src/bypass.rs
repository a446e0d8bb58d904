//! Hooks that are armed and do not decide (c/bypass.c).

use crate::{bindings, ftrace};
use vk_hook::HookId;

/// Looks whether somebody took the place of a hook; says who, or nothing.
///
/// Process context, under the control mutex.
pub fn bypass(hook: HookId) -> &'static str {
    // SAFETY: The number is in range.
    let text = ftrace::is_known(hook).then(|| unsafe { bindings::vk_hook_bypass(hook.0) });
    // SAFETY: A string literal of C.
    text.map_or("", |text| unsafe { ftrace::text_of(text) })
}

/// Notes whether a hook is bypassed, and returns what was noted before.
pub fn was_bypassed(hook: HookId, is_bypassed: bool) -> bool {
    // SAFETY: The number is in range.
    ftrace::is_known(hook) && unsafe { bindings::vk_hook_was_bypassed(hook.0, is_bypassed) }
}

/// Lets the handler of `hook!(bypass => f)` run every `period_ms`, and soon after a module was loaded.
///
/// Process context, under the control mutex.
///
/// # Errors
///
/// A negative errno.
pub fn watch(period_ms: u32) -> Result<(), i32> {
    // SAFETY: Process context, serialised (documented).
    match unsafe { bindings::vk_bypass_watch(period_ms) } {
        0 => Ok(()),
        errno => Err(errno),
    }
}

/// Ends that, and waits for the handler. Process context, under the control mutex, which the handler
/// must not wait for.
pub fn unwatch() {
    // SAFETY: Process context, serialised (documented).
    unsafe { bindings::vk_bypass_unwatch() };
}
