//! The suites' platform in a kernel: RCU, its locks and its threads.

use kernel::prelude::*;
use vk_ffi_shims::{RcuBox, RcuHead};
use vk_nshash::{Key, Node};

pub(crate) use vk_ffi_shims::kunit::{cpu, cpus, threads};
pub(crate) use vk_ffi_shims::{clock_ns, Boxed, ReadGuard, RegistryGuard as WriteGuard};

/// Makes a node for a table, `None` without memory.
pub(crate) fn node<T>(key: Key, value: T) -> Option<Boxed<T>> {
    RcuBox::new(Node::new(key, value), GFP_KERNEL)
        .ok()
        .map(Boxed)
}

/// Returns what drops nodes after a grace period.
pub(crate) fn grace() -> RcuHead {
    RcuHead::default()
}

/// Waits until all that was retired is dropped.
pub(crate) fn barrier() {
    vk_ffi_shims::Ftrace::barrier();
}
