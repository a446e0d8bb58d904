//! The rules of one module, and the file they live in.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cargo::Metadata;
use crate::error::Error;
use crate::graph::Graph;
use crate::render;

/// Where everything generated lives, under the directory that Kbuild is given.
pub(crate) const DIRECTORY: &str = ".vk-kbuild";

/// The Kbuild rules for one module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    path: PathBuf,
    text: String,
}

impl Rules {
    /// Makes the rules of the module whose manifest is `manifest`, to be built in its own directory.
    ///
    /// # Errors
    ///
    /// What cargo says when it cannot read the graph, or the crate that Kbuild cannot compile.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let rules = vk_kbuild::Rules::new("my-module/Cargo.toml".as_ref())?;
    /// rules.write()?;
    /// # Ok::<(), vk_kbuild::Error>(())
    /// ```
    pub fn new(manifest: &Path) -> Result<Self, Error> {
        let manifest = canonical(manifest)?;
        let dir = manifest.parent().unwrap_or(Path::new("/"));
        Self::make(&manifest, dir)
    }

    /// Makes the rules of the module whose manifest is `manifest`, to be built in `dir`: the
    /// directory given to Kbuild as `M=`, which has the Kbuild file.
    ///
    /// # Errors
    ///
    /// As [`Rules::new`].
    pub fn for_directory(manifest: &Path, dir: &Path) -> Result<Self, Error> {
        Self::make(&canonical(manifest)?, &canonical(dir)?)
    }

    fn make(manifest: &Path, dir: &Path) -> Result<Self, Error> {
        let metadata = Metadata::read(manifest)?;
        let graph = Graph::new(&metadata, manifest)?;
        Ok(Self {
            path: dir.join(DIRECTORY).join("rules.mk"),
            text: render::rules(&graph, dir)?,
        })
    }

    /// Returns the text, a makefile fragment.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the file it belongs in: `.vk-kbuild/rules.mk` under the module's directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file.
    ///
    /// It is written even if nothing changed, because its time says when the manifests were read.
    /// No object depends on the file: Kbuild compiles again what has a new command, nothing else.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    pub fn write(&self) -> Result<(), Error> {
        let failed = |error| Error::Write(self.path.clone(), error);
        let dir = self.path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(dir).map_err(failed)?;

        // A make that runs meanwhile sees the old rules or the new ones.
        let draft = self
            .path
            .with_extension(format!("mk.{}", std::process::id()));
        fs::write(&draft, &self.text).map_err(failed)?;
        fs::rename(&draft, &self.path).map_err(failed)
    }

    /// Checks that the file is there and has this text.
    ///
    /// # Errors
    ///
    /// [`Error::Stale`].
    pub fn check(&self) -> Result<(), Error> {
        match fs::read_to_string(&self.path) {
            Ok(text) if text == self.text => Ok(()),
            _ => Err(Error::Stale(self.path.clone())),
        }
    }
}

fn canonical(path: &Path) -> Result<PathBuf, Error> {
    fs::canonicalize(path).map_err(|error| Error::Read(path.to_owned(), error))
}
