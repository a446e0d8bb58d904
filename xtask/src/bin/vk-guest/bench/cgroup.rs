//! The memory cgroup of those who are measured in a namespace.
//!
//! One for all: the kernel searches its per-processor stocks of charges cgroup by cgroup, so with
//! several the same page costs more or less.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

const ROOT: &str = "/sys/fs/cgroup";
const DIR: &str = "/sys/fs/cgroup/vk-bench";

/// Makes it.
///
/// From then on the kernel counts kernel memory, the host's too: without any cgroup it does not.
///
/// # Errors
///
/// The kernel's.
pub(super) fn make() -> Result<()> {
    fs::create_dir(DIR).with_context(|| format!("cannot make {DIR}"))
}

/// Does `work`, which starts processes: they begin in the cgroup.
///
/// # Errors
///
/// That of `work`, or the kernel's.
pub(super) fn within<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    enter(DIR)?;
    let done = work();
    enter(ROOT)?;
    done
}

/// Moves this process.
fn enter(dir: &str) -> Result<()> {
    let procs = Path::new(dir).join("cgroup.procs");
    fs::write(&procs, "0").with_context(|| format!("cannot write {}", procs.display()))
}
