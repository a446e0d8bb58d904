//! The record of the kernel that a module is built for: its build-id, and the types that matter.
//!
//! It is a header in the kernel's tree, so that `make -C KDIR M=...` by hand finds it too.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use vk_ffi_shims::btf::Btf;
use vk_ffi_shims::build::BuildId;

use crate::cache::Cache;
use crate::root::Root;
use crate::shims::Shims;
use crate::step::Step;
use crate::vmlinux::Vmlinux;

/// The header, below the kernel's tree: c/build.c of vk-ffi-shims includes it.
const HEADER: &str = "include/generated/vkernel-build.h";

/// Room for the places of all types of a kernel.
const INDEX_LEN: usize = 1 << 20;

/// What became of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It was there, and right.
    Kept,
    /// It was there, and is another one now.
    Changed,
    /// There was none.
    First,
}

/// Tells whether the tree `kdir` has a record.
pub(crate) fn is_in(kdir: &Path) -> bool {
    kdir.join(HEADER).exists()
}

/// Returns the record in the tree `kdir`.
///
/// # Errors
///
/// There is none.
pub(crate) fn read(kdir: &Path) -> Result<String> {
    let path = kdir.join(HEADER);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes what is known of the kernel of `kdir` into it.
///
/// # Errors
///
/// The tree is no kernel's, or may not be written, or its BTF lacks a type that the hooks need.
pub(crate) fn write(
    step: &Step,
    cache: &Cache,
    root: Option<&Root>,
    kdir: &Path,
) -> Result<Written> {
    let release_file = kdir.join("include/config/kernel.release");
    let release = fs::read_to_string(&release_file)
        .with_context(|| format!("cannot read {}", release_file.display()))?;
    let release = release.trim();
    let series: Vec<&str> = release.splitn(3, ['.', '-', '+']).take(2).collect();
    let shims = Shims::read(&series.join("."))?;
    let linked = Vmlinux::open(&kdir.join("vmlinux")).ok();
    let build_id = match linked.as_ref().and_then(Vmlinux::build_id) {
        Some(build_id) => Some(build_id),
        None => build_id_of_image(step, cache, root, release),
    };
    let btf = linked.as_ref().and_then(|it| it.section(".BTF"));
    let types = btf.map_or_else(|| Ok(Vec::new()), |btf| types(btf, &shims))?;
    let text = header(release, build_id.as_ref(), &types);
    replace(&kdir.join(HEADER), &text)
}

/// Finds the build-id in the boot image: a headers package has no whole kernel.
fn build_id_of_image(
    step: &Step,
    cache: &Cache,
    root: Option<&Root>,
    release: &str,
) -> Option<BuildId> {
    let name = format!("boot/vmlinuz-{release}");
    let image = match root {
        Some(root) => root.path(&name),
        None => PathBuf::from("/").join(name),
    };
    let found = Vmlinux::in_image(cache, root, &image);
    let build_id = found.and_then(|it| it.build_id().context("it has no build-id"));
    match build_id {
        Ok(build_id) => Some(build_id),
        Err(error) => {
            step.prints(&format!(
                "  the build-id of {release} is not known ({error:#}): the module will arm nothing \
                 unless it is loaded with allow=btf"
            ));
            None
        }
    }
}

/// Returns the signature of everything that the hooks stand on; variables have none.
fn types<'a>(btf: &[u8], shims: &'a Shims) -> Result<Vec<(&'a str, u64)>> {
    let mut index = vec![0; INDEX_LEN];
    let btf = Btf::parse(btf, &mut index)?;
    let mut types = Vec::new();
    for name in shims.names() {
        match btf.signature(name)? {
            Some(signature) => types.push((name, signature)),
            None if shims.must_have_type(name) => bail!("the kernel's BTF has no type of {name}"),
            None => types.push((name, 0)),
        }
    }
    Ok(types)
}

fn header(release: &str, build_id: Option<&BuildId>, types: &[(&str, u64)]) -> String {
    let mut text = String::from("/* Made by `cargo xtask module`; do not edit. */\n");
    let id = build_id.map_or_else(String::new, |id| {
        let bytes = id.bytes().iter().map(|byte| format!("0x{byte:02x}"));
        bytes.collect::<Vec<_>>().join(", ")
    });
    // A string takes everything.
    let _ = writeln!(text, "#define VK_BUILD_RELEASE \"{release}\"");
    let _ = writeln!(text, "#define VK_BUILD_ID {id}");
    let _ = write!(text, "#define VK_BUILD_TYPES");
    for (name, signature) in types {
        let _ = write!(text, " \\\n\t{{ \"{name}\", 0x{signature:016x}ULL }},");
    }
    text + "\n"
}

/// Leaves a file alone that is right already: what includes it need not be compiled again.
fn replace(path: &Path, text: &str) -> Result<Written> {
    let written = match fs::read_to_string(path) {
        Ok(old) if old == text => return Ok(Written::Kept),
        Ok(_) => Written::Changed,
        Err(_) => Written::First,
    };
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_c_reads() {
        let id = BuildId::new(&[0xab; 20]);
        let text = header("7.2.12-x", id.as_ref(), &[("do_it", 5), ("a_number", 0)]);
        assert!(text.contains("#define VK_BUILD_RELEASE \"7.2.12-x\"\n"));
        assert!(text.contains("#define VK_BUILD_ID 0xab, 0xab"));
        assert!(text.contains("{ \"do_it\", 0x0000000000000005ULL },"));
        let unknown = header("7.2.12-x", None, &[]);
        assert!(unknown.contains("#define VK_BUILD_ID \n"));
    }

    #[test]
    fn leaves_a_record_alone_that_is_right() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("record.h");
        assert_eq!(replace(&path, "a")?, Written::First);
        assert_eq!(replace(&path, "a")?, Written::Kept);
        assert_eq!(replace(&path, "b")?, Written::Changed);
        Ok(())
    }
}
