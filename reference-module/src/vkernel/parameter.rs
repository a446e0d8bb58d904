//! Kernel parameters: what a container reads below `/proc/sys`, and what a write does.
//!
//! Hooks: `overcommit_{policy,ratio,kbytes}_handler` of mm/util.c.

use crate::engine::is_enforced;
use crate::inside::{self, Denial};
use crate::registry;
use vk_ffi_shims::vk_hook::HookId;
use vk_ffi_shims::{hook, Buffer, Hook, Namespace, ReadGuard};
use vk_reference_module::{Key, Setting};
use vk_sysctl::{read_text, Key as Sysctl, Value};

/// What a handler came to: the bytes used or an errno, and the file position.
type Answer = (Result<usize, i32>, u64);

/// The private value of the running task's container.
fn value_of_current(key: Sysctl) -> Option<Value> {
    if !is_enforced() {
        return None;
    }
    let read = ReadGuard::new();
    let ns = Namespace::of_current(&read)?;
    registry::find(&read, ns)?.effective(&read).sysctl(key)
}

/// A read or write of the file of `key`. Process context, may sleep.
fn access(hook: HookId, key: Sysctl, text: &mut Buffer<'_>) -> Option<Answer> {
    let value = value_of_current(key)?;
    let pos = text.pos();
    if !text.is_write() {
        let read = read_text(value, pos, text.bytes());
        return Some((Ok(read.written), read.pos));
    }
    let parsed = match key.parse_write(text.bytes(), pos) {
        Ok(parsed) => parsed,
        Err(error) => return Some((Err(error.to_errno()), pos)),
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

hook!(proc overcommit_policy_handler => crate::parameter::policy);
hook!(proc overcommit_ratio_handler => crate::parameter::ratio);
hook!(proc overcommit_kbytes_handler => crate::parameter::kbytes);
