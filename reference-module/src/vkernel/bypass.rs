//! Armed hooks whose place somebody took: said in the log and to watchers, and a gate behind one is
//! closed.

use crate::engine;
use crate::events;
use core::sync::atomic::{AtomicBool, Ordering};
use kernel::prelude::*;
use vk_ffi_shims::{bypass, hook, ControlGuard, Ftrace, HookInfo, StubKind};
use vk_reference_module::Event;

/// How often hooks are looked at, beside when a module is loaded.
const PERIOD_MS: u32 = 5000;

/// A hook that answers for the gate is bypassed. Changed under the control mutex.
static BEFORE_GATE: AtomicBool = AtomicBool::new(false);

/// Begins to look, again and again.
pub(crate) fn begin(_control: &ControlGuard) {
    if let Err(errno) = bypass::watch(PERIOD_MS) {
        pr_warn!(
            "nobody watches whether hooks are bypassed: errno {}\n",
            errno
        );
    }
}

/// Ends it. The look that is under way does not wait for the mutex.
pub(crate) fn end(_control: &ControlGuard) {
    bypass::unwatch();
}

/// Looks at every hook; tells whether one that answers for the gate is bypassed.
pub(crate) fn look(_control: &ControlGuard) -> bool {
    let mut before_gate = false;
    for hook in Ftrace::ids() {
        let Some(info) = Ftrace::info(hook) else {
            continue;
        };
        let why = bypass::bypass(hook);
        if bypass::was_bypassed(hook, !why.is_empty()) == why.is_empty() {
            tell(&info, why);
        }
        before_gate |= !why.is_empty() && info.kind == StubKind::Shadow;
    }
    BEFORE_GATE.store(before_gate, Ordering::Relaxed);
    before_gate
}

fn tell(info: &HookInfo, why: &str) {
    let symbol = info.symbol;
    if why.is_empty() {
        pr_info!("the hook of {} decides again\n", symbol);
        events::tell(|| Event::Restored(symbol));
    } else {
        pr_warn!("the hook of {} is bypassed: {}\n", symbol, why);
        events::tell(|| Event::Bypassed(symbol));
    }
}

/// It is time to look. On a workqueue.
fn again() {
    // Who holds the mutex for long waits for this work; the next time is not far.
    let Some(mut control) = ControlGuard::try_lock() else {
        return;
    };
    let was = BEFORE_GATE.load(Ordering::Relaxed);
    if look(&control) != was {
        engine::settle(&mut control);
    }
}

hook!(bypass => crate::bypass::again);
