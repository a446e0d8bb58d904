//! What the tests in a kernel need: threads, user space, and the kernel's own answers.
//!
//! The C functions are those of `vk_kunit.ko` (kunit-tests/c/vk_kunit.h); only that module turns
//! the feature `kunit` on. All in process context; all may sleep.

use crate::bindings;
use crate::{Folio, Mm};
use core::ffi::{c_char, c_int, c_long, c_uint, c_ulong, c_void, CStr};
use core::ptr::NonNull;
use vk_nshash::Key;

extern "C" {
    fn vk_kunit_threads(
        count: c_uint,
        run: unsafe extern "C" fn(data: *mut c_void, index: c_uint),
        data: *mut c_void,
    ) -> c_int;
    fn vk_kunit_cpus() -> c_uint;
    fn vk_kunit_cpu() -> c_uint;
    fn vk_kunit_shell(script: *const c_char) -> c_int;
    fn vk_kunit_with_mm_of(
        pid: c_int,
        run: unsafe extern "C" fn(data: *mut c_void, mm: *const c_void),
        data: *mut c_void,
    ) -> c_int;
    fn vk_kunit_with_owner(
        pid: c_int,
        run: unsafe extern "C" fn(data: *mut c_void, mm: *const c_void),
        data: *mut c_void,
    ) -> c_int;
    fn vk_kunit_with_page_of(
        pid: c_int,
        run: unsafe extern "C" fn(data: *mut c_void, folio: *const c_void, id: c_ulong),
        data: *mut c_void,
    ) -> c_int;
    fn vk_kunit_ticks(run: unsafe extern "C" fn(data: *mut c_void), data: *mut c_void) -> u64;
    fn vk_kunit_tables_new(count: c_uint, bits: c_uint) -> *mut c_void;
    fn vk_kunit_tables_free(tables: *mut c_void);
    fn vk_kunit_tables_key(tables: *const c_void, i: c_uint) -> c_ulong;
    fn vk_kunit_tables_ticks(
        tables: *mut c_void,
        kind: c_uint,
        key: c_ulong,
        found: *mut bool,
    ) -> u64;
    fn vk_kunit_is_loaded(module: *const c_char) -> bool;
    fn vk_kunit_symbol(name: *const c_char, address: *mut c_ulong) -> c_uint;
    fn vk_kunit_symbol_with(suffix: *const c_char, name: *mut c_char, room: c_uint) -> bool;
    fn vk_kunit_proc_int(
        value: *mut c_int,
        min: c_int,
        max: c_int,
        write: c_int,
        buffer: *mut c_void,
        len: *mut c_ulong,
        pos: *mut i64,
    ) -> c_int;
    fn vk_kunit_proc_uint(
        value: *mut c_uint,
        min: c_uint,
        max: c_uint,
        write: c_int,
        buffer: *mut c_void,
        len: *mut c_ulong,
        pos: *mut i64,
    ) -> c_int;
    fn vk_kunit_proc_pipe_size(
        value: *mut c_uint,
        write: c_int,
        buffer: *mut c_void,
        len: *mut c_ulong,
        pos: *mut i64,
    ) -> c_int;
    fn vk_kunit_proc_ulong(
        value: *mut c_ulong,
        min: c_ulong,
        max: c_ulong,
        write: c_int,
        buffer: *mut c_void,
        len: *mut c_ulong,
        pos: *mut i64,
    ) -> c_int;
    fn vk_kunit_sysfs_streq(one: *const c_char, other: *const c_char) -> bool;
    fn vk_kunit_kstrtoul(text: *const c_char, value: *mut c_ulong) -> c_int;
    fn vk_kunit_gfp_transhuge() -> c_uint;
    fn vk_kunit_gfp_transhuge_light() -> c_uint;
    fn vk_kunit_gfp_direct_reclaim() -> c_uint;
    fn vk_kunit_gfp_kswapd_reclaim() -> c_uint;
    fn vk_kunit_gfp_noretry() -> c_uint;
    fn vk_kunit_commit_limit(
        ratio: c_int,
        kbytes: c_ulong,
        ram: c_ulong,
        hugetlb: c_ulong,
        swap: c_long,
    ) -> c_ulong;
    fn vk_kunit_allowed(
        limit: c_ulong,
        admin_reserve: c_ulong,
        user_reserve: c_ulong,
        is_admin: bool,
        has_mm: bool,
        total_vm: c_ulong,
    ) -> c_long;
    fn vk_kunit_fits(pages: c_long, ram: c_ulong, swap: c_long) -> bool;
}

