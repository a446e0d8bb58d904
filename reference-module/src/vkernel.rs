//! vkernel.ko: per-container memory policy.
//!
//! Composes the vk crates: hooks (vk-hook, vk-ffi-shims) find out which container a decision is
//! about (registry, vk-nshash) and let the policy crates answer (vk-thp, vk-overcommit,
//! vk-sysctl). `/dev/vkernel` is the one door through which policies come in.

#![no_std]
#![forbid(unsafe_code)]
#![allow(missing_docs)]

use kernel::prelude::*;
use vk_ffi_shims::build;

#[path = "vkernel/books.rs"]
mod books;
#[path = "vkernel/bypass.rs"]
mod bypass;
#[path = "vkernel/change.rs"]
mod change;
#[path = "vkernel/charge.rs"]
mod charge;
#[path = "vkernel/container.rs"]
mod container;
#[path = "vkernel/control.rs"]
mod control;
#[path = "vkernel/defrag.rs"]
mod defrag;
#[path = "vkernel/demand.rs"]
mod demand;
#[path = "vkernel/descent.rs"]
mod descent;
#[path = "vkernel/device.rs"]
mod device;
#[path = "vkernel/engine.rs"]
mod engine;
#[path = "vkernel/events.rs"]
mod events;
#[path = "vkernel/facts.rs"]
mod facts;
#[path = "vkernel/hooking.rs"]
mod hooking;
#[path = "vkernel/huge.rs"]
mod huge;
#[path = "vkernel/inside.rs"]
mod inside;
#[path = "vkernel/memory.rs"]
mod memory;
#[path = "vkernel/output.rs"]
mod output;
#[path = "vkernel/parameter.rs"]
mod parameter;
#[path = "vkernel/registry.rs"]
mod registry;
#[path = "vkernel/reply.rs"]
mod reply;
#[path = "vkernel/shmem.rs"]
mod shmem;
#[path = "vkernel/show.rs"]
mod show;
#[path = "vkernel/stat.rs"]
mod stat;
#[path = "vkernel/strictness.rs"]
mod strictness;
#[path = "vkernel/sysfs.rs"]
mod sysfs;
#[path = "vkernel/vote.rs"]
mod vote;
#[path = "vkernel/zero_page.rs"]
mod zero_page;

module! {
    type: VKernel,
    name: "vkernel",
    authors: ["the vKernel authors"],
    description: "Per-container memory policy: THP, overcommit, sysctl",
    license: "GPL v2",
    params: {
        armed: i64 {
            default: 1,
            description: "1: put the hooks in when the module is loaded; 0: wait for `vkctl arm`",
        },
        protect_host: i64 {
            default: 0,
            description: "1: refuse writes from inside that would change the host's values",
        },
        linger_s: i64 {
            default: 60,
            description: "seconds that a feature's hooks stay in after the last policy has gone",
        },
        strict: i64 {
            default: 1,
            description: "limits of mode 2 above what there is: 0 says nothing, 1 warns, 2 refuses them",
        },
    },
}

struct VKernel {
    device: Option<Pin<KBox<device::Registration>>>,
}

impl kernel::Module for VKernel {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let fits = match build::check(build::allows_btf()) {
            Ok(()) => true,
            Err(mismatch) => {
                build::refuse(&mismatch);
                false
            }
        };
        if fits {
            vk_ffi_shims::resolve().map_err(Error::from_errno)?;
        }
        registry::open()?;
        let linger = (*module_parameters::linger_s.value()).clamp(0, 24 * 3600) as u32;
        engine::set_linger(linger);
        if *module_parameters::protect_host.value() != 0 {
            engine::protect_host();
        }
        strictness::set((*module_parameters::strict.value()).clamp(0, 2) as u32);
        if fits && *module_parameters::armed.value() != 0 {
            if let Err(errno) = engine::load() {
                // What was armed before the refusal is out, and nobody is inside any more.
                engine::unload();
                return Err(Error::from_errno(errno));
            }
        }
        match device::register() {
            Ok(device) => Ok(Self {
                device: Some(device),
            }),
            Err(error) => {
                engine::unload();
                Err(error)
            }
        }
    }
}

impl Drop for VKernel {
    fn drop(&mut self) {
        // The door first: nobody asks for anything any more.
        drop(self.device.take());
        engine::unload();
    }
}
