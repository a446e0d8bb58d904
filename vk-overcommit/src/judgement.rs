//! Whether a charge is admitted.

use crate::{commit_limit_pages, Memory, Mode, Policy, Refusal, Request, Reserves};

/// The part of a process that mode 2 keeps back, as a divisor of its size.
const GROWTH_DIVISOR: u64 = 32;

/// Admits or refuses `request` as `__vm_enough_memory()` in mm/util.c would.
///
/// `committed_pages` is the sum of all charges with this one already in it, and counts as none if
/// it is negative; modes 0 and 1 do not look at it. Mode 0 takes the container's RAM and swap, limited by its memory cgroup, for the
/// machine's: a mapping that the cgroup could never hold is refused.
///
/// # Errors
///
/// - [`Refusal::LargerThanMemory`]: in mode 0, more than all memory in one request.
/// - [`Refusal::AboveLimit`]: in mode 2. Recount before you believe an estimate.
///
/// # Examples
///
/// ```
/// use vk_overcommit::{judge, Memory, Mode, Policy, Request, Reserves, UNLIMITED};
///
/// let memory = Memory {
///     ram_pages: 1000,
///     hugetlb_pages: 0,
///     swap_pages: 0,
///     memory_max_pages: UNLIMITED,
///     swap_max_pages: UNLIMITED,
/// };
/// let none = Reserves { admin_pages: 0, user_pages: 0 };
/// let request = Request { pages: 1, cap_sys_admin: false, mm_total_vm_pages: None };
/// let strict = Policy { mode: Mode::Never, ..Policy::default() };
///
/// assert!(judge(&strict, &memory, &none, &request, 499).is_ok());
/// assert!(judge(&strict, &memory, &none, &request, 500).is_err());
/// ```
#[doc(alias = "__vm_enough_memory")]
pub fn judge(
    policy: &Policy,
    memory: &Memory,
    reserves: &Reserves,
    request: &Request,
    committed_pages: i64,
) -> Result<(), Refusal> {
    match policy.mode {
        Mode::Always => Ok(()),
        Mode::Heuristic => judge_heuristic(memory, request),
        Mode::Never => {
            let allowed_pages = allowed_pages(policy, memory, reserves, request);
            // `percpu_counter_read_positive()`: a sum below zero is one that is not settled yet.
            judge_strict(allowed_pages, committed_pages.max(0))
        }
    }
}

/// Returns what mode 2 lets the sum of all charges come close to, for this request.
///
/// It is the commit limit less the reserves, and may be negative.
pub fn allowed_pages(
    policy: &Policy,
    memory: &Memory,
    reserves: &Reserves,
    request: &Request,
) -> i64 {
    // C keeps this in a `long`, and the kernel is built to let it wrap.
    let limit = commit_limit_pages(policy, memory) as i64;
    limit
        .wrapping_sub(admin_reserve_pages(reserves, request))
        .wrapping_sub(growth_reserve_pages(reserves, request))
}

/// Returns the least of [`allowed_pages`] over all requests.
///
/// While the sum of all charges is below it, mode 2 admits whoever asks: the verdict needs neither
/// the privilege of the task nor the size of its address space. No sum is below 0. `i64::MIN` where
/// the kernel's arithmetic would wrap for some request.
///
/// # Examples
///
/// ```
/// use vk_overcommit::{least_allowed_pages, Memory, Mode, Policy, Reserves, UNLIMITED};
///
/// let memory = Memory {
///     ram_pages: 1000,
///     hugetlb_pages: 0,
///     swap_pages: 0,
///     memory_max_pages: UNLIMITED,
///     swap_max_pages: UNLIMITED,
/// };
/// let reserves = Reserves { admin_pages: 20, user_pages: 30 };
/// let strict = Policy { mode: Mode::Never, ..Policy::default() };
///
/// assert_eq!(least_allowed_pages(&strict, &memory, &reserves), 500 - 20 - 30);
/// ```
pub fn least_allowed_pages(policy: &Policy, memory: &Memory, reserves: &Reserves) -> i64 {
    let limit = commit_limit_pages(policy, memory) as i64;
    let kept = |pages: u64| i64::try_from(pages).ok();
    kept(reserves.admin_pages)
        .and_then(|admin_pages| limit.checked_sub(admin_pages))
        .zip(kept(reserves.user_pages))
        .and_then(|(rest_pages, user_pages)| rest_pages.checked_sub(user_pages))
        .unwrap_or(i64::MIN)
}

fn admin_reserve_pages(reserves: &Reserves, request: &Request) -> i64 {
    if request.cap_sys_admin {
        return 0;
    }
    reserves.admin_pages as i64
}

fn growth_reserve_pages(reserves: &Reserves, request: &Request) -> i64 {
    let Some(total_vm_pages) = request.mm_total_vm_pages else {
        return 0;
    };
    let share = (total_vm_pages / GROWTH_DIVISOR) as i64;
    share.min(reserves.user_pages as i64)
}

fn judge_heuristic(memory: &Memory, request: &Request) -> Result<(), Refusal> {
    let memory_pages = memory.total_pages();
    // C compares `long` with `unsigned long` as the latter.
    if request.pages as u64 > memory_pages {
        return Err(Refusal::LargerThanMemory { memory_pages });
    }
    Ok(())
}

fn judge_strict(allowed_pages: i64, committed_pages: i64) -> Result<(), Refusal> {
    if committed_pages < allowed_pages {
        return Ok(());
    }
    Err(Refusal::AboveLimit {
        committed_pages,
        allowed_pages,
    })
}
