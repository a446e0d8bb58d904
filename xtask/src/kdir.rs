//! A KDIR for a stock kernel: its headers, with the Rust metadata that the packages leave out.
//!
//! The metadata is made from the kernel's source with the kernel's own rustc and its own
//! configuration. The mangled names come out as in the stock `Module.symvers`, so a Rust module
//! built with it loads into the stock kernel.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use anyhow::{bail, Context, Result};

use crate::cache::{self, Cache};
use crate::command::Command;
use crate::record;
use crate::release::Release;
use crate::root::Root;
use crate::source;
use crate::step::{step, Step};

/// Counts the changes of this recipe, so that an old result is not reused.
const RECIPE: &str = "2";

/// Makes the KDIR of `release`, or takes the one in the cache.
///
/// # Errors
///
/// The source does not fit the release, or does not build.
pub(crate) fn prepare(cache: &Cache, root: &Root, release: &Release) -> Result<PathBuf> {
    let source = source::prepare(cache, root, release)?;
    let advice = "see the compiler's message in the log";
    step(&cache.logs(), "kernel directory", advice, |step| {
        let dir = dir_of(cache, root, release)?;
        let _lock = cache.lock("kdir")?;
        if cache::is_complete(&dir) {
            step.notes(format!("{} cached", release.name));
        } else {
            build(step, root, release, &source, &dir)?;
            step.notes(&release.name);
        }
        // For who runs make by hand; xtask itself brings it up to date at each build.
        if !record::is_in(&dir) {
            record::write(step, cache, Some(root), &dir)?;
        }
        Ok(dir)
    })
}

/// Returns how many jobs make may run.
pub(crate) fn jobs() -> String {
    format!("-j{}", available_parallelism().map_or(1, usize::from))
}

fn dir_of(cache: &Cache, root: &Root, release: &Release) -> Result<PathBuf> {
    let rustc = root.package_field("rustc", "Version")?;
    let gcc = root.package_field("gcc", "Version")?;
    let key = cache::key([&release.package_version, &rustc, &gcc, RECIPE]);
    Ok(cache.entry(&format!("kdir-{}-{key}", release.name)))
}

fn build(step: &Step, root: &Root, release: &Release, source: &Path, dir: &Path) -> Result<()> {
    cache::make_empty(dir)?;
    let headers = &release.headers;
    // The headers' `vmlinux` is the kernel's BTF alone: with it modules get BTF too.
    for file in [".config", "Module.symvers", "vmlinux"] {
        fs::copy(headers.join(file), dir.join(file))
            .with_context(|| format!("cannot copy {file} from {}", headers.display()))?;
    }
    for targets in [&["olddefconfig"][..], &["prepare", "modules_prepare"]] {
        make(root, source, dir)?
            .arg(format!("LOCALVERSION={}", release.suffix()))
            .args(targets)
            .run(step)?;
    }
    let made = fs::read_to_string(dir.join("include/config/kernel.release"))?;
    if made.trim() != release.name {
        bail!("made a KDIR for {}, not for {}", made.trim(), release.name);
    }
    require_same_symbols(dir)?;
    cache::complete(dir)
}

/// Refuses metadata whose mangled names are not those of the stock kernel.
fn require_same_symbols(dir: &Path) -> Result<()> {
    let read = |file: &str| {
        let path = dir.join(file);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let made = read("rust/exports_kernel_generated.h")?;
    let stock = read("Module.symvers")?;
    match missing_symbols(&made, &stock).as_slice() {
        [] => Ok(()),
        [first, ..] => bail!("the stock kernel does not export {first}: another rustc built it"),
    }
}

fn missing_symbols<'a>(made: &'a str, stock: &str) -> Vec<&'a str> {
    let exported: HashSet<&str> = stock
        .lines()
        .filter_map(|line| line.split('\t').nth(1))
        .collect();
    let names = made.lines().filter_map(|line| {
        let line = line.strip_prefix("EXPORT_SYMBOL_RUST_GPL(")?;
        line.strip_suffix(");")
    });
    names.filter(|name| !exported.contains(name)).collect()
}

/// Describes a run of the kernel's make that builds `source` in `dir`.
///
/// # Errors
///
/// Cargo's home is unknown.
pub(crate) fn make(root: &Root, source: &Path, dir: &Path) -> Result<Command> {
    let mut output = OsString::from("O=");
    output.push(dir);
    let make = root.command("make", source)?;
    Ok(make.arg(jobs()).arg("-C").arg(source).arg(output))
}

/// Returns what make must be told for modules to be compiled as the kernel of `dir` was.
pub(crate) fn toolchain(dir: &Path) -> Option<&'static str> {
    let config = fs::read_to_string(dir.join("include/config/auto.conf")).ok()?;
    config
        .lines()
        .any(|line| line == "CONFIG_CC_IS_CLANG=y")
        .then_some("LLVM=1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_name_that_the_stock_kernel_lacks() {
        let stock = "0x0\t_RNvCs1_6kernel1a\tvmlinux\tEXPORT_SYMBOL_GPL\t\n";
        let made = "EXPORT_SYMBOL_RUST_GPL(_RNvCs1_6kernel1a);\n";
        assert!(missing_symbols(made, stock).is_empty());
        let other = "EXPORT_SYMBOL_RUST_GPL(_RNvCs2_6kernel1a);\n";
        assert_eq!(missing_symbols(other, stock), ["_RNvCs2_6kernel1a"]);
    }
}
