//! The files below `/sys/kernel/mm/transparent_hugepage` as a container sees them.

use crate::engine::is_enforced;
use crate::inside::{self, Denial};
use crate::registry;
use crate::shmem;
use vk_ffi_shims::vk_hook::HookId;
use vk_ffi_shims::{hook, Hook, Namespace, ReadGuard};
use vk_reference_module::{Key, Setting};
use vk_thp::{Enabled, OrderMode, ShmemOrderMode, Value};

const EINVAL: i32 = 22;

fn value_of_current(key: vk_thp::Key) -> Option<Value> {
    if !is_enforced() {
        return None;
    }
    let read = ReadGuard::new();
    let ns = Namespace::of_current(&read)?;
    registry::find(&read, ns)?.effective(&read).thp().get(key)
}

/// Reading the file of `key`. Process context.
fn show(key: vk_thp::Key) -> Option<&'static str> {
    value_of_current(key).map(Value::sysfs_text)
}

/// Writing the file of `key` from inside. Process context, may sleep.
fn store(hook: HookId, key: vk_thp::Key, text: &[u8]) -> Option<Result<(), i32>> {
    value_of_current(key)?;
    let value = match key.parse(text) {
        Ok(value) => value,
        Err(error) => return Some(Err(error.to_errno())),
    };
    put(hook, value)
}

fn put(hook: HookId, value: Value) -> Option<Result<(), i32>> {
    match inside::write(hook, Key::Thp(value.key()), Setting::Thp(value)) {
        Ok(()) => Some(Ok(())),
        Err(Denial::NotOurs) => None,
        Err(Denial::Errno(errno)) => Some(Err(errno)),
    }
}

fn show_enabled() -> Option<&'static str> {
    show(vk_thp::Key::Enabled)
}

fn store_enabled(text: &[u8]) -> Option<Result<(), i32>> {
    store(thp_enabled_store::id(), vk_thp::Key::Enabled, text)
}

/// Reading `hugepages-2048kB/enabled`: the private value, which does not inherit the host's.
fn show_enabled_of_size() -> Option<&'static str> {
    let Value::Enabled(policy) = value_of_current(vk_thp::Key::Enabled)? else {
        return None;
    };
    let mode = match policy {
        Enabled::Always => OrderMode::Always,
        Enabled::Madvise => OrderMode::Madvise,
        Enabled::Never => OrderMode::Never,
    };
    Some(mode.sysfs_text())
}

/// Writing `hugepages-2048kB/enabled`. A container has one word for both files, so `inherit` is
/// what it has already.
fn store_enabled_of_size(text: &[u8]) -> Option<Result<(), i32>> {
    let value = value_of_current(vk_thp::Key::Enabled)?;
    match OrderMode::from_sysfs(text) {
        // The value that is there, so that a container that may not write is told so.
        Ok(OrderMode::Inherit) => put(anon_enabled_store::id(), value),
        _ => store(anon_enabled_store::id(), vk_thp::Key::Enabled, text),
    }
}

fn show_defrag() -> Option<&'static str> {
    show(vk_thp::Key::Defrag)
}

fn store_defrag(text: &[u8]) -> Option<Result<(), i32>> {
    store(thp_defrag_store::id(), vk_thp::Key::Defrag, text)
}

fn show_shmem() -> Option<&'static str> {
    show(vk_thp::Key::ShmemEnabled)
}

/// Writing `shmem_enabled`: `force` is refused where the kernel refuses it.
fn store_shmem(text: &[u8]) -> Option<Result<(), i32>> {
    let key = vk_thp::Key::ShmemEnabled;
    value_of_current(key)?;
    if let Ok(Value::ShmemEnabled(word)) = key.parse(text) {
        if !shmem::orders().admits(word) {
            return Some(Err(-EINVAL));
        }
    }
    store(shmem_enabled_store::id(), key, text)
}

/// Reading `hugepages-2048kB/shmem_enabled`: this size follows the file above.
fn show_shmem_of_size() -> Option<&'static str> {
    value_of_current(vk_thp::Key::ShmemEnabled)?;
    Some(ShmemOrderMode::Inherit.sysfs_text())
}

/// Writing `hugepages-2048kB/shmem_enabled`: its only private value is `inherit`, and that stays.
fn store_shmem_of_size(text: &[u8]) -> Option<Result<(), i32>> {
    let value = value_of_current(vk_thp::Key::ShmemEnabled)?;
    match ShmemOrderMode::from_sysfs(text) {
        // The value that is there, so that a container that may not write is told so.
        Ok(ShmemOrderMode::Inherit) => put(thpsize_shmem_enabled_store::id(), value),
        _ => Some(Err(-EINVAL)),
    }
}

fn show_zero_page() -> Option<&'static str> {
    show(vk_thp::Key::UseZeroPage)
}

fn store_zero_page(text: &[u8]) -> Option<Result<(), i32>> {
    store(use_zero_page_store::id(), vk_thp::Key::UseZeroPage, text)
}

hook!(show thp_enabled_show => crate::sysfs::show_enabled);
hook!(store thp_enabled_store => crate::sysfs::store_enabled);
hook!(show_pmd anon_enabled_show => crate::sysfs::show_enabled_of_size);
hook!(store_pmd anon_enabled_store => crate::sysfs::store_enabled_of_size);
hook!(show thp_defrag_show => crate::sysfs::show_defrag);
hook!(store thp_defrag_store => crate::sysfs::store_defrag);
hook!(show use_zero_page_show => crate::sysfs::show_zero_page);
hook!(store use_zero_page_store => crate::sysfs::store_zero_page);
hook!(show shmem_enabled_show => crate::sysfs::show_shmem);
hook!(store shmem_enabled_store => crate::sysfs::store_shmem);
hook!(show_pmd thpsize_shmem_enabled_show => crate::sysfs::show_shmem_of_size);
hook!(store_pmd thpsize_shmem_enabled_store => crate::sysfs::store_shmem_of_size);
