//! What the commit accounting needs from a kernel: mm/util.c.

use crate::bindings;
use crate::{Mm, Namespace};
use core::ffi::c_long;

/// The host's own values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// `vm.overcommit_memory`.
    pub mode: i32,
    /// `vm.overcommit_ratio`.
    pub ratio: i32,
    /// `vm.overcommit_kbytes`.
    pub kbytes: u64,
}

/// The machine's memory, in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// `totalram_pages()`.
    pub ram_pages: u64,
    /// `hugetlb_total_pages()`.
    pub hugetlb_pages: u64,
    /// `total_swap_pages`.
    pub swap_pages: u64,
    /// `vm.admin_reserve_kbytes`.
    pub admin_reserve_pages: u64,
    /// `vm.user_reserve_kbytes`.
    pub user_reserve_pages: u64,
}

/// A sum over a container's mappings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Pages of VMAs with VM_ACCOUNT.
    pub pages: u64,
    /// The part of `pages` that was counted whole because a lock could not be tried.
    pub unlocked_pages: u64,
}

/// What becomes of MAP_NORESERVE and SHM_NORESERVE, which ask for memory that is not charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Reserve {
    /// As the host's mode has it.
    AsHost = bindings::VK_RESERVE_AS_HOST,
    /// They are honoured: modes 0 and 1.
    Honoured = bindings::VK_RESERVE_HONOURED,
    /// They are not: mode 2.
    Ignored = bindings::VK_RESERVE_IGNORED,
}

/// Lets the host, while it is in mode 2, be judged without what containers apart from it hold
/// (c/host_commit.c). Process context, with the hooks of the feature armed.
///
/// # Errors
///
/// A negative errno: they are not. The host is judged as without the module then.
pub fn open_host_gate() -> Result<(), i32> {
    // SAFETY: Process context; it looks itself at what it needs.
    match unsafe { bindings::vk_host_commit_open() } {
        0 => Ok(()),
        errno => Err(errno),
    }
}

/// Lets the host be judged as without the module. Process context, before the hooks go.
pub fn close_host_gate() {
    // SAFETY: Process context.
    unsafe { bindings::vk_host_commit_close() };
}

/// Moves the kernel's own counter, as `vm_acct_memory()`. Any context.
#[inline]
pub fn account(pages: i64) {
    // SAFETY: The feature's symbols are resolved, or the hook would not be armed.
    unsafe { bindings::vk_overcommit_account(pages) };
}

/// Returns the host's values. Any context.
pub fn host() -> Host {
    let (mut mode, mut ratio, mut kbytes) = (0, 0, 0);
    // SAFETY: As in `account`.
    unsafe { bindings::vk_overcommit_host(&mut mode, &mut ratio, &mut kbytes) };
    Host {
        mode,
        ratio,
        kbytes,
    }
}

/// Returns the machine's memory. Any context.
pub fn machine() -> Machine {
    let (mut admin, mut user) = (0, 0);
    // SAFETY: As in `account`.
    unsafe { bindings::vk_overcommit_reserves(&mut admin, &mut user) };
    Machine {
        // SAFETY: As in `account`.
        ram_pages: unsafe { bindings::vk_ram_pages() } as u64,
        // SAFETY: As in `account`.
        hugetlb_pages: unsafe { bindings::vk_hugetlb_pages() } as u64,
        // SAFETY: As in `account`.
        swap_pages: unsafe { bindings::vk_swap_pages() } as u64,
        admin_reserve_pages: admin as u64,
        user_reserve_pages: user as u64,
    }
}

/// Tells whether a recount may run here: not in atomic context (swapoff asks under a spinlock).
pub fn may_recount() -> bool {
    // SAFETY: Any context.
    unsafe { bindings::vk_may_recount() }
}

/// Notes a charge of the running task to `mm` and returns what it was charged before under the
/// same mmap write lock: a fork's child is on no list yet.
pub fn in_flight_pages(mm: Option<Mm<'_>>, pages: i64) -> u64 {
    let mm = mm.map_or(core::ptr::null(), Mm::as_ptr);
    // SAFETY: `mm` is null or live (type invariant).
    unsafe { bindings::vk_overcommit_in_flight(mm, pages) }.unsigned_abs()
}

/// Keeps the books of a charge that was granted: [`account`] and [`in_flight_pages`] in one call.
///
/// Any context.
#[inline]
pub fn charge(mm: Option<Mm<'_>>, pages: i64) {
    let mm = mm.map_or(core::ptr::null(), Mm::as_ptr);
    // SAFETY: As in `account`, and `mm` is null or live (type invariant).
    unsafe { bindings::vk_overcommit_charge(mm, pages) };
}

impl Namespace<'_> {
    /// Sums what is mapped by the tasks in it and below. Never sleeps, but takes its time: no
    /// spinlock may be held.
    ///
    /// `None` when it would take too long.
    pub fn accounted_pages(self) -> Option<Counted> {
        let mut unlocked: c_long = 0;
        // SAFETY: Live (type invariant).
        let pages = unsafe { bindings::vk_ns_accounted_pages(self.as_ptr(), &mut unlocked) };
        Some(Counted {
            pages: u64::try_from(pages).ok()?,
            unlocked_pages: u64::try_from(unlocked).ok()?,
        })
    }
}

/// Logs a refusal in the kernel's own words, rate-limited. Any context.
pub fn warn(pages: i64) {
    // SAFETY: Any context.
    unsafe { bindings::vk_overcommit_warn(pages) };
}
