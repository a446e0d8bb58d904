//! vk_kunit.ko: the suites, run by KUnit when the module is loaded.
//!
//! It links its own copy of the crates and of the shims, so it may be loaded beside vkernel.ko. On
//! a kernel without KUnit built in the suites vanish and it does nothing.

#![no_std]
#![forbid(unsafe_code)]
#![allow(missing_docs)]
// Without KUnit nothing uses what the suites share.
#![cfg_attr(not(CONFIG_KUNIT = "y"), allow(dead_code, unused_imports))]

use kernel::prelude::*;

mod platform;
mod seen;
mod vk_ffi_shims;
mod vk_hook;
mod vk_lookup;
mod vk_nshash;
mod vk_nshash_cases;
mod vk_overcommit;
mod vk_sysctl;
mod vk_thp;

module! {
    type: Suites,
    name: "vk_kunit",
    authors: ["the vKernel authors"],
    description: "KUnit suites of the vk crates",
    license: "GPL v2",
}

struct Suites;

impl kernel::Module for Suites {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // KUnit runs the suites after this.
        ::vk_ffi_shims::resolve().map_err(Error::from_errno)?;
        if cfg!(not(CONFIG_KUNIT = "y")) {
            pr_warn!("this kernel has no KUnit (CONFIG_KUNIT=y): there are no suites\n");
        }
        Ok(Self)
    }
}

impl Drop for Suites {
    fn drop(&mut self) {
        ::vk_ffi_shims::cancel_later();
        // Nodes that the suites retired are freed by code of this module.
        ::vk_ffi_shims::Ftrace::barrier();
    }
}
