//! Huge pages of shared memory: memfds, SysV shared memory, `MAP_SHARED | MAP_ANONYMOUS`, tmpfs.
//!
//! Hooks: `shmem_allowable_huge_orders` and `shmem_get_unmapped_area` of mm/shmem.c. Neither is
//! behind a gate, so a container can have more than the host or less.
//!
//! A container's word takes the place of the host's `shmem_enabled`, with pages of 2 MiB at
//! `inherit`; the host's `deny`, which is for emergencies, stands above it. Other sizes have the
//! host's own modes.

use crate::container::{count, Container};
use crate::engine::is_enforced;
use crate::registry;
use vk_ffi_shims::shmem::{self, File, Inode};
use vk_ffi_shims::{briefly_of_mm, briefly_of_vma, hook, thp, Namespace, ReadGuard, Reading, Vma};
use vk_thp::{
    Asker, Orders, ShmemEnabled, ShmemMount, ShmemOrderMode, ShmemOrders, ShmemPolicy,
    ShmemRequest, ShmemVma, ThpDisable, TmpfsHuge, VmaFlags, PMD_ORDER,
};

/// Before `shmem_allowable_huge_orders()`.
fn orders_of(
    hook: &shmem_allowable_huge_orders<'_>,
    inode: Inode<'_>,
    vma: Option<Vma<'_>>,
    index_pages: u64,
    write_end_bytes: i64,
    is_forced: bool,
) -> u64 {
    allowable(inode, vma, index_pages, write_end_bytes, is_forced)
        .unwrap_or_else(|| hook.host(inode, vma, index_pages, write_end_bytes, is_forced))
}

/// What a container's word allows; `None` if the host's decides. Page faults, write(2) and fallocate(2) (no VMA), and
/// `__thp_vma_allowable_orders()`. Process context, an mmap, VMA or inode lock is held; does not
/// sleep.
fn allowable(
    inode: Inode<'_>,
    vma: Option<Vma<'_>>,
    index_pages: u64,
    write_end_bytes: i64,
    is_forced: bool,
) -> Option<u64> {
    let ask = |container: &Container, read: &Reading| {
        let word = word_of(container, read)?;
        let request = request(inode, vma, index_pages, write_end_bytes, is_forced)?;
        let policy = ShmemPolicy {
            global: word,
            orders: orders(),
        };
        let allowed = policy.allowable(&request);
        if allowed.contains(Orders::PMD) {
            count(&container.counters.thp_granted);
        } else {
            count(&container.counters.thp_denied);
        }
        Some(allowed.bits())
    };
    if !is_enforced() {
        return None;
    }
    match vma {
        Some(vma) => briefly_of_vma(vma, |read, ns| ask(registry::find(read, ns)?, read)),
        None => briefly_of_mm(None, |read, ns| ask(registry::find(read, ns)?, read)),
    }
}

/// The container's word, unless the host's own stands above it.
fn word_of(container: &Container, read: &Reading) -> Option<ShmemEnabled> {
    let word = container.effective(read).thp().shmem_enabled?;
    let is_denied = shmem::host() == ShmemEnabled::Deny as i8;
    (!is_denied && !thp::is_unsupported()).then_some(word)
}

/// The host's modes of all sizes, but for 2 MiB.
pub(crate) fn orders() -> ShmemOrders {
    let host = shmem::orders();
    ShmemOrders {
        always: Orders::from_bits_retain(host.always),
        inherit: Orders::from_bits_retain(host.inherit),
        within_size: Orders::from_bits_retain(host.within_size),
        madvise: Orders::from_bits_retain(host.madvise),
    }
    .with(PMD_ORDER, ShmemOrderMode::Inherit)
}

fn request(
    inode: Inode<'_>,
    vma: Option<Vma<'_>>,
    index_pages: u64,
    write_end_bytes: i64,
    is_forced: bool,
) -> Option<ShmemRequest> {
    const PAGE_BYTES: u64 = 4096;
    let mount = if inode.is_internal() {
        ShmemMount::Internal
    } else {
        ShmemMount::Tmpfs(TmpfsHuge::from_raw(inode.mount_huge())?)
    };
    Some(ShmemRequest {
        mount,
        is_regular: inode.is_regular(),
        vma: match vma {
            Some(vma) => Some(mapping(vma)?),
            None => None,
        },
        asker: if is_forced {
            Asker::ForcedCollapse
        } else {
            Asker::PageFault
        },
        index_pages,
        size_pages: inode.size_pages(),
        write_end_pages: u64::try_from(write_end_bytes)
            .unwrap_or(0)
            .div_ceil(PAGE_BYTES),
    })
}

fn mapping(vma: Vma<'_>) -> Option<ShmemVma> {
    Some(ShmemVma {
        flags: VmaFlags::from_bits_truncate(vma.flags()),
        process: ThpDisable::from_raw(vma.thp_disable())?,
        is_anon_shmem: vma.is_anon_shmem(),
    })
}

/// Whether a new mapping is to be aligned for huge pages: before `shmem_get_unmapped_area()`.
/// Process context, the mmap lock is held; does not sleep.
fn is_aligned() -> bool {
    if !is_enforced() {
        return false;
    }
    let read = ReadGuard::new();
    let word =
        Namespace::of_current(&read).and_then(|ns| word_of(registry::find(&read, ns)?, &read));
    !matches!(word, None | Some(ShmemEnabled::Never | ShmemEnabled::Deny))
}

fn area(
    hook: &shmem_get_unmapped_area<'_>,
    file: File<'_>,
    addr: u64,
    len: u64,
    pgoff: u64,
    flags: u64,
) -> u64 {
    if is_aligned() {
        shmem::aligned_area(file, addr, len, pgoff, flags)
    } else {
        hook.host(file, addr, len, pgoff, flags)
    }
}

hook!(fn shmem_allowable_huge_orders(inode: Inode<'_>, vma: Option<Vma<'_>>, index: u64, write_end: i64, is_forced: bool) -> u64, Replace<SecondVmaOrCurrent> => orders_of);
hook!(fn shmem_get_unmapped_area(file: File<'_>, addr: u64, len: u64, pgoff: u64, flags: u64) -> u64, Replace<Current> => area);
