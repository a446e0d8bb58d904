//! The suites of vk_kunit.ko under `cargo test`, less the tests that need a kernel.

mod platform;
#[path = "../../src/vk_ffi_shims.rs"]
mod vk_ffi_shims;
#[path = "../../src/vk_hook.rs"]
mod vk_hook;
#[path = "../../src/vk_lookup.rs"]
mod vk_lookup;
#[path = "../../src/vk_nshash.rs"]
mod vk_nshash;
#[path = "../../src/vk_nshash_cases.rs"]
mod vk_nshash_cases;
#[path = "../../src/vk_overcommit.rs"]
mod vk_overcommit;
#[path = "../../src/vk_sysctl.rs"]
mod vk_sysctl;
#[path = "../../src/vk_thp.rs"]
mod vk_thp;
