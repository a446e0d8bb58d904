//! vk_bench.ko: `security_vkbench()`, and every way to divert it, one at a time.
//!
//! `/sys/kernel/debug/vkbench/way` takes the name of a way, `calls` is read for what a call costs.
//! Only for the lab: `cargo xtask bench hook`.

#![no_std]
#![allow(missing_docs)]

use kernel::error::to_result;
use kernel::prelude::*;

use vk_ffi_shims::Ftrace;

mod inline;

module! {
    type: Bench,
    name: "vk_bench",
    authors: ["the vKernel authors"],
    description: "One function, and every way to divert it",
    license: "GPL v2",
}

struct Bench;

extern "C" {
    fn vk_bench_open() -> i32;
    fn vk_bench_close();
}

impl kernel::Module for Bench {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // What writing text takes is found by name.
        vk_ffi_shims::resolve().map_err(Error::from_errno)?;
        // SAFETY: Process context, once.
        to_result(unsafe { vk_bench_open() })?;
        Ok(Self)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // SAFETY: Process context, once, after the call above.
        unsafe { vk_bench_close() };
        Ftrace::barrier();
    }
}

/// The handler of our hook; the stub of c/ours.c jumps here.
#[no_mangle]
extern "C" fn vk_handler_vkbench(value: i32) -> i32 {
    vk_bench_module::answer(value)
}
