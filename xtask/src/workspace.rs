//! The checkout: where it is, what cargo says about it, and cargo itself.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use serde::Deserialize;

use crate::command::Command;

/// What cargo says about the workspace.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) targets: Vec<Target>,
    publish: Option<Vec<String>>,
}

/// What cargo builds of a package.
#[derive(Deserialize)]
pub(crate) struct Target {
    pub(crate) kind: Vec<String>,
}

impl Package {
    /// Tells whether it may go to a registry.
    pub(crate) fn is_publishable(&self) -> bool {
        self.publish.as_ref().is_none_or(|list| !list.is_empty())
    }

    /// Tells whether it has a library.
    pub(crate) fn has_library(&self) -> bool {
        let is_library = |kind: &String| kind.ends_with("lib");
        self.targets.iter().any(|it| it.kind.iter().any(is_library))
    }
}

/// Returns the top of the checkout.
pub(crate) fn dir() -> PathBuf {
    // The manifest's place at run time, if cargo started us; at build time otherwise.
    let xtask = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map_or(xtask.clone(), Path::to_path_buf)
}

/// Returns cargo's home, where the sources of dependencies are.
///
/// # Errors
///
/// `HOME` is not set.
pub(crate) fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    Ok(PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".cargo"))
}

/// Describes a run of cargo at the top of the checkout.
pub(crate) fn cargo() -> Command {
    Command::new("cargo")
        .dir(dir())
        .env("CARGO_TERM_COLOR", "never")
}

/// Returns the members of the workspace.
///
/// # Errors
///
/// Cargo cannot be run, or says something else than expected.
pub(crate) fn packages() -> Result<Vec<Package>> {
    Ok(metadata()?.packages)
}

fn metadata() -> Result<Metadata> {
    let words = ["metadata", "--format-version=1", "--no-deps"];
    let json = cargo().args(words).output()?;
    serde_json::from_str(&json).context("cannot read cargo metadata")
}

/// Builds the program `bin` of `package` and returns its path.
///
/// # Errors
///
/// It does not compile.
pub(crate) fn build_binary(
    step: &crate::step::Step,
    package: &str,
    bin: &str,
    extra: &[&str],
) -> Result<PathBuf> {
    let build = cargo()
        .args(["build", "--locked", "--package", package, "--bin", bin])
        .args(extra);
    build.run(step)?;
    // The second run compiles nothing and names the file.
    let messages = build.args(["--quiet", "--message-format=json"]).output()?;
    match messages
        .lines()
        .filter_map(|it| executable(it, bin))
        .next_back()
    {
        Some(path) => Ok(path),
        None => bail!("cargo built no program {bin}"),
    }
}

fn executable(message: &str, bin: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    if message["target"]["name"] != bin {
        return None;
    }
    message["executable"].as_str().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_program_that_cargo_names() {
        let message = r#"{"reason":"compiler-artifact","target":{"name":"x"},"executable":"/t/x"}"#;
        assert_eq!(executable(message, "x"), Some(PathBuf::from("/t/x")));
        assert_eq!(executable(message, "y"), None);
        assert_eq!(executable("not json", "x"), None);
    }

    #[test]
    fn lists_the_members_with_their_kinds() -> Result<()> {
        let packages = packages()?;
        let of = |name: &str| packages.iter().find(|package| package.name == name);
        assert!(of("vk-hook").is_some_and(|it| it.is_publishable() && it.has_library()));
        assert!(of("xtask").is_some_and(|it| !it.is_publishable()));
        Ok(())
    }
}
