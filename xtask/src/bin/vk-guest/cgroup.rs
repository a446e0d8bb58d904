//! A cgroup that a check makes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A cgroup below the root; it is removed when it is let go, and must be empty then.
#[derive(Debug)]
pub(crate) struct Cgroup(PathBuf);

impl Cgroup {
    /// Makes it.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn make(name: &str) -> Result<Self> {
        let dir = Path::new("/sys/fs/cgroup").join(name);
        fs::create_dir(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(Self(dir))
    }

    /// Moves a process into it.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn takes(&self, pid: u32) -> Result<()> {
        let procs = self.0.join("cgroup.procs");
        fs::write(&procs, pid.to_string())
            .with_context(|| format!("cannot write {pid} to {}", procs.display()))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.0) {
            eprintln!("vk-guest: {} stays: {error}", self.0.display());
        }
    }
}
