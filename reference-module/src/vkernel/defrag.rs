//! How hard the allocation of a huge page may try.
//!
//! Hook: `vma_thp_gfp_mask` of mm/huge_memory.c. khugepaged's own `khugepaged/defrag` is read
//! inline in mm/khugepaged.c, and stays the host's.

use crate::engine::is_enforced;
use crate::registry;
use vk_ffi_shims::{briefly_of_mm, briefly_of_vma, hook, thp, Vma};
use vk_thp::{Defrag, GfpBits, VmaFlags};

/// Before `vma_thp_gfp_mask()`: a page fault, a write or fallocate(2) to shmem (no VMA), swap-in.
/// Process context, an mmap, VMA or inode lock is held; does not sleep.
fn gfp_mask(hook: &vma_thp_gfp_mask<'_>, vma: Option<Vma<'_>>) -> u32 {
    let Some(defrag) = policy_of(vma) else {
        return hook.host(vma);
    };
    let flags = vma.map_or(0, Vma::flags);
    let effort = defrag.effort(VmaFlags::from_bits_truncate(flags));
    gfp_bits().mask(effort)
}

/// The policy of who owns the memory, or without a VMA of who asks.
fn policy_of(vma: Option<Vma<'_>>) -> Option<Defrag> {
    if !is_enforced() {
        return None;
    }
    match vma {
        Some(vma) => briefly_of_vma(vma, |read, ns| {
            registry::find(read, ns)?.effective(read).thp().defrag
        }),
        None => briefly_of_mm(None, |read, ns| {
            registry::find(read, ns)?.effective(read).thp().defrag
        }),
    }
}

fn gfp_bits() -> GfpBits {
    let bits = thp::gfp_bits();
    GfpBits {
        transhuge_light: bits.transhuge_light,
        direct_reclaim: bits.direct_reclaim,
        kswapd_reclaim: bits.kswapd_reclaim,
        noretry: bits.noretry,
    }
}

hook!(fn vma_thp_gfp_mask(vma: Option<Vma<'_>>) -> u32, Replace<VmaOrCurrent> => gfp_mask);
