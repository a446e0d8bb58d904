//! Cgroups, also such that a check makes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::container::wait_until;

/// How long the end of the last process may take.
const EMPTY_LIMIT: Duration = Duration::from_secs(5);

/// A cgroup below the root; it is removed when it is let go, and should be empty soon then.
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

impl Cgroup {
    /// Opens its directory.
    ///
    /// # Errors
    ///
    /// It is gone.
    pub(crate) fn opened(&self) -> Result<fs::File> {
        fs::File::open(&self.0).with_context(|| format!("no {}", self.0.display()))
    }

    /// Returns its number.
    ///
    /// # Errors
    ///
    /// It is gone.
    pub(crate) fn id(&self) -> Result<u64> {
        id(&self.0)
    }

    /// Lets each cgroup in it have memory of its own. Nobody may be in it but in those.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn gives_memory(&self) -> Result<()> {
        let path = self.0.join("cgroup.subtree_control");
        fs::write(&path, "+memory").with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Returns the number of the cgroup behind `dir`: that of its directory.
///
/// # Errors
///
/// It is gone.
pub(crate) fn id(dir: &Path) -> Result<u64> {
    let metadata = fs::metadata(dir).with_context(|| format!("no {}", dir.display()))?;
    Ok(metadata.ino())
}

/// Returns the number of the cgroup that a process is in.
///
/// # Errors
///
/// It has ended.
pub(crate) fn of(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"));
    let path = path.with_context(|| format!("{pid} is in no cgroup: {text:?}"))?;
    id(&Path::new("/sys/fs/cgroup").join(path))
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A process that has just ended may still be in it.
        if !wait_until(EMPTY_LIMIT, || fs::remove_dir(&self.0).is_ok()) {
            eprintln!("vk-guest: {} stays", self.0.display());
        }
    }
}
