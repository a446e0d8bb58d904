//! The kernel's source, as the distribution packages it, unpacked once and never built in.

use std::path::PathBuf;

use anyhow::{bail, Result};

use crate::cache::{self, Cache};
use crate::release::Release;
use crate::root::Root;
use crate::step::step;

/// Returns the unpacked source of `release`.
///
/// # Errors
///
/// The root has no such source, or one of another version than the release.
pub(crate) fn prepare(cache: &Cache, root: &Root, release: &Release) -> Result<PathBuf> {
    let advice = "see whether the disk is full";
    step(&cache.logs(), "kernel source", advice, |step| {
        let package = format!("linux-source-{}", release.series()?);
        let version = root.package_field(&package, "Version")?;
        if version != release.package_version {
            bail!(
                "{package} is version {version}, but the headers of {} are {}; \
                 Rust metadata made from it would not fit that kernel",
                release.name,
                release.package_version
            );
        }
        let dir = cache.entry(&format!("source-{version}"));
        let _lock = cache.lock("source")?;
        if cache::is_complete(&dir) {
            step.notes("cached");
            return Ok(dir);
        }
        cache::make_empty(&dir)?;
        let tar = format!("/usr/src/{package}.tar.xz");
        let unpack = root.command("tar", cache.dir())?;
        let unpack = unpack.args(["-I", "xz -T0", "--strip-components=1", "-xf"]);
        unpack.arg(tar).arg("-C").arg(&dir).run(step)?;
        cache::complete(&dir)?;
        Ok(dir)
    })
}

/// The stock kernel's source where it is unpacked already.
pub(crate) struct Unpacked {
    /// The build root that it came from.
    pub(crate) root: Root,
    /// The package's version.
    pub(crate) version: String,
    /// Where it is.
    pub(crate) dir: PathBuf,
}

/// Returns the unpacked source of the stock kernel; `Err` says why there is none.
///
/// # Errors
///
/// The stock kernel's version cannot be read.
pub(crate) fn unpacked(cache: &Cache) -> Result<std::result::Result<Unpacked, String>> {
    let Ok(root) = Root::existing(cache) else {
        let why = "the kernel's source is in the build root: `cargo xtask setup` makes it";
        return Ok(Err(why.to_owned()));
    };
    let version = Release::stock(&root)?.package_version;
    let dir = cache.entry(&format!("source-{version}"));
    if !cache::is_complete(&dir) {
        let why = format!("the source of Linux {version} is not unpacked: `cargo xtask setup`");
        return Ok(Err(why));
    }
    Ok(Ok(Unpacked { root, version, dir }))
}
