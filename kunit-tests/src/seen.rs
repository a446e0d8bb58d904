//! The handlers of this module: they count what they see and answer as the host.

use core::sync::atomic::{AtomicU32, Ordering};
use vk_ffi_shims::{hook, Buffer, Memcg, Namespace, Range};

static KBYTES_CALLS: AtomicU32 = AtomicU32::new(0);
static LATER_CALLS: AtomicU32 = AtomicU32::new(0);

/// How often a container's task came to `overcommit_kbytes_handler()`.
pub(crate) fn kbytes_calls() -> u32 {
    KBYTES_CALLS.load(Ordering::SeqCst)
}

/// How often the later work ran.
pub(crate) fn later_calls() -> u32 {
    LATER_CALLS.load(Ordering::SeqCst)
}

fn kbytes(_buffer: &mut Buffer<'_>) -> Option<(Result<usize, i32>, u64)> {
    KBYTES_CALLS.fetch_add(1, Ordering::SeqCst);
    None
}

fn later() {
    LATER_CALLS.fetch_add(1, Ordering::SeqCst);
}

/// The hooks of births and ends are never armed here.
fn none(_ns: Namespace<'_>) {}

/// Nor is a vote held.
fn no_vote(_range: Range<'_>) -> bool {
    true
}

/// Nor are places watched.
fn nowhere(_ns: Namespace<'_>, _memcg: Memcg<'_>) {}

hook!(proc overcommit_kbytes_handler => kbytes);
hook!(later => later);
hook!(birth => none);
hook!(end => none);
hook!(placed => nowhere);
hook!(vote => no_vote);