/// Which way text goes through a handler of `/proc/sys`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the kernel's value.
    Read,
    /// Into the kernel's value.
    Write,
}

/// What a handler of `/proc/sys` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handled<V> {
    /// The value afterwards.
    pub value: V,
    /// The bytes read or written.
    pub used: usize,
    /// The file position afterwards.
    pub pos: u64,
}

/// What is found under a kernel symbol's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// How many symbols have exactly this name.
    pub matches: u32,
    /// Whether resolution takes it.
    pub is_taken: bool,
}

/// Calls `work` with 0 to `count - 1` in as many kernel threads at once, spread over all CPUs, and
/// waits for the last.
///
/// A failed assertion in one of them is only logged: let `work` leave its result somewhere.
///
/// # Errors
///
/// A negative errno: not all threads could be made, and none has run.
pub fn threads<F: Fn(u32) + Sync>(count: u32, work: &F) -> Result<(), i32> {
    /// # Safety
    ///
    /// `data` is an `F`.
    unsafe extern "C" fn run<F: Fn(u32)>(data: *mut c_void, index: c_uint) {
        // SAFETY: By the contract of this function.
        let work = unsafe { &*data.cast::<F>() };
        work(index);
    }
    let data = core::ptr::from_ref(work).cast_mut().cast();
    // SAFETY: `run::<F>` is given the `F` it expects, which is `Sync` and outlives all threads:
    // the call waits for them.
    errno(unsafe { vk_kunit_threads(count, run::<F>, data) })
}

/// Returns how many CPUs are online.
pub fn cpus() -> u32 {
    // SAFETY: Any context.
    unsafe { vk_kunit_cpus() }
}

/// Returns the CPU that this code runs on, or just ran on.
pub fn cpu() -> u32 {
    // SAFETY: Any context.
    unsafe { vk_kunit_cpu() }
}

/// Runs `/bin/sh -c script` as a program of the host and waits for it.
///
/// # Errors
///
/// A negative errno if there is no shell, or its wait status.
pub fn shell(script: &CStr) -> Result<(), i32> {
    // SAFETY: Process context (documented); the text outlives the call.
    errno(unsafe { vk_kunit_shell(script.as_ptr()) })
}

/// Calls `inside` while this kernel thread uses the mm of the task `pid`.
///
/// # Errors
///
/// A negative errno: no such task, or none with an mm; `inside` was not called.
pub fn with_mm_of<F: FnMut(Mm<'_>)>(pid: i32, mut inside: F) -> Result<(), i32> {
    let data = (&raw mut inside).cast();
    // SAFETY: `see::<F>` is given the `F` it expects, which outlives the call; C holds the mm.
    errno(unsafe { vk_kunit_with_mm_of(pid, see::<F>, data) })
}

/// Shows an empty mm that the task `pid` owns: while it lives, and once more when it is past
/// `release_task()`.
///
/// # Errors
///
/// A negative errno: there is no such task, or it has not ended within 10 s.
pub fn with_owner<F: FnMut(Mm<'_>)>(pid: i32, mut look: F) -> Result<(), i32> {
    let data = (&raw mut look).cast();
    // SAFETY: `see::<F>` is given the `F` it expects, which outlives the call; C holds the mm.
    errno(unsafe { vk_kunit_with_owner(pid, see::<F>, data) })
}

/// # Safety
///
/// `data` is an `F` that nobody else uses, `mm` is live.
unsafe extern "C" fn see<F: FnMut(Mm<'_>)>(data: *mut c_void, mm: *const c_void) {
    // SAFETY: By the contract of this function.
    let look = unsafe { &mut *data.cast::<F>() };
    // SAFETY: By the contract of this function.
    if let Some(mm) = unsafe { Mm::from_raw(mm) } {
        look(mm);
    }
}

