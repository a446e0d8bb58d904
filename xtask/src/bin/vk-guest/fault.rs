//! Allocations of this thread that fail: Documentation/fault-injection/fault-injection.rst.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Whether allocations that may wait are spared.
const SPARES_WAITING: &str = "/sys/kernel/debug/failslab/ignore-gfp-wait";

/// The means to let one allocation fail.
pub(crate) struct Fault {
    nth: File,
}

impl Fault {
    /// Tells whether this kernel has any.
    pub(crate) fn are_injected() -> bool {
        Path::new(SPARES_WAITING).exists()
    }

    /// Returns them; `None` if this kernel has none.
    ///
    /// # Errors
    ///
    /// They cannot be set up.
    pub(crate) fn new() -> Result<Option<Self>> {
        if !Self::are_injected() {
            return Ok(None);
        }
        fs::write(SPARES_WAITING, "N").context(SPARES_WAITING)?;
        let path = "/proc/thread-self/fail-nth";
        let nth = OpenOptions::new().read(true).write(true).open(path);
        Ok(Some(Self {
            nth: nth.context(path)?,
        }))
    }

    /// Does `work` while the `nth` allocation, or copy from user space, of this thread fails; `None` if
    /// it made fewer.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn at<T>(&mut self, nth: u32, work: impl FnOnce() -> T) -> io::Result<Option<T>> {
        self.nth.write_at(nth.to_string().as_bytes(), 0)?;
        let done = work();
        let mut left = [0; 16];
        let read = self.nth.read_at(&mut left, 0);
        // Copies to and from user space fail likewise: if one of these did, all of the work did not.
        if read.is_err() || self.nth.write_at(b"0", 0).is_err() {
            return Ok(None);
        }
        Ok(left.starts_with(b"0").then_some(done))
    }
}
