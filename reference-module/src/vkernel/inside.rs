//! A write from inside a container.

use crate::charge;
use crate::container::{count, Container, Id};
use crate::engine::{self, is_enforced};
use crate::events;
use crate::parameter;
use crate::registry::{self, ChangeError};
use crate::strictness::{self, Strictness};
use kernel::prelude::*;
use vk_ffi_shims::vk_hook::HookId;
use vk_ffi_shims::{
    clock_ns, current_comm, current_pid, sleep_ms, ControlGuard, Flight, Namespace, ReadGuard,
};
use vk_reference_module::{Comm, Key, Own, Setting, Target, Writer};
use vk_sysctl::{judge_write, Denied, Event, HostWrites, Inside, Key as Sysctl, Rule};

const ENOMEM: i32 = 12;
const EAGAIN: i32 = 11;

/// Why a write did not change the private value.
pub(crate) enum Denial {
    /// The key has no private value any more: the kernel's own handler decides.
    NotOurs,
    /// It is refused.
    Errno(i32),
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
        if container.effective(&read).get(key).is_none() {
            return Err(Denial::NotOurs);
        }
        if let Err(denied) = permit(&read, container, key, setting) {
            return Err(Denial::Errno(told(container, key, denied)));
        }
        let before = registry::own(container);
        (container.id, before, changed(&before, key, setting))
    };
    check_promise(id, key, &own)?;
    registry::change(&mut control, id, &own).map_err(|error| match error {
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
    if let Key::Sysctl(key) = key {
        note(key, Event::Written);
    }
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

/// A limit that nothing stands behind is refused or told of, as the host has chosen.
fn check_promise(id: Id, key: Key, own: &Own) -> core::result::Result<(), Denial> {
    let Some(why) = strictness::overpromise(id, own) else {
        return Ok(());
    };
    if strictness::strictness() == Strictness::Refuses {
        let errno = deny(key, Denied::Overpromised);
        return Err(errno.map_or(Denial::NotOurs, Denial::Errno));
    }
    pr_warn!("{}\n", core::format_args!("ns:{}: {why}", id.number));
    Ok(())
}

/// Decides about a write to a key that has a private value.
fn permit(
    read: &ReadGuard,
    container: &Container,
    key: Key,
    setting: Setting,
) -> core::result::Result<(), Denied> {
    let inside = match container.effective(read).is_writable(key) {
        true => Inside::ReadWrite,
        false => Inside::ReadOnly,
    };
    let (Key::Sysctl(name), Setting::Sysctl(value)) = (key, setting) else {
        return match inside {
            Inside::ReadWrite => Ok(()),
            Inside::ReadOnly => Err(Denied::ReadOnly),
        };
    };
    let rule = Rule {
        inside,
        ..registry::own(container).rule(key)
    };
    let host = parameter::host(name).unwrap_or(value);
    judge_write(Some(&rule), name, value, host, HostWrites::Unchanged)?;
    // The bounds of what is around it.
    match registry::forbidding(read, container, key, value) {
        Some(rule) => rule.bound(value),
        None => Ok(()),
    }
}

/// What the container has of its own after the write.
fn changed(before: &Own, key: Key, setting: Setting) -> Own {
    let mut own = *before;
    own.set(key, setting);
    if before.get(key).is_none() {
        // What was inherited as writable stays so.
        let inside = Inside::ReadWrite;
        let rule = own.rule(key);
        own.set_rule(key, Rule { inside, ..rule });
    }
    own
}

/// Refuses a write of the running task, and tells of it. `None` if it is the host's.
pub(crate) fn deny(key: Key, denied: Denied) -> Option<i32> {
    let read = ReadGuard::new();
    let ns = Namespace::of_current(&read)?;
    let container = registry::find(&read, ns)?;
    Some(told(container, key, denied))
}

/// Counts what happened to a parameter of the running task's container.
pub(crate) fn note(key: Sysctl, event: Event) {
    let read = ReadGuard::new();
    let found = Namespace::of_current(&read).and_then(|ns| registry::find(&read, ns));
    if let Some(container) = found {
        container.counters.audit.count(key, event);
    }
}

/// Counts a refusal, tells of it, with one line of the log per burst; returns its errno.
fn told(container: &Container, key: Key, denied: Denied) -> i32 {
    count(&container.counters.writes_denied);
    if let Key::Sysctl(key) = key {
        container.counters.audit.count(key, Event::Denied);
    }
    events::tell_denied(container.id.number, key, denied.into());
    if let Some(left_out) = container.counters.denials.admit(clock_ns()) {
        pr_info!(
            "{}\n",
            core::format_args!(
                "ns:{} pid {} ({}): a write to {key} was refused: {denied}; {left_out} more before",
                container.id.number,
                current_pid(),
                Comm(current_comm()),
            )
        );
    }
    denied.to_errno()
}