/// Shows a page that is charged to the memory cgroup of the task `pid`, and the id of its cgroup as the
/// kernel tells it.
///
/// # Errors
///
/// A negative errno: no such task, or none with an mm, or no memory; `look` was not called.
pub fn with_page_of<F: FnMut(Folio<'_>, u64)>(pid: i32, mut look: F) -> Result<(), i32> {
    /// # Safety
    ///
    /// `data` is an `F` that nobody else uses, `folio` is live.
    unsafe extern "C" fn see<F: FnMut(Folio<'_>, u64)>(
        data: *mut c_void,
        folio: *const c_void,
        id: c_ulong,
    ) {
        // SAFETY: By the contract of this function.
        let look = unsafe { &mut *data.cast::<F>() };
        // SAFETY: By the contract of this function.
        if let Some(folio) = unsafe { Folio::from_raw(folio) } {
            look(folio, id);
        }
    }
    let data = (&raw mut look).cast();
    // SAFETY: `see::<F>` is given the `F` it expects, which outlives the call; C holds the page.
    errno(unsafe { vk_kunit_with_page_of(pid, see::<F>, data) })
}

/// Tells whether the module of that name is loaded.
pub fn is_loaded(module: &CStr) -> bool {
    // SAFETY: The text outlives the call.
    unsafe { vk_kunit_is_loaded(module.as_ptr()) }
}

/// Looks one symbol up as [`resolve`](crate::resolve) does, after it; `None` if none can be read.
///
/// Call it from one thread at a time.
pub fn symbol(name: &CStr) -> Option<Found> {
    let mut address = 0;
    // SAFETY: Both outlive the call.
    let matches = unsafe { vk_kunit_symbol(name.as_ptr(), &mut address) };
    let is_taken = address != 0;
    (matches != u32::MAX).then_some(Found { matches, is_taken })
}

/// Finds the name of one symbol that has a sibling with `suffix` behind that name.
pub fn symbol_with<'a>(suffix: &CStr, room: &'a mut [u8]) -> Option<&'a CStr> {
    let len = room.len() as c_uint;
    // SAFETY: Both outlive the call, and `room` has the length given.
    let found = unsafe { vk_kunit_symbol_with(suffix.as_ptr(), room.as_mut_ptr().cast(), len) };
    found.then(|| CStr::from_bytes_until_nul(room).ok())?
}

/// Asks `proc_dointvec_minmax()` with a value of our own.
///
/// # Errors
///
/// The handler's negative errno.
pub fn proc_int(
    value: i32,
    bounds: (i32, i32),
    way: Direction,
    text: &mut [u8],
    pos: u64,
) -> Result<Handled<i32>, i32> {
    let (mut value, mut len, mut pos) = (value, text.len() as c_ulong, pos as i64);
    let write = c_int::from(way == Direction::Write);
    let buffer = text.as_mut_ptr().cast();
    // SAFETY: All pointers are good during the call, and the buffer has the length given.
    errno(unsafe {
        vk_kunit_proc_int(
            &mut value, bounds.0, bounds.1, write, buffer, &mut len, &mut pos,
        )
    })?;
    Ok(Handled {
        value,
        used: len as usize,
        pos: pos as u64,
    })
}

/// Asks `proc_douintvec_minmax()` with a value of our own.
///
/// # Errors
///
/// The handler's negative errno.
pub fn proc_uint(
    value: u32,
    bounds: (u32, u32),
    way: Direction,
    text: &mut [u8],
    pos: u64,
) -> Result<Handled<u32>, i32> {
    let (mut value, mut len, mut pos) = (value, text.len() as c_ulong, pos as i64);
    let write = c_int::from(way == Direction::Write);
    let buffer = text.as_mut_ptr().cast();
    // SAFETY: All pointers are good during the call, and the buffer has the length given.
    errno(unsafe {
        vk_kunit_proc_uint(
            &mut value, bounds.0, bounds.1, write, buffer, &mut len, &mut pos,
        )
    })?;
    Ok(Handled {
        value,
        used: len as usize,
        pos: pos as u64,
    })
}

