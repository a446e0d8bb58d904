//! Transparent huge pages: who gets them, and what the files in sysfs say of it.
//!
//! Hooks: `__thp_vma_allowable_orders`, and `enabled` above and in `hugepages-2048kB`, of
//! mm/huge_memory.c.

use crate::container::{count, Container};
use crate::engine::is_enforced;
use crate::inside::{self, Denial};
use crate::registry;
use vk_ffi_shims::{briefly_of_vma, hook, Hook, Namespace, ReadGuard, Vma};
use vk_reference_module::{Key, Setting};
use vk_thp::{decide, Asker, Enabled, OrderMode, Orders, VmaFlags};

const EINVAL: i32 = 22;

/// Before `__thp_vma_allowable_orders()`: process context, an mmap or VMA lock is held; does not
/// sleep. The original goes on with what is left, so VM_NOHUGEPAGE and prctl stay honoured.
fn allowable(
    hook: &thp_allowable_orders<'_>,
    vma: Option<Vma<'_>>,
    vm_flags: u64,
    asker: u32,
    orders: u64,
) -> u64 {
    match ours(vma, vm_flags, asker, orders) {
        None => hook.host(vma, vm_flags, asker, orders),
        Some(0) => 0,
        // With fewer orders: the original only takes more away.
        Some(fewer) => hook.original(vma, vm_flags, asker, fewer),
    }
}

/// What a policy leaves of `orders`; `None` if the host's policy decides.
fn ours(vma: Option<Vma<'_>>, vm_flags: u64, asker: u32, orders: u64) -> Option<u64> {
    let vma = vma?;
    if !is_enforced() {
        return None;
    }
    briefly_of_vma(vma, |read, ns| {
        let container = registry::find(read, ns)?;
        let policy = container.effective(read).thp_enabled()?;
        let asker = Asker::from_raw(asker)?;
        Some(allowed(container, policy, vma, vm_flags, asker, orders))
    })
}

/// What `policy` leaves of `orders`. Preemption is off.
fn allowed(
    container: &Container,
    policy: Enabled,
    vma: Vma<'_>,
    vm_flags: u64,
    asker: Asker,
    orders: u64,
) -> u64 {
    let flags = VmaFlags::from_bits_truncate(vm_flags);
    if vma.is_anonymous() {
        let left = decide(policy, flags, asker, Orders::from_bits_retain(orders)).bits();
        if left == orders {
            count(&container.counters.thp_granted);
        } else {
            count(&container.counters.thp_denied);
        }
        return left;
    }
    // shmem has files and mount options of its own; no policy applies to huge PFN mappings.
    if vma.is_shmem() || vma.is_huge_pfn() {
        return orders;
    }
    // `enabled` governs khugepaged on other files: it can take away, not give more than the host.
    if decide(policy, flags, asker, Orders::PMD).is_empty() {
        count(&container.counters.thp_denied);
        return 0;
    }
    orders
}

fn policy_of_current() -> Option<Enabled> {
    if !is_enforced() {
        return None;
    }
    let read = ReadGuard::new();
    let ns = Namespace::of_current(&read)?;
    registry::find(&read, ns)?.effective(&read).thp_enabled()
}

/// Reading `enabled`. Process context.
fn show() -> Option<&'static str> {
    policy_of_current().map(Enabled::sysfs_text)
}

/// Reading `hugepages-2048kB/enabled`: the private value, which does not inherit the host's.
fn show_order() -> Option<&'static str> {
    policy_of_current().map(|policy| {
        match policy {
            Enabled::Always => OrderMode::Always,
            Enabled::Madvise => OrderMode::Madvise,
            Enabled::Never => OrderMode::Never,
        }
        .sysfs_text()
    })
}

/// Writing either from inside. Process context, may sleep.
fn store(hook: vk_ffi_shims::vk_hook::HookId, text: &[u8]) -> Option<Result<(), i32>> {
    policy_of_current()?;
    let Ok(policy) = Enabled::from_sysfs(text) else {
        return Some(Err(-EINVAL));
    };
    match inside::write(hook, Key::ThpEnabled, Setting::Thp(policy)) {
        Ok(()) => Some(Ok(())),
        Err(Denial::NotOurs) => None,
        Err(Denial::Errno(errno)) => Some(Err(errno)),
    }
}

fn store_global(text: &[u8]) -> Option<Result<(), i32>> {
    store(thp_enabled_store::id(), text)
}

fn store_order(text: &[u8]) -> Option<Result<(), i32>> {
    store(anon_enabled_store::id(), text)
}

hook!(fn thp_allowable_orders(vma: Option<Vma<'_>>, vm_flags: u64, asker: u32, orders: u64) -> u64, Replace<Vma> => allowable);
hook!(show thp_enabled_show => crate::huge::show);
hook!(store thp_enabled_store => crate::huge::store_global);
hook!(show_pmd anon_enabled_show => crate::huge::show_order);
hook!(store_pmd anon_enabled_store => crate::huge::store_order);
