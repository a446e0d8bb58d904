//! The build scripts whose result is known without running them.

use crate::cargo::Package;

/// A build script that only sets cfgs, each for compilers newer than the kernel's oldest.
struct Known {
    name: &'static str,
    /// The versions whose script was read.
    versions: &'static str,
    cfgs: &'static [&'static str],
}

const KNOWN: &[Known] = &[Known {
    name: "memoffset",
    versions: "0.9.",
    // Rust 1.20, 1.36, 1.51, 1.65 and 1.77; `allow_clippy` and `doctests` change no code.
    cfgs: &[
        "tuple_ty",
        "maybe_uninit",
        "raw_ref_macros",
        "stable_const",
        "stable_offset_of",
    ],
}];

/// Returns the cfgs that the build script of `package` would set, if the script is known.
pub(crate) fn cfgs(package: &Package) -> Option<&'static [&'static str]> {
    let is_known =
        |known: &&Known| known.name == package.name && package.version.starts_with(known.versions);
    KNOWN.iter().find(is_known).map(|known| known.cfgs)
}
