//! The lab, ready to use: build root, stock kernel, KDIR, guest.

use std::path::PathBuf;

use anyhow::Result;

use crate::cache::Cache;
use crate::guest::Guest;
use crate::image::Image;
use crate::kernel::{Kernel, Variant};
use crate::module::Module;
use crate::payload::Payload;
use crate::release::Release;
use crate::root::Root;
use crate::step::step;
use crate::{accel, host, kdir, neighbours, workspace};

/// What the commands share.
pub(crate) struct Lab {
    pub(crate) cache: Cache,
    pub(crate) root: Root,
    pub(crate) release: Release,
}

/// What guests' kernels are told.
const APPEND: &str = "quiet loglevel=5 no_timer_check";

/// identify_cpu() forgets for a moment what the processor has, with interrupts on: an address of five
/// levels is wild for KASAN then.
const FOUR_LEVELS: &str = "no5lvl";

impl Lab {
    /// Makes what everything else stands on: host packages, build root, the kernel's release.
    ///
    /// # Errors
    ///
    /// A part cannot be made.
    pub(crate) fn prepare() -> Result<Self> {
        let cache = Cache::find()?;
        let advice = "install them by hand";
        step(
            &cache.logs(),
            "host packages",
            advice,
            host::install_packages,
        )?;
        let root = Root::prepare(&cache)?;
        let release = Release::stock(&root)?;
        Ok(Self {
            cache,
            root,
            release,
        })
    }

    /// Makes the KDIR of the stock kernel.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub(crate) fn kdir(&self) -> Result<PathBuf> {
        kdir::prepare(&self.cache, &self.root, &self.release)
    }

    /// Makes the guest: with the stock kernel, or with one of the lab's own.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub(crate) fn guest(&self, variant: Option<Variant>) -> Result<Guest> {
        let image = Image::prepare(&self.cache, &self.root, &self.release)?;
        let accel = accel::choose(&self.cache, &image)?;
        let kernel = match variant {
            None => image.kernel,
            Some(variant) => self.kernel(variant)?.image,
        };
        Ok(Guest {
            kernel,
            // The lab's own kernels have the drivers built in.
            initramfs: match variant {
                None => image.initramfs,
                Some(_) => image.plain_initramfs,
            },
            disk: image.disk,
            accel,
            append: match variant {
                Some(Variant::Debug) => format!("{APPEND} {FOUR_LEVELS}"),
                _ => APPEND.to_owned(),
            },
        })
    }

    /// Builds one of the lab's own kernels.
    ///
    /// # Errors
    ///
    /// It does not build.
    pub(crate) fn kernel(&self, variant: Variant) -> Result<Kernel> {
        variant.prepare(&self.cache, &self.root, &self.release)
    }

    /// Builds the module for the kernel of the guest and the user's command, and adds them to `payload`.
    ///
    /// # Errors
    ///
    /// One of them does not build.
    pub(crate) fn add_module(&self, payload: &mut Payload, variant: Option<Variant>) -> Result<()> {
        let kdir = match variant {
            None => self.kdir()?,
            Some(variant) => self.kernel(variant)?.kdir,
        };
        let object = Module::Reference.build(&self.cache, Some(&self.root), &kdir)?;
        payload.add("vkernel.ko", object)?;
        neighbours::add(&self.cache, &self.root, &kdir, payload)?;
        let advice = "see the compiler's message";
        step(&self.cache.logs(), "vkctl", advice, |step| {
            let vkctl = workspace::build_binary(step, "vkctl", "vkctl", &[])?;
            payload.add("vkctl", vkctl)
        })
    }

    /// Builds the guest program.
    ///
    /// # Errors
    ///
    /// It does not compile.
    pub(crate) fn payload(&self) -> Result<Payload> {
        let advice = "see the compiler's message";
        step(&self.cache.logs(), "guest program", advice, |step| {
            let program = workspace::build_binary(step, "xtask", "vk-guest", &[])?;
            Payload::new(&program)
        })
    }
}
