//! Kernel parameters: what a container reads below `/proc/sys`, what a write does, what is beyond a
//! limit.
//!
//! Hooks: `overcommit_{policy,ratio,kbytes}_handler` of mm/util.c; the handlers of kernel/sysctl.c
//! that many parameters share, which look at the table's `data`; `sysctl_perm` of fs/proc. The
//! kernel's own checks of a file's mode, of a handler's capability, of BPF and security modules come
//! before. What limits have their effect by is in c/parameter.c of vk-ffi-shims.

use crate::engine::{self, is_enforced};
use crate::inside::{self, Denial};
use crate::registry;
use kernel::prelude::*;
use vk_ffi_shims::vk_hook::HookId;
use vk_ffi_shims::{
    briefly_of_mm, hook, Buffer, ControlGuard, Hook, Namespace, Parameter, ParameterFile,
    ReadGuard, Reading,
};
use vk_reference_module::{parameter_of, served_by, Key, Setting, Source, Widest, SERVED};
use vk_sysctl::{read_text, Denied, Event, Key as Sysctl, Value};

/// What a handler came to: the bytes used or an errno, and the file position.
type Answer = (Result<usize, i32>, u64);

/// Returns the host's own value. Any context.
pub(crate) fn host(key: Sysctl) -> Option<Value> {
    let bits = parameter_of(key)?.host_bits()?;
    Some(key.ctype().value_from_bits(bits))
}

/// What is enforced of `value` while the host has its own.
pub(crate) fn enforced(key: Sysctl, value: Value) -> Value {
    host(key).map_or(value, |host| key.enforced(value, host))
}

/// The private value of the running task's container.
fn value_of_current(key: Sysctl) -> Option<Value> {
    if !is_enforced() {
        return None;
    }
    let value = briefly_of_mm(None, |read, ns| {
        registry::find(read, ns)?.effective(read).sysctl(key)
    })?;
    Some(enforced(key, value))
}

/// A read or write of the file of `key`. Process context, may sleep.
fn access(hook: HookId, key: Sysctl, text: &mut Buffer<'_>) -> Option<Answer> {
    let pos = text.pos();
    let Some(value) = value_of_current(key) else {
        return shared(key, text).map(|errno| (Err(errno), pos));
    };
    if !text.is_write() {
        let read = read_text(value, pos, text.bytes());
        return Some((Ok(read.written), read.pos));
    }
    let parsed = match key.parse_write(text.bytes(), pos) {
        Ok(parsed) => parsed,
        Err(error) => {
            inside::note(key, Event::Invalid);
            return Some((Err(error.to_errno()), pos));
        }
    };
    if let Some(value) = parsed.value {
        match inside::write(hook, Key::Sysctl(key), Setting::Sysctl(value)) {
            Ok(()) => {}
            Err(Denial::NotOurs) => return None,
            Err(Denial::Errno(errno)) => return Some((Err(errno), pos)),
        }
    }
    Some((Ok(parsed.consumed), parsed.pos))
}

/// The host's own value as its file has it, of a variable that is wide: the bytes used, and the file
/// position. Process context.
fn host_text(parameter: Parameter, bits: u64, text: &mut Buffer<'_>) -> Option<(usize, u64)> {
    let value = served_by(parameter)?.ctype().value_from_bits(bits);
    let read = read_text(value, text.pos(), text.bytes());
    Some((read.written, read.pos))
}

/// The same without a private value: the errno of a write that may not reach the host's.
fn shared(key: Sysctl, text: &Buffer<'_>) -> Option<i32> {
    if !text.is_write() {
        return None;
    }
    if engine::protects_host() {
        return inside::deny(Key::Sysctl(key), Denied::HostProtected);
    }
    inside::note(key, Event::PassedToHost);
    None
}

fn policy(text: &mut Buffer<'_>) -> Option<Answer> {
    access(
        overcommit_policy_handler::id(),
        Sysctl::OvercommitMemory,
        text,
    )
}

fn ratio(text: &mut Buffer<'_>) -> Option<Answer> {
    access(
        overcommit_ratio_handler::id(),
        Sysctl::OvercommitRatio,
        text,
    )
}

fn kbytes(text: &mut Buffer<'_>) -> Option<Answer> {
    access(
        overcommit_kbytes_handler::id(),
        Sysctl::OvercommitKbytes,
        text,
    )
}

fn any(hook: HookId, parameter: Parameter, text: &mut Buffer<'_>) -> Option<Answer> {
    access(hook, served_by(parameter)?, text)
}

