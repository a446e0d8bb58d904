//! Why there are no rules.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::cargo::Package;

/// Why the rules of a module cannot be made, or cannot be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory cannot be read.
    Read(PathBuf, io::Error),
    /// The rules cannot be written.
    Write(PathBuf, io::Error),
    /// The rules in the file are not those of the manifests.
    Stale(PathBuf),
    /// cargo cannot be run.
    NoCargo(io::Error),
    /// cargo refuses; this is what it says.
    Cargo(String),
    /// cargo's answer has another form than expected.
    Answer(serde_json::Error),
    /// The package of this manifest is not a module.
    NoModule(PathBuf),
    /// The package is a module but has neither a library nor a `root`.
    NoRoot(String),
    /// A `[package.metadata.kbuild]` table is wrong.
    Table {
        /// The package that has it.
        package: String,
        /// What is wrong.
        says: String,
    },
    /// A package has a build script that is not known.
    BuildScript {
        /// The package.
        name: String,
        /// Its version.
        version: String,
        /// The package that needs it.
        user: String,
    },
    /// A package is a procedural macro.
    ProcMacro {
        /// The package.
        name: String,
        /// Its version.
        version: String,
        /// The package that needs it.
        user: String,
    },
    /// A package has no library of a kind that can be linked into a module.
    NoLibrary {
        /// The package.
        name: String,
        /// Its version.
        version: String,
    },
    /// Two crates of the graph have one name.
    EqualNames {
        /// The name.
        name: String,
        /// The two packages.
        packages: [String; 2],
    },
    /// A dependency that only a kernel feature turns on is not in Cargo.lock.
    NotLocked {
        /// The package with the feature.
        package: String,
        /// The dependency.
        dependency: String,
    },
    /// A path that make or a shell would read as something else.
    OddPath(PathBuf),
}

impl Error {
    pub(crate) fn table(package: &Package, says: String) -> Self {
        Self::Table {
            package: package.name.clone(),
            says,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Write(path, error) => write!(f, "cannot write {}: {error}", path.display()),
            Self::Stale(path) => write!(
                f,
                "{} is not what Cargo.toml and Cargo.lock say: run vk-kbuild again",
                path.display()
            ),
            Self::NoCargo(error) => write!(f, "cannot run cargo: {error}"),
            Self::Cargo(said) => write!(
                f,
                "cargo cannot read the graph (it is asked not to use the network: \
                 `cargo fetch --locked` downloads what is missing):\n{said}"
            ),
            Self::Answer(error) => write!(f, "cargo metadata answered something unexpected: {error}"),
            Self::NoModule(path) => write!(
                f,
                "{} is not a module: give it the lines\n[package.metadata.kbuild]\nmodule = \"NAME\"",
                path.display()
            ),
            Self::NoRoot(package) => write!(
                f,
                "package {package} has no library: say which file is the module with `root = \"src/FILE.rs\"` \
                 under [package.metadata.kbuild]"
            ),
            Self::Table { package, says } => {
                write!(f, "package {package}, [package.metadata.kbuild]: {says}")
            }
            Self::BuildScript { name, version, user } => write!(
                f,
                "crate {name} {version} (needed by {user}) has a build script, which Kbuild cannot run \
                 (only memoffset 0.9's is known): use a crate without one, or turn off the feature that \
                 brings it in"
            ),
            Self::ProcMacro { name, version, user } => write!(
                f,
                "crate {name} {version} (needed by {user}) is a procedural macro, which Kbuild cannot build: \
                 turn off the feature that brings it in, or write out what it generates"
            ),
            Self::NoLibrary { name, version } => {
                write!(f, "crate {name} {version} has no library that a module can be linked with")
            }
            Self::EqualNames { name, packages: [one, other] } => write!(
                f,
                "{one} and {other} are both called `{name}`: make the module and its dependencies agree \
                 on one (`cargo tree --edges normal --invert {name}` shows who asks for which)"
            ),
            Self::NotLocked { package, dependency } => write!(
                f,
                "a kernel feature of {package} needs {dependency}, which is not in Cargo.lock: turn that \
                 feature on in Cargo.toml too"
            ),
            Self::OddPath(path) => write!(
                f,
                "make cannot handle the path {}: move it where the name has only letters, digits and /._-+@,~",
                path.display()
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(_, error) | Self::Write(_, error) | Self::NoCargo(error) => Some(error),
            Self::Answer(error) => Some(error),
            _ => None,
        }
    }
}