/// Asks `proc_dopipe_max_size()` with a value of our own. From one thread at a time.
///
/// # Errors
///
/// The handler's negative errno; `-ENOENT` if its symbol was not found.
pub fn proc_pipe_size(
    value: u32,
    way: Direction,
    text: &mut [u8],
    pos: u64,
) -> Result<Handled<u32>, i32> {
    let (mut value, mut len, mut pos) = (value, text.len() as c_ulong, pos as i64);
    let write = c_int::from(way == Direction::Write);
    let buffer = text.as_mut_ptr().cast();
    // SAFETY: All pointers are good during the call, and the buffer has the length given.
    errno(unsafe { vk_kunit_proc_pipe_size(&mut value, write, buffer, &mut len, &mut pos) })?;
    Ok(Handled {
        value,
        used: len as usize,
        pos: pos as u64,
    })
}

/// Asks `proc_doulongvec_minmax()` with a value of our own.
///
/// # Errors
///
/// The handler's negative errno.
pub fn proc_ulong(
    value: u64,
    bounds: (u64, u64),
    way: Direction,
    text: &mut [u8],
    pos: u64,
) -> Result<Handled<u64>, i32> {
    let (mut value, mut len, mut pos) = (value, text.len() as c_ulong, pos as i64);
    let write = c_int::from(way == Direction::Write);
    let buffer = text.as_mut_ptr().cast();
    // SAFETY: All pointers are good during the call, and the buffer has the length given.
    errno(unsafe {
        vk_kunit_proc_ulong(
            &mut value, bounds.0, bounds.1, write, buffer, &mut len, &mut pos,
        )
    })?;
    Ok(Handled {
        value,
        used: len as usize,
        pos: pos as u64,
    })
}

/// Asks `sysfs_streq()`.
pub fn sysfs_streq(one: &CStr, other: &CStr) -> bool {
    // SAFETY: Both outlive the call.
    unsafe { vk_kunit_sysfs_streq(one.as_ptr(), other.as_ptr()) }
}

/// Asks `kstrtoul()` for a number of base ten; what follows a NUL is not looked at.
///
/// # Errors
///
/// Its negative errno; `-EINVAL` also without a NUL.
pub fn kstrtoul(text: &[u8]) -> Result<u64, i32> {
    const EINVAL: i32 = 22;
    let text = CStr::from_bytes_until_nul(text).map_err(|_| -EINVAL)?;
    let mut value = 0;
    // SAFETY: Both outlive the call.
    errno(unsafe { vk_kunit_kstrtoul(text.as_ptr(), &mut value) })?;
    Ok(value)
}

/// Returns this kernel's `GFP_TRANSHUGE`.
pub fn gfp_transhuge() -> u32 {
    // SAFETY: Any context.
    unsafe { vk_kunit_gfp_transhuge() }
}

/// Returns this kernel's `GFP_TRANSHUGE_LIGHT`.
pub fn gfp_transhuge_light() -> u32 {
    // SAFETY: Any context.
    unsafe { vk_kunit_gfp_transhuge_light() }
}

/// Returns this kernel's `__GFP_DIRECT_RECLAIM`.
pub fn gfp_direct_reclaim() -> u32 {
    // SAFETY: Any context.
    unsafe { vk_kunit_gfp_direct_reclaim() }
}

/// Returns this kernel's `__GFP_KSWAPD_RECLAIM`.
pub fn gfp_kswapd_reclaim() -> u32 {
    // SAFETY: Any context.
    unsafe { vk_kunit_gfp_kswapd_reclaim() }
}

/// Returns this kernel's `__GFP_NORETRY`.
pub fn gfp_noretry() -> u32 {
    // SAFETY: Any context.
    unsafe { vk_kunit_gfp_noretry() }
}

/// Tells whether the kernel's `VM_HUGEPAGE` is among `vm_flags`.
pub fn is_hugepage(vm_flags: u64) -> bool {
    // SAFETY: Any context.
    unsafe { bindings::vk_vm_flags_hugepage(vm_flags) }
}

/// Tells whether the kernel's `VM_NOHUGEPAGE` is among `vm_flags`.
pub fn is_nohugepage(vm_flags: u64) -> bool {
    // SAFETY: Any context.
    unsafe { bindings::vk_vm_flags_nohugepage(vm_flags) }
}

