//! The C shims of kernel series that the lab does not boot: they must compile, and be complete.
//!
//! The headers and the compiler come from that series' own Debian, unpacked and not installed, so
//! no root is needed. Only C is compiled: that kernel may be built without Rust.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};

use crate::cache::{self, Cache};
use crate::command::Command;
use crate::host;
use crate::module::Module;
use crate::report::Report;
use crate::root::{Root, FLAVOUR};
use crate::step::{self, Step};
use crate::{kdir, workspace};

/// Debian stable, whose kernel is of the series that the second series file is for.
const SUITE: &str = "trixie";

/// The headers, and what Kbuild runs.
const PACKAGES: &[&str] = &[
    "base-files",
    "bash",
    "binutils",
    "coreutils",
    "dash",
    "diffutils",
    "findutils",
    "gcc",
    "grep",
    "linux-headers-cloud-amd64",
    "make",
    "mawk",
    "perl-base",
    "sed",
];

/// The check's name.
pub(crate) const NAME: &str = "build/shims-of-debian-stable";

/// What Rust defines and C calls: nothing of C has to.
const FROM_RUST: &[&str] = &[
    "vk_handler_birth",
    "vk_handler_end",
    "vk_handler_later",
    "vk_handler_placed",
    "vk_handler_vote",
];

/// Checks that the shims compile for Debian stable's kernel, and that none is missing.
///
/// # Errors
///
/// A file cannot be written.
pub(crate) fn check(cache: &Cache, report: &mut Report) -> Result<()> {
    let outcome = step::unannounced(&cache.logs(), NAME, |step| compile(step, cache));
    match outcome {
        Ok(missing) if missing.is_empty() => report.ok(NAME),
        Ok(missing) => {
            let list: Vec<_> = missing.into_iter().collect();
            let why = format!(
                "no C file defines {}, expected each function of vk_shims.h",
                list.join(" ")
            );
            report.failed(NAME, why);
        }
        Err(error) => report.failed(NAME, format!("{error:#}, expected it to compile")),
    }
    Ok(())
}

/// Compiles the shims; returns the functions that no object has.
fn compile(step: &Step, cache: &Cache) -> Result<BTreeSet<String>> {
    let root = root(step, cache)?;
    let headers = headers(&root)?;
    Module::Reference.writes_rules(step)?;
    // Not in the checkout: objects of one kernel are no objects of another.
    let scratch = tempfile::tempdir_in(cache.dir())?;
    let module = copy_sources(scratch.path())?;
    let mut at = std::ffi::OsString::from("M=");
    at.push(&module);
    root.command("make", &module)?
        .arg(kdir::jobs())
        .args(["VK_C_ONLY=1", "KCFLAGS=-Werror", "-C"])
        .arg(&headers)
        .arg(at)
        .arg("modules")
        .run(step)?;
    missing(&root, &module)
}

/// Unpacks Debian stable's headers and compiler, or takes those in the cache.
fn root(step: &Step, cache: &Cache) -> Result<Root> {
    let parts = [SUITE].into_iter().chain(PACKAGES.iter().copied());
    let dir = cache.entry(&format!("headers-{SUITE}-{}", cache::key(parts)));
    let _lock = cache.lock("headers")?;
    if !cache::is_complete(&dir) {
        let missing = host::missing(&["debian-archive-keyring", "mmdebstrap"])?;
        ensure!(
            missing.is_empty(),
            "this needs host packages: apt-get install {}",
            missing.join(" ")
        );
        let partial = dir.with_extension("partial");
        cache::remove_dir(&dir)?;
        cache::remove_dir(&partial)?;
        unpack(step, &partial)?;
        cache::complete(&partial)?;
        fs::rename(&partial, &dir).with_context(|| format!("cannot name {}", dir.display()))?;
    }
    Ok(Root::at(cache, &dir))
}

