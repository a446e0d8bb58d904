//! Building a kernel module of the workspace for one kernel.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};

use crate::cache::Cache;
use crate::command::Command;
use crate::record::{self, Written};
use crate::root::Root;
use crate::step::{step, Step};
use crate::{kdir, workspace};

/// A module of the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Module {
    /// `vkernel.ko`.
    Reference,
    /// `vk_kunit.ko`.
    Kunit,
    /// `vk_bench.ko`.
    Bench,
}

impl Module {
    /// Returns its directory in the checkout.
    pub(crate) fn dir(self) -> PathBuf {
        workspace::dir().join(match self {
            Self::Reference => "reference-module",
            Self::Kunit => "kunit-tests",
            Self::Bench => "xtask/bench-module",
        })
    }

    /// Returns its name without `.ko`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reference => "vkernel",
            Self::Kunit => "vk_kunit",
            Self::Bench => "vk_bench",
        }
    }

    /// Builds it for the kernel of `kdir`, with the tool chain of `root` if there is one.
    ///
    /// # Errors
    ///
    /// It does not build.
    pub(crate) fn build(self, cache: &Cache, root: Option<&Root>, kdir: &Path) -> Result<PathBuf> {
        let advice = "see the compiler's message; CONTRIBUTING.md says how to run make by hand";
        step(
            &cache.logs(),
            &format!("{}.ko", self.name()),
            advice,
            |step| {
                self.writes_rules(step)?;
                self.clears_what_another_kernel_left(step, root, kdir)?;
                self.records_the_kernel(step, cache, root, kdir)?;
                self.make(root, kdir, "modules")?.run(step)?;
                let object = self.dir().join(format!("{}.ko", self.name()));
                ensure!(object.exists(), "make made no {}", object.display());
                Ok(object)
            },
        )
    }

    /// Removes everything that its builds left.
    ///
    /// # Errors
    ///
    /// Make fails.
    pub(crate) fn clean(self, step: &Step, root: Option<&Root>) -> Result<()> {
        let stamp = self.stamp();
        let Ok(kdir) = fs::read_to_string(&stamp) else {
            return Ok(());
        };
        if Path::new(&kdir).exists() && self.dir().join(".vk-kbuild/rules.mk").exists() {
            self.make(root, Path::new(&kdir), "clean")?.run(step)?;
        }
        fs::remove_file(&stamp).with_context(|| format!("cannot remove {}", stamp.display()))
    }

    /// Writes the Kbuild rules for its crates.
    ///
    /// # Errors
    ///
    /// Its sources cannot be fetched, or vk-kbuild refuses them.
    pub(crate) fn writes_rules(self, step: &Step) -> Result<()> {
        workspace::cargo().args(["fetch", "--locked"]).run(step)?;
        let run = ["run", "--quiet", "--locked", "--package", "vk-kbuild", "--"];
        let manifest = self.dir().join("Cargo.toml");
        let kbuild = workspace::cargo().args(run).arg("--manifest-path");
        kbuild.arg(manifest).run(step)
    }

    /// Make does not know that an object may miss a header which was not there.
    fn records_the_kernel(
        self,
        step: &Step,
        cache: &Cache,
        root: Option<&Root>,
        kdir: &Path,
    ) -> Result<()> {
        if record::write(step, cache, root, kdir)? != Written::First {
            return Ok(());
        }
        let object = self.dir().join(".vk-kbuild/vk_ffi_shims/c/build.o");
        match fs::remove_file(&object) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", object.display()))
            }
            _ => Ok(()),
        }
    }

    /// Objects of one kernel are no objects of another.
    fn clears_what_another_kernel_left(
        self,
        step: &Step,
        root: Option<&Root>,
        kdir: &Path,
    ) -> Result<()> {
        let stamp = self.stamp();
        let kdir_name = kdir.to_string_lossy();
        let last = fs::read_to_string(&stamp).unwrap_or_default();
        if last == kdir_name {
            return Ok(());
        }
        if !last.is_empty() {
            self.make(root, kdir, "clean")?.run(step)?;
        }
        fs::write(&stamp, kdir_name.as_bytes())
            .with_context(|| format!("cannot write {}", stamp.display()))
    }

    fn stamp(self) -> PathBuf {
        self.dir().join(".vk-kbuild/kdir")
    }

    fn make(self, root: Option<&Root>, kdir: &Path, target: &str) -> Result<Command> {
        let make = match root {
            Some(root) => root.command_with("make", &self.dir(), &[kdir])?,
            None => Command::new("make").dir(self.dir()),
        };
        let mut module = std::ffi::OsString::from("M=");
        module.push(self.dir());
        let make = make.arg(kdir::jobs()).arg("-C").arg(kdir);
        Ok(make.arg(module).args(kdir::toolchain(kdir)).arg(target))
    }
}