/// Before `sysctl_perm()`, for which only the host's root is root: whether root of the container may
/// write what the host lets it write. Atomic in a path walk.
fn permits(file: ParameterFile) -> bool {
    if !is_enforced() || !file.is_write {
        return false;
    }
    let Some(key) = served_by(file.parameter) else {
        return false;
    };
    let read = ReadGuard::new();
    let Some(ns) = Namespace::of_current(&read).filter(|ns| ns.is_admin()) else {
        return false;
    };
    registry::find(&read, ns)
        .is_some_and(|container| container.effective(&read).is_writable(Key::Sysctl(key)))
}

/// What is enforced on the tasks of `ns`. Any context.
fn value(parameter: Parameter, ns: Namespace<'_>) -> Option<u64> {
    let key = served_by(parameter).filter(|_| is_enforced())?;
    let read = ReadGuard::new();
    let value = registry::find(&read, ns)?.effective(&read).sysctl(key)?;
    u64::try_from(enforced(key, value).number()).ok()
}

/// What the tasks of `ns` may have, unless the host's is stricter: the kernel tests that. Any context.
#[inline]
fn bound(read: &Reading, parameter: Parameter, ns: Namespace<'_>) -> Option<u64> {
    let key = served_by(parameter).filter(|_| is_enforced())?;
    registry::find(read, ns)?.effective(read).sysctl_bits(key)
}

/// Whether the value of `ns` forbids what would come to `asked`. Any context.
fn forbids(parameter: Parameter, ns: Namespace<'_>, asked: u64) -> Option<bool> {
    let key = served_by(parameter).filter(|_| is_enforced())?;
    let read = ReadGuard::new();
    let container = registry::find(&read, ns)?;
    let value = container.effective(&read).sysctl(key)?;
    let forbids = match key {
        Sysctl::ThreadsMax | Sysctl::FileMax => is_full(&read, key, ns),
        _ => key.forbids(enforced(key, value), asked),
    };
    if forbids {
        container.counters.audit.count(key, Event::Enforced);
    }
    Some(forbids)
}

/// What is counted of a namespace and those below it, with the one that is asked for: a file is
/// counted before, a thread is not.
fn count(key: Sysctl, ns: Namespace<'_>) -> u64 {
    match key {
        Sysctl::FileMax => u64::from(ns.open_files()),
        _ => u64::from(ns.tasks()).saturating_add(1),
    }
}

/// Whether one more in `ns` is more than it, or a namespace around it, may have.
fn is_full(read: &ReadGuard, key: Sysctl, ns: Namespace<'_>) -> bool {
    let mut at = Some(ns);
    while let Some(inner) = at {
        let Some(container) = registry::find(read, inner) else {
            return false;
        };
        let effective = container.effective(read);
        let (Some(value), Source::Namespace(owner)) =
            (effective.sysctl(key), effective.source(Key::Sysctl(key)))
        else {
            return false;
        };
        let Some(owner) = inner.ancestor(owner.address) else {
            return false;
        };
        if key.forbids(value, count(key, owner)) {
            return true;
        }
        at = owner.parent();
    }
    false
}

/// Widens what containers need, and narrows the rest.
pub(crate) fn widen(control: &ControlGuard, widest: &Widest) {
    for (greatest, (key, parameter, _)) in widest.greatest().zip(SERVED) {
        let greatest = greatest.and_then(|it| u32::try_from(it).ok());
        if let Err(errno) = parameter.widen(control, greatest) {
            pr_warn!("{} was not widened: errno {}\n", key.name(), errno);
        }
    }
}

hook!(proc overcommit_policy_handler => crate::parameter::policy);
hook!(proc overcommit_ratio_handler => crate::parameter::ratio);
hook!(proc overcommit_kbytes_handler => crate::parameter::kbytes);
hook!(parameter proc_dointvec_minmax => crate::parameter::any);
hook!(parameter proc_douintvec_minmax => crate::parameter::any);
hook!(parameter proc_doulongvec_minmax => crate::parameter::any);
hook!(parameter proc_dopipe_max_size => crate::parameter::any);
hook!(parameter sysctl_max_threads => crate::parameter::any);
hook!(sysctl_perm => crate::parameter::permits);
hook!(limit => crate::parameter::forbids);
hook!(bound => crate::parameter::bound);
hook!(value => crate::parameter::value);
hook!(text => crate::parameter::host_text);
