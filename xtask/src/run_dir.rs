//! A directory for the files of one run, gone with it: at its end, or when the next run finds
//! that its xtask was killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use crate::workspace;

/// What the directories' names begin with; the process that owns them follows, and their number.
const PREFIX: &str = "run-";

/// How many this process has made.
static MADE: AtomicU32 = AtomicU32::new(0);

/// The directory.
pub(crate) struct RunDir(PathBuf);

impl RunDir {
    /// Makes it, and removes those of processes that are no more.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub(crate) fn make() -> Result<Self> {
        let base = workspace::dir().join("target/lab-run");
        fs::create_dir_all(&base).with_context(|| format!("cannot make {}", base.display()))?;
        remove_left_over(&base)?;
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let dir = base.join(format!("{PREFIX}{}-{number}", process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(Self(dir))
    }

    /// Returns its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        // What stays, the next run removes.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn remove_left_over(base: &Path) -> Result<()> {
    for entry in fs::read_dir(base)? {
        let entry = entry?;
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let owner = owner.and_then(|rest| rest.split('-').next());
        let is_alive = owner.is_some_and(|pid| Path::new("/proc").join(pid).exists());
        if !is_alive {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_what_a_dead_process_left() -> Result<()> {
        let base = tempfile::tempdir()?;
        let own = base.path().join(format!("{PREFIX}{}", process::id()));
        // Process ids end at 2^22.
        let left = base.path().join(format!("{PREFIX}99999999"));
        fs::create_dir(&own)?;
        fs::create_dir(&left)?;
        remove_left_over(base.path())?;
        assert!(own.exists() && !left.exists());
        Ok(())
    }
}
