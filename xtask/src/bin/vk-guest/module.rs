//! The module under test: loaded, taken out, looked at.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::container::wait_until;
use crate::{device, policy, program};

/// Where the payload has it.
const OBJECT: &str = "/vk/vkernel.ko";

/// Its name.
pub(crate) const NAME: &str = "vkernel";

/// Whether it is loaded with its hooks by the inline back end.
static IS_INLINE: AtomicBool = AtomicBool::new(false);

/// Whether it is so in every area.
static IS_ALWAYS_INLINE: AtomicBool = AtomicBool::new(false);

/// Loads it with the inline back end in every area, if so.
pub(crate) fn always_inline(is_so: bool) {
    IS_ALWAYS_INLINE.store(is_so, Ordering::Relaxed);
}

/// Loads it with the inline back end from now on, or without; tells whether that is a change.
pub(crate) fn use_inline(is_inline: bool) -> bool {
    let is_inline = is_inline || IS_ALWAYS_INLINE.load(Ordering::Relaxed);
    IS_INLINE.swap(is_inline, Ordering::Relaxed) != is_inline
}

/// Loads it with `parameters`.
///
/// # Errors
///
/// The kernel refuses.
pub(crate) fn load(parameters: &[&str]) -> Result<()> {
    let backend: &[&str] = match IS_INLINE.load(Ordering::Relaxed) {
        true => &["backend=inline"],
        false => &[],
    };
    // What a check says itself has the last word.
    let words = [&["insmod", OBJECT], backend, parameters].concat();
    program::output(&words)
        .map(|_| ())
        .context("cannot load the module")
}

/// Takes it out.
///
/// # Errors
///
/// The kernel refuses.
pub(crate) fn unload() -> Result<()> {
    program::output(&["rmmod", NAME])
        .map(|_| ())
        .context("cannot take the module out")
}

/// Takes it out when the last namespace with a policy has ended: each holds it until then.
///
/// # Errors
///
/// The kernel refuses.
pub(crate) fn unload_when_unused() -> Result<()> {
    const LIMIT: Duration = Duration::from_secs(60);
    wait_until(LIMIT, || policy::references().is_ok_and(|count| count == 0));
    unload()
}

/// Takes it out with all its policies, if it is loaded and will go.
pub(crate) fn remove() {
    if is_loaded() {
        // What does not help here, the next check tells.
        let _ = device::ask("disarm", "", &[("force", "1")]);
        let _ = unload();
    }
}

/// Tells whether it is loaded.
pub(crate) fn is_loaded() -> bool {
    Path::new("/sys/module").join(NAME).exists()
}
