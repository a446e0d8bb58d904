//! The build root: a Debian testing with the kernel's own tool chain.

use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};

use crate::cache::{self, Cache};
use crate::command::Command;
use crate::step::{step, Step};
use crate::{host, workspace};

/// The suite that the lab builds from and boots.
pub(crate) const SUITE: &str = "forky";

/// The flavour of the stock kernel: Debian's for virtual machines.
pub(crate) const FLAVOUR: &str = "cloud-amd64";

/// What building kernels and modules takes. Kernels come by their meta packages.
const PACKAGES: &[&str] = &[
    "bc",
    "bindgen",
    "binutils",
    "bison",
    "clang",
    "cpio",
    "flex",
    "g++",
    "gcc",
    "kmod",
    "libdw-dev",
    "libelf-dev",
    "libssl-dev",
    "linux-headers-cloud-amd64",
    "linux-image-cloud-amd64",
    "linux-source",
    "lld",
    "llvm",
    "make",
    "pahole",
    "python3",
    "rsync",
    "rust-clippy",
    "rust-src",
    "rustc",
    "rustfmt",
    "xz-utils",
    "zstd",
];

/// Runs a command in a root; see the file.
const ENTER: &str = include_str!("enter.sh");

/// A place with the kernel's tool chain.
pub(crate) struct Root {
    cache: Cache,
    /// The directory of the root; none where the host itself is one.
    dir: Option<PathBuf>,
}

impl Root {
    /// Makes the build root, or takes the one in the cache.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub(crate) fn prepare(cache: &Cache) -> Result<Self> {
        let advice = "check that the host's package archive can be reached";
        step(&cache.logs(), "build root", advice, |step| {
            if host::is_debian(SUITE) {
                return Self::on_host(cache, step);
            }
            let dir = Self::dir_in(cache);
            if cache::is_complete(&dir) {
                step.notes("cached");
            } else {
                host::require_root("making the build root")?;
                let _lock = cache.lock("root")?;
                build(step, &dir)?;
            }
            Ok(Self {
                cache: cache.clone(),
                dir: Some(dir),
            })
        })
    }

    /// Takes the build root only if it is there.
    ///
    /// # Errors
    ///
    /// It was not made yet.
    pub(crate) fn existing(cache: &Cache) -> Result<Self> {
        let dir = Self::dir_in(cache);
        let dir = match host::is_debian(SUITE) {
            true => None,
            false if cache::is_complete(&dir) => Some(dir),
            false => bail!("no build root yet: run `cargo xtask setup` (as root)"),
        };
        Ok(Self {
            cache: cache.clone(),
            dir,
        })
    }

    /// Takes another Debian tree, which was made at `dir`.
    pub(crate) fn at(cache: &Cache, dir: &Path) -> Self {
        Self {
            cache: cache.clone(),
            dir: Some(dir.to_owned()),
        }
    }

    /// Describes a run of `program` in the root, in the directory `dir`.
    ///
    /// The checkout, the cache and the sources that cargo downloaded are at their own paths there.
    ///
    /// # Errors
    ///
    /// Cargo's home is unknown.
    pub(crate) fn command(&self, program: &str, dir: &Path) -> Result<Command> {
        self.command_with(program, dir, &[])
    }

    /// Like [`Root::command`], with further directories at their own paths.
    ///
    /// # Errors
    ///
    /// Cargo's home is unknown.
    pub(crate) fn command_with(
        &self,
        program: &str,
        dir: &Path,
        binds: &[&Path],
    ) -> Result<Command> {
        let Some(root) = &self.dir else {
            return Ok(Command::new(program).dir(dir));
        };
        let registry = workspace::cargo_home()?.join("registry");
        std::fs::create_dir_all(&registry)
            .with_context(|| format!("cannot make {}", registry.display()))?;
        let mut command = Command::new("unshare").args(["--mount", "--pid", "--kill-child"]);
        if !host::is_root() {
            command = command.arg("--map-root-user");
        }
        command = command.args(["sh", "-c", ENTER, "enter.sh"]);
        command = command.arg(root).arg(dir);
        command = command.arg(workspace::dir()).arg(self.cache.dir());
        command = command.arg(registry).args(binds).arg("--");
        Ok(command.shown_from_here().arg(program))
    }

    /// Returns a file of the root as the host sees it.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        let base = self.dir.as_deref().unwrap_or(Path::new("/"));
        base.join(path.trim_start_matches('/'))
    }

    /// Returns the field `field` of an installed package.
    ///
    /// # Errors
    ///
    /// The package is not installed.
    pub(crate) fn package_field(&self, package: &str, field: &str) -> Result<String> {
        let admin = format!("--admindir={}", self.path("var/lib/dpkg").display());
        Command::new("dpkg-query")
            .args([&admin, "--show", &format!("--showformat=${{{field}}}")])
            .arg(package)
            .output()
            .with_context(|| format!("the build root has no package {package}"))
    }

    fn dir_in(cache: &Cache) -> PathBuf {
        let parts = [SUITE].into_iter().chain(PACKAGES.iter().copied());
        cache.entry(&format!("root-{SUITE}-{}", cache::key(parts)))
    }

    fn on_host(cache: &Cache, step: &Step) -> Result<Self> {
        let missing = host::missing(PACKAGES)?;
        if !missing.is_empty() {
            let list = missing.join(" ");
            bail!("this host is Debian {SUITE} and is used directly: apt-get install {list}");
        }
        step.notes("the host itself");
        Ok(Self {
            cache: cache.clone(),
            dir: None,
        })
    }
}

/// Makes a Debian tree at `dir` with `packages`, under the host's options for its archive.
///
/// # Errors
///
/// mmdebstrap fails.
pub(crate) fn bootstrap(step: &Step, dir: &Path, packages: &[&str]) -> Result<()> {
    let mut command = Command::new("unshare")
        // Nothing of it outlives us, whatever it starts.
        .args(["--pid", "--mount-proc", "--kill-child"])
        .shown_from_here()
        .args(["mmdebstrap", "--mode=root", "--variant=minbase"]);
    for option in host::apt_options()? {
        command = command.arg(format!("--aptopt={option}"));
    }
    let include = format!("--include={}", packages.join(","));
    command.arg(include).arg(SUITE).arg(dir).run(step)
}

fn build(step: &Step, dir: &Path) -> Result<()> {
    if cache::is_complete(dir) {
        step.notes("made by another checkout");
        return Ok(());
    }
    let partial = dir.with_extension("partial");
    cache::remove_dir(dir)?;
    cache::remove_dir(&partial)?;
    bootstrap(step, &partial, PACKAGES)?;
    cache::complete(&partial)?;
    std::fs::rename(&partial, dir).with_context(|| format!("cannot name {}", dir.display()))
}
