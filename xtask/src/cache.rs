//! The lab's cache: everything heavy, outside the checkout, shared by all checkouts.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{flock, FlockOperation};

use crate::workspace;

/// The file that marks a directory as complete.
const STAMP: &str = ".vk-complete";

/// The cache directory.
#[derive(Clone)]
pub(crate) struct Cache {
    dir: PathBuf,
}

/// A held lock; dropping it releases it.
pub(crate) struct Lock {
    _file: Option<File>,
}

impl Cache {
    /// Finds the cache: `$XDG_CACHE_HOME/vkernel`, by default `~/.cache/vkernel`.
    ///
    /// # Errors
    ///
    /// Neither variable is set.
    pub(crate) fn find() -> Result<Self> {
        let base = match env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
            Some(base) => PathBuf::from(base),
            None => PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".cache"),
        };
        Ok(Self {
            dir: base.join("vkernel"),
        })
    }

    /// Returns the directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns where the steps' logs and the guests' consoles go: into the checkout, since what
    /// two checkouts do at the same time must not be written over each other.
    pub(crate) fn logs(&self) -> PathBuf {
        workspace::dir().join("target/lab-log")
    }

    /// Returns the path of the entry `name`.
    pub(crate) fn entry(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Waits until no other checkout builds `name`, and keeps others out.
    ///
    /// # Errors
    ///
    /// The lock file cannot be made.
    pub(crate) fn lock(&self, name: &str) -> Result<Lock> {
        fs::create_dir_all(&self.dir)
            .with_context(|| format!("cannot make {}", self.dir.display()))?;
        let path = self.dir.join(format!("{name}.lock"));
        let Ok(file) = OpenOptions::new().create(true).append(true).open(&path) else {
            // A reader of somebody else's cache needs no lock: it builds nothing.
            return Ok(Lock { _file: None });
        };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            eprintln!("  waiting for another xtask that builds {name}");
            flock(&file, FlockOperation::LockExclusive)
                .with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Ok(Lock { _file: Some(file) })
    }

    /// Removes everything.
    ///
    /// # Errors
    ///
    /// Something cannot be removed.
    pub(crate) fn remove(&self) -> Result<()> {
        remove_dir(&self.dir)
    }
}

/// Tells whether `dir` was built to its end.
pub(crate) fn is_complete(dir: &Path) -> bool {
    dir.join(STAMP).exists()
}

/// Marks `dir` as built to its end.
///
/// # Errors
///
/// The mark cannot be written.
pub(crate) fn complete(dir: &Path) -> Result<()> {
    fs::write(dir.join(STAMP), "").with_context(|| format!("cannot mark {}", dir.display()))
}

/// Makes `dir` empty.
///
/// # Errors
///
/// What is there cannot be removed, or the directory not be made.
pub(crate) fn make_empty(dir: &Path) -> Result<()> {
    remove_dir(dir)?;
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))
}

/// Removes `dir`, if it is there.
///
/// # Errors
///
/// It cannot be removed.
pub(crate) fn remove_dir(dir: &Path) -> Result<()> {
    if !dir.exists() {
        return Ok(());
    }
    fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))
}

/// Returns a short name for what depends on all of `parts` (64-bit FNV-1a).
pub(crate) fn key<I: IntoIterator<Item: AsRef<str>>>(parts: I) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        // The zero keeps ["ab", "c"] apart from ["a", "bc"].
        for byte in part.as_ref().bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_the_parts_apart() {
        assert_eq!(key(["a", "b"]), key(["a", "b"]));
        assert_ne!(key(["ab", "c"]), key(["a", "bc"]));
    }

    #[test]
    fn a_directory_is_complete_only_with_its_mark() -> Result<()> {
        let dir = tempfile::tempdir()?;
        assert!(!is_complete(dir.path()));
        complete(dir.path())?;
        assert!(is_complete(dir.path()));
        make_empty(dir.path())?;
        assert!(!is_complete(dir.path()));
        Ok(())
    }
}
