//! `install` and `uninstall`: the module for the running kernel, and the user's command.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::cache::Cache;
use crate::command::Command;
use crate::lab::Lab;
use crate::module::Module;
use crate::release::Release;
use crate::root::Root;
use crate::step::step;
use crate::{host, kdir, workspace};

/// Where the user's command goes.
const VKCTL: &str = "/usr/local/sbin/vkctl";

/// Builds both and puts them where modprobe and the shell find them.
///
/// # Errors
///
/// The running kernel is none of the suite's, the module does not build, or a file cannot be
/// written.
pub(crate) fn install() -> Result<()> {
    host::require_root("install")?;
    let Lab { cache, root, .. } = Lab::prepare()?;
    let kdir = running_kdir(&cache, &root)?;
    let object = Module::Reference.build(&cache, Some(&root), &kdir)?;
    step(&cache.logs(), "install", "see the message", |step| {
        let vkctl = workspace::build_binary(step, "vkctl", "vkctl", &["--release"])?;
        let place = module_place()?;
        let copy = |from: PathBuf, to: PathBuf, mode: &str| {
            let install = Command::new("install").args(["-D", "-m", mode]);
            install.args([from, to]).run(step)
        };
        copy(object, place, "0644")?;
        copy(vkctl, PathBuf::from(VKCTL), "0755")?;
        Command::new("depmod").run(step)
    })
}

/// Removes both.
///
/// # Errors
///
/// A file cannot be removed.
pub(crate) fn uninstall() -> Result<()> {
    host::require_root("uninstall")?;
    let cache = Cache::find()?;
    step(&cache.logs(), "uninstall", "see the message", |step| {
        for path in [module_place()?, PathBuf::from(VKCTL)] {
            if path.exists() {
                let show = path.display();
                fs::remove_file(&path).with_context(|| format!("cannot remove {show}"))?;
            }
        }
        Command::new("depmod").run(step)
    })
}

fn release() -> Result<String> {
    let name = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(name.trim().to_owned())
}

fn module_place() -> Result<PathBuf> {
    Ok(PathBuf::from(format!(
        "/lib/modules/{}/updates/vkernel.ko",
        release()?
    )))
}

/// Returns the running kernel's KDIR, made first if its headers have no Rust metadata.
fn running_kdir(cache: &Cache, root: &Root) -> Result<PathBuf> {
    let release = release()?;
    let own = PathBuf::from(format!("/lib/modules/{release}/build"));
    if own.join("rust/libkernel.rmeta").exists() {
        return Ok(own);
    }
    let release = Release::fetched(cache, root, &release)?;
    kdir::prepare(cache, root, &release)
}
