//! The atomics of the chains; `tests/loom.rs` compiles the chains with loom's in their place.

use core::ptr;
pub(crate) use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Makes a function constant, which those that make an atomic of loom's cannot be.
macro_rules! constant {
    ($(#[$attribute:meta])* pub fn $($rest:tt)*) => {
        $(#[$attribute])*
        pub const fn $($rest)*
    };
}
pub(crate) use constant;

/// Returns null pointers.
pub(crate) const fn nulls<T, const N: usize>() -> [AtomicPtr<T>; N] {
    [const { AtomicPtr::new(ptr::null_mut()) }; N]
}
