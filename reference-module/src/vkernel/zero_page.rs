//! The huge zero page for read faults.
//!
//! Hook: `do_huge_pmd_anonymous_page` of mm/huge_memory.c.

use crate::engine::is_enforced;
use crate::registry;
use vk_ffi_shims::zero_page::Fault;
use vk_ffi_shims::{briefly_of_vma, hook, Flight, Hook};
use vk_thp::Switch;

/// Before `do_huge_pmd_anonymous_page()`: a page fault, the mmap or VMA lock is held. The original
/// sleeps in the allocator.
fn fault(hook: &do_huge_pmd_anonymous_page<'_>, vmf: Fault<'_>) -> u32 {
    let _flight = Flight::enter(<do_huge_pmd_anonymous_page<'_> as Hook>::id());
    match policy_of(vmf) {
        None => hook.host(vmf),
        Some(Switch::On) => hook.original(vmf),
        Some(Switch::Off) => vmf.without_zero_page(),
    }
}

fn policy_of(vmf: Fault<'_>) -> Option<Switch> {
    if !is_enforced() {
        return None;
    }
    briefly_of_vma(vmf.vma()?, |read, ns| {
        registry::find(read, ns)?
            .effective(read)
            .thp()
            .use_zero_page
    })
}

hook!(fn do_huge_pmd_anonymous_page(vmf: Fault<'_>) -> u32, Replace<Fault> => fault);
