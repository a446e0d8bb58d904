//! The module, loaded with parameters for one check and taken out after it.

use anyhow::Result;

use crate::device::ask;
use crate::module;

/// The module while it is loaded.
#[derive(Debug)]
pub(crate) struct Loaded(());

impl Loaded {
    /// Loads it anew.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub(crate) fn with(parameters: &[&str]) -> Result<Self> {
        if module::is_loaded() {
            takes_out()?;
        }
        module::load(parameters)?;
        Ok(Self(()))
    }

    /// Takes it out, by rmmod alone.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub(crate) fn unload(self) -> Result<()> {
        // Dropped when it fails, and then taken out by force.
        module::unload()
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        if !module::is_loaded() {
            return;
        }
        if let Err(error) = takes_out() {
            eprintln!("vk-guest: {error:#}");
        }
    }
}

/// A time without the module, in an area that has it loaded.
#[derive(Debug)]
pub(crate) struct Without(());

impl Without {
    /// Takes it out, by rmmod alone.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub(crate) fn begin() -> Result<Self> {
        module::unload_when_unused()?;
        Ok(Self(()))
    }

    /// Loads it again.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub(crate) fn end(self) -> Result<()> {
        module::load(&[])
    }
}

impl Drop for Without {
    fn drop(&mut self) {
        if module::is_loaded() {
            return;
        }
        if let Err(error) = module::load(&[]) {
            eprintln!("vk-guest: {error:#}");
        }
    }
}

/// Takes it out although policies live.
fn takes_out() -> Result<()> {
    let forced = ask("disarm", "", &[("force", "1")])?;
    if !forced.is_ok() {
        eprintln!("vk-guest: disarm: {}", forced.head);
    }
    module::unload()
}
