//! Modules that are put beside ours in the guest: a kprobe, a live patch. C, and nothing of ours.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cache::{self, Cache};
use crate::kdir;
use crate::payload::Payload;
use crate::root::Root;
use crate::step::step;

/// Their sources.
const SOURCES: &[(&str, &str)] = &[
    ("Kbuild", include_str!("../neighbours/Kbuild")),
    ("vk_probe.c", include_str!("../neighbours/vk_probe.c")),
    (
        "vk_livepatch.c",
        include_str!("../neighbours/vk_livepatch.c"),
    ),
    ("vk_vandal.c", include_str!("../neighbours/vk_vandal.c")),
    ("vk_watch.c", include_str!("../neighbours/vk_watch.c")),
    (
        "vk_benchpatch.c",
        include_str!("../neighbours/vk_benchpatch.c"),
    ),
];

/// What is made of them.
const OBJECTS: &[&str] = &[
    "vk_probe.ko",
    "vk_livepatch.ko",
    "vk_benchpatch.ko",
    "vk_vandal.ko",
    "vk_watch.ko",
];

/// Builds them for the kernel of `kdir` and adds them to `payload`.
///
/// # Errors
///
/// They do not build.
pub(crate) fn add(cache: &Cache, root: &Root, kdir: &Path, payload: &mut Payload) -> Result<()> {
    let advice = "see the compiler's message in the log";
    let dir = step(&cache.logs(), "neighbours", advice, |step| {
        let dir = dir_of(cache, kdir);
        let _lock = cache.lock("neighbours")?;
        if cache::is_complete(&dir) {
            step.notes("cached");
            return Ok(dir);
        }
        cache::make_empty(&dir)?;
        for (name, text) in SOURCES {
            fs::write(dir.join(name), text).with_context(|| format!("cannot write {name}"))?;
        }
        let mut module = std::ffi::OsString::from("M=");
        module.push(&dir);
        let make = root.command_with("make", &dir, &[kdir])?;
        let make = make.arg(kdir::jobs()).arg("-C").arg(kdir).arg(module);
        make.args(kdir::toolchain(kdir)).arg("modules").run(step)?;
        cache::complete(&dir)?;
        Ok(dir)
    })?;
    for object in OBJECTS {
        payload.add(object, dir.join(object))?;
    }
    Ok(())
}

fn dir_of(cache: &Cache, kdir: &Path) -> PathBuf {
    let kernel = kdir.to_string_lossy().into_owned();
    let texts = SOURCES.iter().map(|(_, text)| (*text).to_owned());
    cache.entry(&format!("neighbours-{}", cache::key(texts.chain([kernel]))))
}