/// Returns the kernel's `HPAGE_PMD_ORDER`.
pub fn pmd_order() -> u32 {
    // SAFETY: Any context.
    unsafe { bindings::vk_pmd_order() }
}

/// Asks the kernel's `vm_commit_limit()`, if its symbol was found.
pub fn host_commit_limit() -> Option<u64> {
    if !crate::Feature::Overcommit.refusal().is_empty() {
        return None;
    }
    extern "C" {
        fn vk_original_vm_commit_limit() -> c_ulong;
    }
    // SAFETY: The symbol is resolved, so the static call leads to it.
    Some(unsafe { vk_original_vm_commit_limit() })
}

/// Computes `vm_commit_limit()` in C, from the given values.
pub fn commit_limit(ratio: i32, kbytes: u64, ram: u64, hugetlb: u64, swap: u64) -> u64 {
    // SAFETY: Only numbers.
    unsafe { vk_kunit_commit_limit(ratio, kbytes, ram, hugetlb, swap as c_long) }
}

/// Computes in C what mode 2 leaves of `limit`, from reserves in pages.
pub fn allowed(limit: u64, reserves: (u64, u64), is_admin: bool, total_vm: Option<u64>) -> i64 {
    let (admin, user) = reserves;
    let mapped = total_vm.unwrap_or(0);
    // SAFETY: Only numbers.
    unsafe { vk_kunit_allowed(limit, admin, user, is_admin, total_vm.is_some(), mapped) }
}

/// Compares in C what mode 0 compares.
pub fn fits(pages: i64, ram: u64, swap: u64) -> bool {
    // SAFETY: Only numbers.
    unsafe { vk_kunit_fits(pages, ram, swap as c_long) }
}

/// Calls `run` with interrupts off; returns the time-stamp counter's difference.
pub fn ticks<F: FnMut()>(mut run: F) -> u64 {
    /// # Safety
    ///
    /// `data` is an `F` that nobody else uses.
    unsafe extern "C" fn call<F: FnMut()>(data: *mut c_void) {
        // SAFETY: By the contract of this function.
        unsafe { (*data.cast::<F>())() };
    }
    // SAFETY: `call::<F>` is given the `F` it expects, which outlives the call.
    unsafe { vk_kunit_ticks(call::<F>, (&raw mut run).cast()) }
}

/// A table of the kernel's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Chains by `hash_ptr()`, followed by `hlist_for_each_entry_rcu()`.
    Hlist,
    /// `rhashtable_lookup()`.
    Rhashtable,
    /// `xa_load()`.
    Xarray,
}

/// Objects that are in one table of each kind.
///
/// # Invariants
///
/// The pointer came from `vk_kunit_tables_new()`.
#[derive(Debug)]
pub struct Peers(NonNull<c_void>);

impl Peers {
    /// Makes `count` objects, with `1 << bits` chains for [`Peer::Hlist`]; `None` without memory.
    pub fn new(count: u32, bits: u32) -> Option<Self> {
        // SAFETY: Process context (documented).
        NonNull::new(unsafe { vk_kunit_tables_new(count, bits) }).map(Self)
    }

    /// Returns the objects' addresses.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        // SAFETY: Made by C (type invariant), and any number will do.
        let key = |i| unsafe { vk_kunit_tables_key(self.0.as_ptr(), i) };
        (0..).map_while(move |i| Key::new(key(i) as usize))
    }

    /// Looks `key` up; returns what it took, as [`ticks`], and whether it is there.
    pub fn find(&self, peer: Peer, key: Key) -> (u64, bool) {
        let (key, mut found) = (key.address() as c_ulong, false);
        // SAFETY: Made by C (type invariant), which only reads it.
        let ticks =
            unsafe { vk_kunit_tables_ticks(self.0.as_ptr(), peer as c_uint, key, &mut found) };
        (ticks, found)
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        // SAFETY: Made by C (type invariant), and freed once.
        unsafe { vk_kunit_tables_free(self.0.as_ptr()) };
    }
}

fn errno(result: c_int) -> Result<(), i32> {
    match result {
        0 => Ok(()),
        errno => Err(errno),
    }
}