fn unpack(step: &Step, dir: &Path) -> Result<()> {
    let mut command = Command::new("mmdebstrap").args(["--mode=chrootless", "--variant=extract"]);
    for option in host::apt_options()? {
        command = command.arg(format!("--aptopt={option}"));
    }
    let include = format!("--include={}", PACKAGES.join(","));
    command.arg(include).arg(SUITE).arg(dir).run(step)?;
    // Where a root is entered; a package's script would make it.
    let mnt = dir.join("mnt");
    fs::create_dir_all(&mnt).with_context(|| format!("cannot make {}", mnt.display()))
}

/// Returns the kernel's headers as the root sees them.
fn headers(root: &Root) -> Result<PathBuf> {
    let sources = root.path("usr/src");
    let entries = fs::read_dir(&sources).context("no headers were unpacked")?;
    let names = entries.filter_map(|it| Some(it.ok()?.file_name().to_string_lossy().into_owned()));
    let name = names
        .filter(|name| name.starts_with("linux-headers-") && name.ends_with(FLAVOUR))
        .max();
    let name = name.with_context(|| format!("no headers in {}", sources.display()))?;
    Ok(Path::new("/usr/src").join(name))
}

/// Copies what make reads, with the same places next to each other; returns the module's.
fn copy_sources(scratch: &Path) -> Result<PathBuf> {
    let top = workspace::dir();
    for dir in ["vk-ffi-shims/c", "vk-ffi-shims/include"] {
        fs::create_dir_all(scratch.join(dir))?;
        for entry in fs::read_dir(top.join(dir))? {
            let from = entry?.path();
            let name = from.file_name().unwrap_or_default();
            fs::copy(&from, scratch.join(dir).join(name))
                .with_context(|| format!("cannot copy {}", from.display()))?;
        }
    }
    let module = scratch.join("reference-module");
    fs::create_dir_all(module.join(".vk-kbuild"))?;
    for file in ["Kbuild", ".vk-kbuild/rules.mk"] {
        fs::copy(Module::Reference.dir().join(file), module.join(file))
            .with_context(|| format!("cannot copy {file}"))?;
    }
    Ok(module)
}

/// Returns the functions of vk_shims.h that no object defines, and those called that none defines.
fn missing(root: &Root, module: &Path) -> Result<BTreeSet<String>> {
    let mut objects = Vec::new();
    let dir = module.join(".vk-kbuild/vk_ffi_shims/c");
    for entry in fs::read_dir(&dir).with_context(|| format!("no objects in {}", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "o") {
            objects.push(path);
        }
    }
    let nm = root.command("nm", module)?.args(objects).output()?;
    let bindings = workspace::dir().join("vk-ffi-shims/src/bindings.rs");
    Ok(missing_in(&nm, &fs::read_to_string(bindings)?))
}

fn missing_in(nm: &str, bindings: &str) -> BTreeSet<String> {
    let mut defined = BTreeSet::new();
    let mut wanted: BTreeSet<&str> = bindings.lines().filter_map(declared).collect();
    for line in nm.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["U", name] if name.starts_with("vk_") => {
                wanted.insert(name);
            }
            [_, _, name] => {
                defined.insert(name);
            }
            _ => {}
        }
    }
    let missing = wanted.into_iter().filter(|name| !defined.contains(name));
    let missing = missing.filter(|name| !FROM_RUST.contains(name));
    missing.map(str::to_owned).collect()
}

/// Returns the function that a line of the bindings declares.
fn declared(line: &str) -> Option<&str> {
    line.trim().strip_prefix("pub fn ")?.split('(').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_declared_or_called_and_not_there() {
        let bindings = "    pub fn vk_one(a: u32) -> u32;\n    pub fn vk_two();\n";
        let nm = "a.o:\n0000 T vk_one\n     U vk_three\n     U vk_handler_birth\n     U memcpy\n";
        let missing = missing_in(nm, bindings);
        assert_eq!(Vec::from_iter(missing), ["vk_three", "vk_two"]);
        let nm = format!("{nm}0000 t vk_three\n0000 W vk_two\n");
        assert!(missing_in(&nm, bindings).is_empty());
    }
}
