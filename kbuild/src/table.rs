//! What a package says to Kbuild: the table `[package.metadata.kbuild]` of its manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::cargo::Package;
use crate::error::Error;

/// The table of one package; empty if it has none.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Table {
    /// The name of the module that the package is the source of.
    pub(crate) module: Option<String>,
    /// The crate root that Kbuild compiles as the module; the library's, if not given.
    pub(crate) root: Option<PathBuf>,
    /// The features that only Kbuild turns on, because they need the `kernel` crate.
    pub(crate) kernel_features: Vec<String>,
    /// The C and assembly files that belong to the crate.
    pub(crate) c_objects: Vec<PathBuf>,
    /// Those that belong to it on one kernel series, `"7.2"`.
    pub(crate) c_objects_series: BTreeMap<Series, Vec<PathBuf>>,
    /// Those that belong to it with one of its features.
    pub(crate) c_objects_feature: BTreeMap<String, Vec<PathBuf>>,
    /// Those that belong to it with a feature on one kernel series.
    pub(crate) c_objects_feature_series: BTreeMap<String, BTreeMap<Series, Vec<PathBuf>>>,
    /// The directories of headers for every C file of the module.
    pub(crate) c_include: Vec<PathBuf>,
}

/// A kernel series: the first two numbers of a kernel's version.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(try_from = "String")]
pub(crate) struct Series {
    version: u32,
    patchlevel: u32,
}

impl Table {
    /// Reads the table of `package`.
    pub(crate) fn of(package: &Package) -> Result<Self, Error> {
        let table = package
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.get("kbuild"));
        let Some(table) = table else {
            return Ok(Self::default());
        };
        let table: Self = serde_json::from_value(table.clone())
            .map_err(|error| Error::table(package, error.to_string()))?;
        table.verify(package)?;
        Ok(table)
    }

    fn verify(&self, package: &Package) -> Result<(), Error> {
        if let Some(name) = self.module.as_ref().filter(|name| !is_module_name(name)) {
            return Err(Error::table(
                package,
                format!("`{name}` cannot be the name of a module"),
            ));
        }
        for feature in &self.kernel_features {
            if !package.features.contains_key(feature) {
                let says = format!("kernel-features: there is no feature `{feature}`");
                return Err(Error::table(package, says));
            }
        }
        let with_features = self.c_objects_feature.keys();
        for feature in with_features.chain(self.c_objects_feature_series.keys()) {
            if !package.features.contains_key(feature) {
                let says = format!("c-objects-feature: there is no feature `{feature}`");
                return Err(Error::table(package, says));
            }
        }
        for source in self.sources() {
            verify_inside(package, source)?;
            let extension = source.extension().unwrap_or_default();
            if extension != "c" && extension != "S" {
                let says = format!("{} is neither a .c nor a .S file", source.display());
                return Err(Error::table(package, says));
            }
        }
        self.verify_one_object_each(package)?;
        self.c_include
            .iter()
            .chain(&self.root)
            .try_for_each(|path| verify_inside(package, path))
    }

    fn sources(&self) -> impl Iterator<Item = &PathBuf> {
        let by_series = self.c_objects_series.values().flatten();
        let by_feature = self.c_objects_feature.values().flatten();
        let by_both = self.c_objects_feature_series.values();
        let by_both = by_both.flat_map(BTreeMap::values).flatten();
        let sources = self.c_objects.iter().chain(by_series);
        sources.chain(by_feature).chain(by_both)
    }

    /// Returns the C and assembly files with `features`: those of every series, and those of one.
    pub(crate) fn c_objects_with(
        &self,
        features: &BTreeSet<&str>,
    ) -> (Vec<PathBuf>, BTreeMap<Series, Vec<PathBuf>>) {
        let mut always = self.c_objects.clone();
        let mut by_series = self.c_objects_series.clone();
        for feature in features {
            always.extend(
                self.c_objects_feature
                    .get(*feature)
                    .into_iter()
                    .flatten()
                    .cloned(),
            );
            for (series, files) in self
                .c_objects_feature_series
                .get(*feature)
                .into_iter()
                .flatten()
            {
                by_series
                    .entry(*series)
                    .or_default()
                    .extend(files.iter().cloned());
            }
        }
        (always, by_series)
    }

    /// Refuses `a.c` beside `a.S`: both would be `a.o`.
    fn verify_one_object_each(&self, package: &Package) -> Result<(), Error> {
        let features = package.features.keys().map(String::as_str).collect();
        let (always, by_series) = self.c_objects_with(&features);
        for series in by_series.values().map(Vec::as_slice).chain([&[][..]]) {
            let mut seen = BTreeSet::new();
            for source in always.iter().chain(series) {
                if !seen.insert(source.with_extension("o")) {
                    let says = format!("{} has the object of another file", source.display());
                    return Err(Error::table(package, says));
                }
            }
        }
        Ok(())
    }
}

fn is_module_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !name.is_empty() && name.bytes().all(is_allowed)
}

fn verify_inside(package: &Package, path: &Path) -> Result<(), Error> {
    let is_plain = |component| matches!(component, Component::Normal(_));
    if !path.components().all(is_plain) || path.as_os_str().is_empty() {
        let says = format!("{} is not a path inside the package", path.display());
        return Err(Error::table(package, says));
    }
    if !package.dir().join(path).exists() {
        return Err(Error::table(
            package,
            format!("{} does not exist", path.display()),
        ));
    }
    Ok(())
}

impl TryFrom<String> for Series {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let numbers = text.split_once('.');
        let parsed = numbers.and_then(|(version, patchlevel)| {
            Some(Self {
                version: version.parse().ok()?,
                patchlevel: patchlevel.parse().ok()?,
            })
        });
        parsed.ok_or(format!("`{text}` is not a kernel series like \"7.2\""))
    }
}

impl std::fmt::Display for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.version, self.patchlevel)
    }
}
