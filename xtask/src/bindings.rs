//! `bindings`: Rust's view of `vk_shims.h`, made by bindgen and committed.

use std::fs;

use anyhow::{Context, Result};

use crate::cache::Cache;
use crate::report::Report;
use crate::root::Root;
use crate::step;
use crate::workspace;

/// The header and what is made of it, below the top of the checkout.
const HEADER: &str = "vk-ffi-shims/include/vk_shims.h";
const BINDINGS: &str = "vk-ffi-shims/src/bindings.rs";

/// The first line of the file.
const TITLE: &str = "//! Made by `cargo xtask bindings` from `include/vk_shims.h`; do not edit.";

/// The check's name.
pub(crate) const NAME: &str = "build/bindings-are-fresh";

/// Writes the bindings.
///
/// # Errors
///
/// There is no build root, or bindgen does not take the header.
pub(crate) fn write() -> Result<()> {
    let cache = Cache::find()?;
    let text = generated(&cache, &Root::existing(&cache)?)?;
    let path = workspace::dir().join(BINDINGS);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Checks that the committed bindings are what bindgen makes today.
///
/// # Errors
///
/// Bindgen does not take the header, or the file cannot be read.
pub(crate) fn check(cache: &Cache, report: &mut Report) -> Result<()> {
    let Ok(root) = Root::existing(cache) else {
        report.skipped(
            NAME,
            "bindgen is in the build root: `cargo xtask setup` makes it",
        );
        return Ok(());
    };
    let wanted = generated(cache, &root)?;
    let found = fs::read_to_string(workspace::dir().join(BINDINGS))?;
    match difference(&found, &wanted) {
        None => report.ok(NAME),
        Some(line) => {
            let why = format!(
                "{BINDINGS} differs from line {line} on, \
                 expected what `cargo xtask bindings` writes"
            );
            report.failed(NAME, why);
        }
    }
    Ok(())
}

fn generated(cache: &Cache, root: &Root) -> Result<String> {
    step::unannounced(&cache.logs(), "bindings", |step| {
        let command = root
            .command("bindgen", &workspace::dir())?
            .args([
                "--use-core",
                "--disable-header-comment",
                "--no-doc-comments",
            ])
            .args(["--no-layout-tests", "--no-prepend-enum-name"])
            .args(["--rust-target", "1.85", "--rust-edition", "2021"])
            .args(["--allowlist-file", ".*/vk_shims\\.h"])
            .args(["--raw-line", TITLE])
            .arg(HEADER);
        step.says_command(&command.to_string());
        command.output().map(|text| text + "\n")
    })
}

/// Returns the number of the first line in which the two differ.
fn difference(found: &str, wanted: &str) -> Option<usize> {
    let same = found
        .lines()
        .zip(wanted.lines())
        .take_while(|(a, b)| a == b);
    let same = same.count();
    let longest = found.lines().count().max(wanted.lines().count());
    (same < longest).then_some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_line_that_differs() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(difference("a\n", "a\nb\n"), Some(2));
    }
}
