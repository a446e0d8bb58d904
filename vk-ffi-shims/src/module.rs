//! The module itself: its reference, its later work, its clock.

use crate::bindings;

/// Finds the kernel's symbols and plans every hook. Process context, once, before anything else.
///
/// What does not fit is refused by name in the log and in [`Feature::refusal`](crate::Feature::refusal);
/// so is a hook whose line is not what the running kernel's BTF says of the function.
///
/// # Errors
///
/// A negative errno: the kernel's symbol table cannot be read at all.
pub fn resolve() -> Result<(), i32> {
    // SAFETY: Process context (documented).
    match unsafe { bindings::vk_resolve() } {
        0 => {}
        errno => return Err(errno),
    }
    #[cfg(feature = "kernel")]
    crate::build::compare_lines();
    Ok(())
}

/// Keeps the module from being unloaded while it lives.
#[derive(Debug)]
pub struct Pin(());

impl Pin {
    /// Takes a reference. Any context.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        // SAFETY: Code of the module runs, so it is there.
        unsafe { bindings::vk_module_get() };
        Self(())
    }

    /// Takes a reference, unless the module is about to go. Any context.
    pub fn try_new() -> Option<Self> {
        // SAFETY: Code of the module runs, so it is there.
        let is_pinned = unsafe { bindings::vk_module_try_get() };
        // Not `then_some`: a pin that is made in vain would put a reference that is not there.
        is_pinned.then(|| Self(()))
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        // SAFETY: Taken in `new`.
        unsafe { bindings::vk_module_put() };
    }
}

/// Returns a clock that only moves on, in nanoseconds. Any context.
#[doc(alias = "ktime_get_mono_fast_ns")]
pub fn clock_ns() -> u64 {
    // SAFETY: Any context.
    unsafe { bindings::vk_clock_ns() }
}

/// Returns a clock that takes a step each 50 to 100 ms, the cheapest one there is. Any context.
#[doc(alias = "jiffies")]
#[inline]
pub fn coarse_jiffies() -> u64 {
    // SAFETY: Any context.
    unsafe { bindings::vk_coarse_jiffies() }
}

/// Returns the running task's pid in the initial namespace.
pub fn current_pid() -> i32 {
    // SAFETY: Any context.
    unsafe { bindings::vk_current_pid() }
}

/// Returns the running task's name, zero-terminated. Any context.
#[doc(alias = "get_task_comm")]
pub fn current_comm() -> [u8; 16] {
    let mut comm = [0; 16];
    // SAFETY: Any context, and `comm` is as long as TASK_COMM_LEN.
    unsafe { bindings::vk_current_comm(comm.as_mut_ptr()) };
    comm
}

/// Tells whether the running task has CAP_SYS_ADMIN in the initial user namespace.
pub fn current_is_admin() -> bool {
    // SAFETY: Process context.
    unsafe { bindings::vk_current_admin() }
}

/// Tells whether the task that opened `file` had CAP_SYS_ADMIN in the initial user namespace.
#[cfg(feature = "kernel")]
pub fn opener_is_admin(file: &kernel::fs::File) -> bool {
    // SAFETY: The file is live while borrowed.
    unsafe { bindings::vk_opener_admin(file.as_ptr().cast()) }
}

/// Tells whether a read may sleep: not with `O_NONBLOCK`.
#[cfg(feature = "kernel")]
pub fn may_wait<T: kernel::types::ForeignOwnable>(kiocb: &kernel::fs::Kiocb<'_, T>) -> bool {
    // SAFETY: The kiocb and its file are live while borrowed.
    unsafe { bindings::vk_may_wait(kiocb.as_raw().cast()) }
}

/// Runs the `callback!` named `later` on a workqueue after `delay_ms`; a later call moves it.
pub fn later(delay_ms: u32) {
    // SAFETY: Any context.
    unsafe { bindings::vk_later(delay_ms) };
}

/// Cancels [`later`] and waits for it if it runs. Process context.
pub fn cancel_later() {
    // SAFETY: Process context (documented).
    unsafe { bindings::vk_later_cancel() };
}

/// Sleeps. Process context.
pub fn sleep_ms(ms: u32) {
    // SAFETY: Process context (documented).
    unsafe { bindings::vk_sleep_ms(ms) };
}
