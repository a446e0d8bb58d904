//! A file that is swapped to.

use std::fs::{remove_file, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result};

use crate::calls::swapoff;
use crate::program;

/// A file that is swapped to.
pub(crate) struct Swap(&'static str);

impl Swap {
    /// Makes it, of so many MiB, and swaps to it until it is let go.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub(crate) fn on(path: &'static str, mib: u64) -> Result<Self> {
        let mut new = OpenOptions::new();
        let file = new.write(true).create(true).truncate(true).mode(0o600);
        let file = file.open(path).context(path)?;
        let flags = rustix::fs::FallocateFlags::empty();
        rustix::fs::fallocate(&file, flags, 0, mib << 20)?;
        let swap = Self(path);
        program::output(&["mkswap", path])?;
        program::output(&["swapon", path])?;
        Ok(swap)
    }

    /// Returns where it is.
    pub(crate) fn path(&self) -> &str {
        self.0
    }
}

impl Drop for Swap {
    fn drop(&mut self) {
        // EINVAL where the check took it away.
        let _ = swapoff(self.0);
        let _ = remove_file(self.0);
    }
}
