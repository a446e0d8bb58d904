//! The vk crates' tests that must hold inside a kernel: what the suites share and that needs none.
//!
//! `src/module.rs` is the root that Kbuild compiles, `tests/host/main.rs` the one of `cargo test`.
//! Both take the suites from the same files, and each brings a `platform` of its own: real RCU and
//! kernel threads there, a small stand-in here. Tests marked `#[cfg(kernel)]` ask the kernel itself.
//!
//! Only `assert!(x)` and `assert_eq!(a, b)` without messages are used: KUnit replaces those two,
//! inside the function marked `#[test]`, and any other panic would stop the machine.

#![no_std]
#![forbid(unsafe_code)]

mod random;
mod text;

pub use random::Random;
pub use text::Text;
