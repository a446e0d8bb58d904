//! Workloads on files.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{ensure, Context, Result};

use super::{Meter, Operation};

/// open(2) and close(2) of a file of the root's file system.
pub(super) struct OpenClose;

impl Operation for OpenClose {
    fn once(&mut self, meter: &mut Meter) -> Result<u64> {
        meter.start();
        let opened = File::open("/vk/vkernel.ko").map(drop);
        let cost = meter.stop();
        opened.map(|()| cost).context("open")
    }
}

/// pipe(2), and close(2) of both its ends.
pub(super) struct Pipe;

impl Operation for Pipe {
    fn once(&mut self, meter: &mut Meter) -> Result<u64> {
        meter.start();
        let made = rustix::pipe::pipe().map(drop);
        let cost = meter.stop();
        made.map(|()| cost).context("pipe")
    }
}

/// pread(2) of a short file.
pub(super) struct Read(File);

impl Read {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// It cannot be opened.
    pub(super) fn of(path: &str) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open {path}"))?;
        Ok(Self(file))
    }
}

impl Operation for Read {
    fn once(&mut self, meter: &mut Meter) -> Result<u64> {
        let mut bytes = [0; 64];
        meter.start();
        let read = self.0.read_at(&mut bytes, 0);
        let cost = meter.stop();
        ensure!(read? > 1, "nothing was read");
        Ok(cost)
    }
}
