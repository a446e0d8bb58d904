//! What a run of the guest brings along: the guest program, the module, the request.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xtask::request::{Request, FILE};

use crate::cpio::Archive;

/// The files of one run.
pub(crate) struct Payload {
    guest_program: PathBuf,
    files: Vec<(String, PathBuf)>,
}

impl Payload {
    /// Begins a payload with the guest program.
    pub(crate) fn new(guest_program: PathBuf) -> Self {
        Self {
            guest_program,
            files: Vec::new(),
        }
    }

    /// Adds a file, `/vk/NAME` in the guest; what may be run there keeps that right.
    pub(crate) fn add(&mut self, name: &str, path: impl Into<PathBuf>) {
        self.files.push((name.to_owned(), path.into()));
    }

    /// Packs everything and `request` into an archive for the kernel.
    ///
    /// # Errors
    ///
    /// A file cannot be read.
    pub(crate) fn pack(&self, request: &Request) -> Result<Vec<u8>> {
        let mut archive = Archive::default();
        archive.dir("payload");
        let program = read(&self.guest_program)?;
        archive.program("payload/vk-guest", &program);
        for (name, path) in &self.files {
            archive.program(&format!("payload/{name}"), &read(path)?);
        }
        let request = serde_json::to_vec(request)?;
        archive.file(&format!("payload/{FILE}"), &request);
        Ok(archive.finish())
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
