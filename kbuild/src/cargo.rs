//! What cargo knows of a package's graph: the output of `cargo metadata`.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::error::Error;

/// The target whose `cfg(...)` tables in the manifests hold for code in a kernel.
const PLATFORM: &str = "x86_64-unknown-none";

/// The graph of a whole workspace.
///
/// cargo resolves it with every feature of every member on, so it is only where to look a
/// dependency up: what the module itself turns on is computed by [`crate::features`].
#[derive(Deserialize)]
pub(crate) struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
    pub(crate) workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: PackageId,
    deps: Vec<Edge>,
}

/// A dependency as it was resolved.
#[derive(Deserialize)]
struct Edge {
    /// The name `extern crate` knows it by.
    name: String,
    pkg: PackageId,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    kind: Option<String>,
    target: Option<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(transparent)]
pub(crate) struct PackageId(String);

#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) id: PackageId,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) edition: String,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) manifest_path: PathBuf,
    pub(crate) metadata: Option<serde_json::Value>,
    /// Where it was downloaded from: nothing for a package found by its path.
    source: Option<String>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
pub(crate) struct Target {
    kind: Vec<String>,
    pub(crate) name: String,
    pub(crate) src_path: PathBuf,
    pub(crate) edition: String,
}

/// A dependency as a manifest asks for it.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    name: String,
    rename: Option<String>,
    kind: Option<String>,
    target: Option<String>,
    pub(crate) optional: bool,
    pub(crate) features: Vec<String>,
    pub(crate) uses_default_features: bool,
}

impl Metadata {
    /// Asks cargo, without the network and without a change to Cargo.lock.
    pub(crate) fn read(manifest: &Path) -> Result<Self, Error> {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo
            .args(["metadata", "--locked", "--offline", "--format-version=1"])
            .args(["--all-features", "--filter-platform", PLATFORM])
            .arg("--manifest-path")
            .arg(manifest);
        // cargo looks for its configuration from the current directory upwards.
        if let Some(dir) = manifest.parent() {
            cargo.current_dir(dir);
        }
        let output = cargo.output().map_err(Error::NoCargo)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Error::Cargo(said.trim_end().to_owned()));
        }
        serde_json::from_slice(&output.stdout).map_err(Error::Answer)
    }

    /// Returns the package whose manifest is `manifest`.
    pub(crate) fn package_at(&self, manifest: &Path) -> Option<&Package> {
        let is_at = |package: &&Package| {
            package.manifest_path == manifest
                || package
                    .manifest_path
                    .canonicalize()
                    .is_ok_and(|path| path == manifest)
        };
        self.packages.iter().find(is_at)
    }

    /// Returns the package of that id.
    pub(crate) fn package(&self, id: &PackageId) -> Option<&Package> {
        self.packages.iter().find(|package| package.id == *id)
    }

    /// Returns the name and the package that `dependency` of `package` was resolved to, if it is
    /// for this platform and in the lock file.
    pub(crate) fn resolved(
        &self,
        package: &Package,
        dependency: &Dependency,
    ) -> Option<(&str, &Package)> {
        let node = self
            .resolve
            .nodes
            .iter()
            .find(|node| node.id == package.id)?;
        node.deps.iter().find_map(|edge| {
            let found = self.package(&edge.pkg)?;
            dependency
                .is(edge, found)
                .then_some((edge.name.as_str(), found))
        })
    }
}

impl Package {
    /// Returns the library that other crates can link.
    pub(crate) fn library(&self) -> Option<&Target> {
        self.target(&["lib", "rlib"])
    }

    /// Returns whether it is a procedural macro: code for the compiler, not for the kernel.
    pub(crate) fn is_proc_macro(&self) -> bool {
        self.target(&["proc-macro"]).is_some()
    }

    /// Returns whether it has a build script.
    pub(crate) fn has_build_script(&self) -> bool {
        self.target(&["custom-build"]).is_some()
    }

    /// Returns whether it is the author's own, not a download.
    pub(crate) fn is_local(&self) -> bool {
        self.source.is_none()
    }

    /// Returns the directory of its manifest.
    pub(crate) fn dir(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new("/"))
    }

    fn extern_name(&self) -> String {
        let library = self.target(&["lib", "rlib", "proc-macro", "dylib", "cdylib", "staticlib"]);
        library
            .map_or(self.name.as_str(), |target| &target.name)
            .replace('-', "_")
    }

    fn target(&self, kinds: &[&str]) -> Option<&Target> {
        let is_wanted = |kind: &String| kinds.contains(&kind.as_str());
        self.targets
            .iter()
            .find(|target| target.kind.iter().any(is_wanted))
    }
}

impl Dependency {
    /// Returns the key it has in the manifest.
    pub(crate) fn key(&self) -> &str {
        self.rename.as_deref().unwrap_or(&self.name)
    }

    /// Returns whether the code needs it: not its tests, not its build script.
    pub(crate) fn is_normal(&self) -> bool {
        self.kind.is_none()
    }

    /// Returns whether it is asked for on some platforms only.
    pub(crate) fn is_for_some_platforms(&self) -> bool {
        self.target.is_some()
    }

    fn is(&self, edge: &Edge, package: &Package) -> bool {
        let extern_name = match &self.rename {
            Some(name) => name.replace('-', "_"),
            None => package.extern_name(),
        };
        package.name == self.name
            && edge.name == extern_name
            && edge
                .dep_kinds
                .iter()
                .any(|edge| edge.kind == self.kind && edge.target == self.target)
    }
}
