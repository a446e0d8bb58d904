//! Our hook by back end P: `Detour` on a function of this module, with the shims' text writing.
//!
//! The shims hook functions of the kernel proper that their table names; this one is neither.

use core::slice;
use vk_ffi_shims::vk_hook::plan::{CodeAddr, Facts, JumpTables, Plan, Reserved};
use vk_ffi_shims::vk_hook::{Detour, Text};
use vk_ffi_shims::{bindings, ControlCell, ControlGuard};

static DETOUR: ControlCell<Option<Detour>> = ControlCell::new(None);

const ENODEV: i32 = 19;

/// Puts the jump to `stub` into `function`, and the way to the original into `trampoline`.
///
/// C calls it with its own function, its stub and VK_TRAMPOLINE_BYTES of its text; process context.
#[no_mangle]
extern "C" fn vk_bench_inline_put(function: u64, stub: u64, trampoline: u64) -> i32 {
    // SAFETY: Process context; the symbols were looked up when the module was loaded.
    let missing = unsafe { core::ffi::CStr::from_ptr(bindings::vk_inline_refusal()) };
    if !missing.is_empty() {
        return -ENODEV;
    }
    match put(function, stub, trampoline) {
        Ok(()) => 0,
        Err(errno) => errno,
    }
}

fn put(function: u64, stub: u64, trampoline: u64) -> Result<(), i32> {
    // SAFETY: Process context.
    let len = unsafe { bindings::vk_function_len(function) } as usize;
    let start = core::ptr::with_exposed_provenance(function as usize);
    // SAFETY: A function of this module, and its length as the symbol table has it.
    let bytes = unsafe { slice::from_raw_parts(start, len) };
    let plan = Plan::new(bytes, CodeAddr(function), &Ours).map_err(|why| why.to_errno())?;
    // SAFETY:
    // - The plan is of all the function's bytes; nothing in it is anybody else's (`Ours`).
    // - The stub is the one for this function; the trampoline is room for one.
    // - The module waits for RCU-tasks before it goes.
    let detour = unsafe { Detour::new(&plan, CodeAddr(stub), CodeAddr(trampoline)) };
    let detour = detour.map_err(|why| why.to_errno())?;
    detour.activate(&Live).map_err(|why| why.to_errno())?;
    *DETOUR.get_mut(&mut ControlGuard::lock()) = Some(detour);
    Ok(())
}

/// Takes it out. Process context.
#[no_mangle]
extern "C" fn vk_bench_inline_take() -> i32 {
    let mut control = ControlGuard::lock();
    let Some(detour) = DETOUR.get_mut(&mut control).take() else {
        return -ENODEV;
    };
    let removed = detour.remove(&Live).map_err(|why| why.to_errno());
    // SAFETY: Process context. Nobody is in the trampoline then.
    unsafe { bindings::vk_hooks_synchronize() };
    removed.err().unwrap_or(0)
}

/// The module's own function: one entry, no jump table, nothing patched into it but ftrace's nop.
struct Ours;

impl Facts for Ours {
    fn reserved(&self, _: CodeAddr, _: usize) -> Option<Reserved> {
        None
    }
    fn exception_fixup(&self, _: CodeAddr) -> Option<CodeAddr> {
        None
    }
    fn jump_tables(&self) -> JumpTables {
        JumpTables::Never
    }
}

/// The kernel's text, as vk_ffi_shims::Inline writes it.
struct Live;

/// What keeps everybody else from changing text.
struct Lock(());

impl Drop for Lock {
    fn drop(&mut self) {
        // SAFETY: Taken in `Live::lock`.
        unsafe { bindings::vk_text_unlock() };
    }
}

fn errno(result: i32) -> Result<(), i32> {
    match result {
        0 => Ok(()),
        errno => Err(errno),
    }
}

// SAFETY: As of vk_ffi_shims::Inline: the lock is text_mutex with kprobe_mutex around it,
// `vk_text_sync()` interrupts every processor, `vk_hooks_synchronize()` is synchronize_rcu_tasks(), and
// the die notifier of c/inline.c sends breakpoints on.
unsafe impl Text for Live {
    type Lock<'t> = Lock;

    fn lock(&self) -> Lock {
        // SAFETY: Process context; the symbols were found (`vk_bench_inline_put`).
        unsafe { bindings::vk_text_lock() };
        Lock(())
    }

    fn read(&self, _: &Lock, at: CodeAddr, bytes: &mut [u8]) -> Result<(), i32> {
        // SAFETY: The lock is held, and `bytes` has the length given.
        errno(unsafe { bindings::vk_text_read(at.0, bytes.as_mut_ptr(), bytes.len() as u32) })
    }

    unsafe fn poke(&self, _: &Lock, at: CodeAddr, bytes: &[u8]) -> Result<(), i32> {
        // SAFETY: The lock is held, and the caller promises that the bytes may be there.
        errno(unsafe { bindings::vk_text_write(at.0, bytes.as_ptr(), bytes.len() as u32) })
    }

    fn sync(&self) {
        // SAFETY: Process context.
        unsafe { bindings::vk_text_sync() };
    }

    fn settle(&self) {
        // SAFETY: Process context, no lock held.
        unsafe { bindings::vk_hooks_synchronize() };
    }

    fn catch(&self, _: &Lock, site: CodeAddr, to: CodeAddr) -> Result<(), i32> {
        // SAFETY: The lock is held.
        errno(unsafe { bindings::vk_text_catch(site.0, to.0) })
    }

    fn release(&self, _: &Lock, site: CodeAddr) {
        // SAFETY: The lock is held.
        unsafe { bindings::vk_text_release(site.0) };
    }

    fn is_probed(&self, _: &Lock, start: CodeAddr, len: usize) -> bool {
        // SAFETY: The lock is held.
        unsafe { bindings::vk_text_is_probed(start.0, len as u32) }
    }
}
