//! Transparent huge pages: who gets them.
//!
//! Hook: `__thp_vma_allowable_orders` of mm/huge_memory.c.

use crate::container::{count, Container};
use crate::engine::{self, is_enforced};
use crate::inside;
use crate::registry;
use vk_ffi_shims::thp::File;
use vk_ffi_shims::{briefly_of_vma, hook, Namespace, ReadGuard, Vma};
use vk_reference_module::Key;
use vk_sysctl::Denied;
use vk_thp::{decide, Asker, Enabled, Orders, Switch, VmaFlags};

/// What is told of a write to a file that no key is about.
const ENABLED: Key = Key::Thp(vk_thp::Key::Enabled);

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
    // What do_huge_pmd_anonymous_page() finds first, whatever the answer is here; and the original of
    // everybody else who asks.
    if orders == Orders::PMD.bits() && vma.is_too_small() {
        return Some(0);
    }
    if !is_enforced() {
        return None;
    }
    briefly_of_vma(vma, |read, ns| {
        let container = registry::find(read, ns)?;
        let thp = container.effective(read).thp();
        let asker = Asker::from_raw(asker)?;
        if asker == Asker::Khugepaged && thp.khugepaged == Some(Switch::Off) {
            count(&container.counters.thp_denied);
            return Some(0);
        }
        Some(allowed(
            container,
            thp.enabled?,
            vma,
            vm_flags,
            asker,
            orders,
        ))
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

/// Before any file of huge pages is written from inside: the host's may be protected. Process
/// context.
fn protect(file: File) -> Result<(), i32> {
    let key = key_of(file);
    if key.is_some_and(has_own) || !engine::protects_host() {
        return Ok(());
    }
    inside::deny(key.unwrap_or(ENABLED), Denied::HostProtected).map_or(Ok(()), Err)
}

fn key_of(file: File) -> Option<Key> {
    let key = match file {
        File::Enabled => vk_thp::Key::Enabled,
        File::ShmemEnabled => vk_thp::Key::ShmemEnabled,
        File::Defrag => vk_thp::Key::Defrag,
        File::UseZeroPage => vk_thp::Key::UseZeroPage,
        File::Other => return None,
    };
    Some(Key::Thp(key))
}

fn has_own(key: Key) -> bool {
    let read = ReadGuard::new();
    let found = Namespace::of_current(&read).and_then(|ns| registry::find(&read, ns));
    is_enforced() && found.is_some_and(|it| it.effective(&read).get(key).is_some())
}

hook!(fn thp_allowable_orders(vma: Option<Vma<'_>>, vm_flags: u64, asker: u32, orders: u64) -> u64, Replace<Vma> => allowable);
hook!(thp_write => crate::huge::protect);
