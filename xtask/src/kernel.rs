//! A kernel that the lab builds itself: from the stock kernel's source, with fragments of ours.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};

use crate::cache::{self, Cache};
use crate::kdir;
use crate::release::Release;
use crate::root::Root;
use crate::source;
use crate::step::{step, Step};

/// Counts the changes of this recipe, so that an old result is not reused.
const RECIPE: &str = "1";

/// A kernel of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Variant {
    /// Trimmed but like Debian's, with KUnit.
    Test,
    /// With everything that finds mistakes.
    Debug,
}

/// A built kernel, which is also the KDIR for its modules.
pub(crate) struct Kernel {
    /// The directory in which it was built.
    pub(crate) kdir: PathBuf,
    /// The image to boot.
    pub(crate) image: PathBuf,
}

impl Variant {
    /// Returns its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Debug => "debug",
        }
    }

    /// Returns its configuration: each line, later ones over earlier ones.
    fn fragments(self) -> String {
        let own = match self {
            Self::Test => include_str!("../kernels/test.config"),
            Self::Debug => include_str!("../kernels/debug.config"),
        };
        format!("{}\n{own}", include_str!("../kernels/common.config"))
    }

    /// Returns what make must be told about the tool chain.
    fn toolchain(self) -> Option<&'static str> {
        match self {
            Self::Test => None,
            // Rust and KASAN go together with clang only: init/Kconfig, `config RUST`.
            Self::Debug => Some("LLVM=1"),
        }
    }

    fn dir(self, cache: &Cache, root: &Root, release: &Release) -> Result<PathBuf> {
        let rustc = root.package_field("rustc", "Version")?;
        let compiler = match self.toolchain() {
            None => root.package_field("gcc", "Version")?,
            Some(_) => root.package_field("clang", "Version")?,
        };
        let fragments = self.fragments();
        let version = &release.package_version;
        let key = cache::key([RECIPE, version, &rustc, &compiler, &fragments]);
        Ok(cache.entry(&format!("kernel-{}-{version}-{key}", self.name())))
    }

    /// Returns the kernel if it was built before.
    ///
    /// # Errors
    ///
    /// The root's packages cannot be asked.
    pub(crate) fn built(
        self,
        cache: &Cache,
        root: &Root,
        release: &Release,
    ) -> Result<Option<Kernel>> {
        let dir = self.dir(cache, root, release)?;
        Ok(cache::is_complete(&dir).then(|| Kernel::in_dir(dir)))
    }

    /// Builds the kernel, or takes the one in the cache.
    ///
    /// An interrupted build goes on where it was.
    ///
    /// # Errors
    ///
    /// It does not build, or the configuration does not come out as the fragments say.
    pub(crate) fn prepare(self, cache: &Cache, root: &Root, release: &Release) -> Result<Kernel> {
        let source = source::prepare(cache, root, release)?;
        let advice = "see the compiler's message in the log; `cargo xtask lab clean` starts over";
        let name = format!("{} kernel", self.name());
        step(&cache.logs(), &name, advice, |step| {
            let dir = self.dir(cache, root, release)?;
            // One lock for all variants: two kernel builds at once only wait for each other.
            let _lock = cache.lock("kernel")?;
            if cache::is_complete(&dir) {
                step.notes("cached");
            } else {
                self.build(step, root, &source, &dir)?;
            }
            Ok(Kernel::in_dir(dir))
        })
    }

    fn build(self, step: &Step, root: &Root, source: &Path, dir: &Path) -> Result<()> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let wanted = self.fragments();
        let all = dir.join("all.config");
        if !dir.join(".config").exists() {
            fs::write(&all, &wanted)?;
            kdir::make(root, source, dir)?
                .args(self.toolchain())
                .arg(format!("KCONFIG_ALLCONFIG={}", all.display()))
                .arg("allnoconfig")
                .run(step)?;
        }
        let config = fs::read_to_string(dir.join(".config"))?;
        let missed = missed(&wanted, &config);
        if !missed.is_empty() {
            fs::remove_file(dir.join(".config"))?;
            bail!(
                "this kernel's configuration has no place for: {}",
                missed.join(" ")
            );
        }
        let local = format!("LOCALVERSION=-vk-{}", self.name());
        let make = kdir::make(root, source, dir)?
            .arg(local)
            .args(self.toolchain());
        make.args(["bzImage", "modules", "modules_prepare"])
            .run(step)?;
        cache::complete(dir)
    }
}

impl Kernel {
    fn in_dir(kdir: PathBuf) -> Self {
        let image = kdir.join("arch/x86/boot/bzImage");
        Self { kdir, image }
    }
}

/// Returns the lines of `wanted` that `config` does not have.
fn missed<'a>(wanted: &'a str, config: &str) -> Vec<&'a str> {
    let set: Vec<&str> = config.lines().collect();
    let is_there = |line: &str| match line.strip_suffix("=n") {
        Some(name) => !set.iter().any(|it| it.starts_with(&format!("{name}="))),
        None => set.contains(&line),
    };
    let mut lines: Vec<&str> = wanted.lines().collect();
    lines.retain(|line| line.starts_with("CONFIG_") && !is_there(line));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_configuration_dropped() {
        let config = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=m\n";
        let wanted = "# why\nCONFIG_A=y\nCONFIG_B=y\nCONFIG_C=y\nCONFIG_D=n\nCONFIG_A=n\n";
        let expected = ["CONFIG_B=y", "CONFIG_C=y", "CONFIG_A=n"];
        assert_eq!(missed(wanted, config), expected);
    }

    #[test]
    fn every_line_of_a_fragment_is_an_option_or_a_comment() {
        for variant in [Variant::Test, Variant::Debug] {
            for line in variant.fragments().lines() {
                let is_option = line.starts_with("CONFIG_") && line.contains('=');
                assert!(
                    is_option || line.is_empty() || line.starts_with('#'),
                    "{line}"
                );
            }
        }
    }
}
