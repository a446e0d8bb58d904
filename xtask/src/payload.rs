//! What a run of the guest brings along: the guest program, the module, the request.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use xtask::request::{Request, FILE};

use crate::cpio::Archive;

/// The files of a run, as they were when they were added: another kernel's module may take the place
/// of one before the run.
#[derive(Clone)]
pub(crate) struct Payload {
    files: Vec<(String, Vec<u8>)>,
}

impl Payload {
    /// Begins a payload with the guest program.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub(crate) fn new(guest_program: &Path) -> Result<Self> {
        let mut payload = Self { files: Vec::new() };
        payload.add("vk-guest", guest_program)?;
        Ok(payload)
    }

    /// Adds a file, `/vk/NAME` in the guest, where it may be run.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub(crate) fn add(&mut self, name: &str, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        self.files.push((name.to_owned(), bytes));
        Ok(())
    }

    /// Packs everything and `request` into an archive for the kernel.
    ///
    /// # Errors
    ///
    /// The request cannot be written down.
    pub(crate) fn pack(&self, request: &Request) -> Result<Vec<u8>> {
        let mut archive = Archive::default();
        archive.dir("payload");
        for (name, bytes) in &self.files {
            archive.program(&format!("payload/{name}"), bytes);
        }
        let request = serde_json::to_vec(request)?;
        archive.file(&format!("payload/{FILE}"), &request);
        Ok(archive.finish())
    }
}
