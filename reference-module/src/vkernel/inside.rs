//! A write from inside a container to a key that has a private value there.

use crate::charge;
use crate::container::{count, Container};
use crate::engine::{self, is_enforced};
use crate::events;
use crate::registry::{self, ChangeError};
use core::sync::atomic::{AtomicU64, Ordering};
use kernel::prelude::*;
use vk_ffi_shims::vk_hook::HookId;
use vk_ffi_shims::{clock_ns, current_pid, sleep_ms, ControlGuard, Flight, Namespace, ReadGuard};
use vk_reference_module::{Key, Own, Setting, Target, Why, Writer};

const EPERM: i32 = 1;
const ENOMEM: i32 = 12;
const ERANGE: i32 = 34;
const EAGAIN: i32 = 11;

/// Why a write did not change the private value.
pub(crate) enum Denial {
    /// The key has no private value any more: the kernel's own handler decides.
    NotOurs,
    /// It is refused.
    Errno(i32),
}

/// One line in the log per second, whoever writes.
static LOGGED_NS: AtomicU64 = AtomicU64::new(0);

fn log_denial(id: u64, key: Key) {
    const BURST_NS: u64 = 1_000_000_000;
    let now = clock_ns();
    let last = LOGGED_NS.load(Ordering::Relaxed);
    if now.wrapping_sub(last) < BURST_NS && last != 0 {
        return;
    }
    if LOGGED_NS
        .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
        .is_ok()
    {
        pr_info!(
            "{}\n",
            core::format_args!(
                "ns:{id} pid {}: a write to {key} was refused: it is read-only inside",
                current_pid()
            )
        );
    }
}

/// Gives the running task's own namespace a value of its own.
///
/// Process context; may sleep, and says so, so that disarming waits for it.
pub(crate) fn write(hook: HookId, key: Key, setting: Setting) -> core::result::Result<(), Denial> {
    let _flight = Flight::enter(hook);
    let mut control = loop {
        // Disarming holds the mutex and waits for this flight.
        if !is_enforced() {
            return Err(Denial::Errno(-EAGAIN));
        }
        if let Some(control) = ControlGuard::try_lock() {
            break control;
        }
        sleep_ms(1);
    };
    let (id, before, own) = {
        let read = ReadGuard::new();
        let found = Namespace::of_current(&read).and_then(|ns| registry::find(&read, ns));
        let Some(container) = found else {
            return Err(Denial::NotOurs);
        };
        let before = registry::own(container);
        (
            container.id,
            before,
            permit(&read, container, key, setting)?,
        )
    };
    registry::change(&mut control, id, own).map_err(|error| match error {
        ChangeError::Gone => Denial::NotOurs,
        ChangeError::NoMemory => Denial::Errno(-ENOMEM),
    })?;
    if own.has_overcommit() && !before.has_overcommit() {
        // Its account was charged with nothing while the one around it was its own.
        charge::recount(id);
    }
    engine::settle(&mut control);
    let target = Target::Namespace(id.number);
    events::tell_changes(target, &before, &own, Writer::Inside(current_pid()));
    pr_info!(
        "{}\n",
        core::format_args!(
            "set ns:{} {key}={setting} by pid {} from inside",
            id.number,
            current_pid()
        )
    );
    Ok(())
}

/// What the container would have of its own after the write, if the host allows it.
fn permit(
    read: &ReadGuard,
    container: &Container,
    key: Key,
    setting: Setting,
) -> core::result::Result<Own, Denial> {
    let effective = container.effective(read);
    if effective.get(key).is_none() {
        return Err(Denial::NotOurs);
    }
    if !effective.is_writable(key) {
        count(&container.counters.writes_denied);
        log_denial(container.id.number, key);
        events::tell_denied(container.id.number, key, Why::ReadOnly);
        return Err(Denial::Errno(-EPERM));
    }
    if registry::forbidding(read, container, key, setting).is_some() {
        count(&container.counters.writes_denied);
        events::tell_denied(container.id.number, key, Why::OutOfBounds);
        return Err(Denial::Errno(-ERANGE));
    }
    let mut own = registry::own(container);
    let is_inherited = own.get(key).is_none();
    own.set(key, setting);
    if is_inherited {
        // What was inherited as writable stays so.
        if let Some(rule) = own.rule_mut(key) {
            rule.is_writable = true;
        }
    }
    Ok(own)
}
