//! An inline hook goes in and comes out: step by step on paper, and under threads that execute it.

mod function;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod live;
mod order;
mod paper;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod process;
