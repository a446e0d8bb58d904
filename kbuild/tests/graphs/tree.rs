//! A cargo workspace in a temporary directory, with a registry of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use vk_kbuild::{Error, Rules};

/// A workspace whose members and downloads are what a test says.
pub(crate) struct Tree {
    dir: TempDir,
}

impl Tree {
    /// Makes an empty workspace: every directory in it is a member, but for the downloads.
    pub(crate) fn new() -> Self {
        let tree = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        tree.file(
            "ws/Cargo.toml",
            "[workspace]\nresolver = \"2\"\nmembers = [\"*\"]\nexclude = [\".cargo\", \"downloads\"]\n",
        );
        tree.file(
            "ws/.cargo/config.toml",
            "[source.crates-io]\nreplace-with = \"downloads\"\n\n\
             [source.downloads]\ndirectory = \"downloads\"\n",
        );
        fs::create_dir(tree.path("ws/downloads")).unwrap();
        tree
    }

    /// Adds a member: version 0.1.0, edition 2021, then `manifest`.
    pub(crate) fn member(self, name: &str, manifest: &str) -> Self {
        self.package("ws", name, name, "0.1.0", manifest);
        self
    }

    /// Adds a package that comes from the registry.
    pub(crate) fn download(self, name: &str, version: &str, manifest: &str) -> Self {
        let dir = format!("{name}-{version}");
        self.package("ws/downloads", &dir, name, version, manifest);
        self.file(
            &format!("ws/downloads/{dir}/.cargo-checksum.json"),
            "{\"files\":{}}",
        );
        self
    }

    /// Adds a file to a member.
    pub(crate) fn with(self, path: &str, text: &str) -> Self {
        self.file(&format!("ws/{path}"), text);
        self
    }

    /// Returns the rules of the member `name`.
    pub(crate) fn rules(&self, name: &str) -> Result<Rules, Error> {
        self.lock();
        Rules::new(&self.manifest(name))
    }

    /// Returns the text of the rules of the member `module`.
    pub(crate) fn text(&self) -> String {
        self.rules("module").unwrap().text().to_owned()
    }

    /// Returns what refuses the member `module`.
    pub(crate) fn refusal(&self) -> String {
        self.rules("module").unwrap_err().to_string()
    }

    /// Writes Cargo.lock.
    pub(crate) fn lock(&self) {
        let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
        let output = Command::new(cargo)
            .args(["generate-lockfile", "--offline"])
            .current_dir(self.path("ws"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Returns the manifest of the member `name`.
    pub(crate) fn manifest(&self, name: &str) -> PathBuf {
        self.path(&format!("ws/{name}/Cargo.toml"))
    }

    /// Returns a path in the temporary directory.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(path)
    }

    fn package(&self, place: &str, dir: &str, name: &str, version: &str, manifest: &str) {
        let edition = if manifest.contains("edition =") {
            ""
        } else {
            "edition = \"2021\"\n"
        };
        self.file(
            &format!("{place}/{dir}/Cargo.toml"),
            &format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\n{edition}{manifest}"),
        );
        if !manifest.contains("[lib]\npath") {
            self.file(&format!("{place}/{dir}/src/lib.rs"), "");
        }
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// A member that is the module `toy`; `rest` is the rest of its manifest.
pub(crate) fn toy(rest: &str) -> String {
    format!("[package.metadata.kbuild]\nmodule = \"toy\"\n{rest}")
}

/// Returns the options of the crate `name`, one a line.
pub(crate) fn options(text: &str, name: &str) -> Vec<String> {
    let start = format!("RUSTFLAGS_.vk-kbuild/{name}.o := ");
    let at = text
        .find(&start)
        .unwrap_or_else(|| panic!("no crate {name} in\n{text}"));
    let mut options = Vec::new();
    for line in text[at + start.len()..].lines() {
        options.push(line.trim().trim_end_matches('\\').trim().to_owned());
        if !line.ends_with('\\') {
            break;
        }
    }
    options
}

/// Returns the features that the crate `name` is compiled with.
pub(crate) fn features(text: &str, name: &str) -> Vec<String> {
    let feature = |option: String| {
        let feature = option
            .strip_prefix("--cfg 'feature=\"")?
            .strip_suffix("\"'")?;
        Some(feature.to_owned())
    };
    options(text, name)
        .into_iter()
        .filter_map(feature)
        .collect()
}

/// Returns the objects that the module `toy` is linked from.
pub(crate) fn objects(text: &str) -> Vec<String> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("toy-y += "))
        .unwrap();
    line.split_whitespace().map(str::to_owned).collect()
}
