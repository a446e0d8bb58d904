//! A module's crates and C files, in the order in which they can be compiled.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::build_script;
use crate::cargo::{Metadata, Package, PackageId, Target};
use crate::error::Error;
use crate::features::Features;
use crate::table::{Series, Table};

/// All that one module is made of.
pub(crate) struct Graph {
    /// The name of the module.
    pub(crate) module: String,
    /// The crate that Kbuild compiles as the module.
    pub(crate) root: Crate,
    /// The crates it is linked with, each after those it needs.
    pub(crate) crates: Vec<Crate>,
    /// The C files that come with the crates, by package.
    pub(crate) c_sources: Vec<CSources>,
    /// The files that the graph was read from, but for downloaded ones.
    pub(crate) manifests: Vec<PathBuf>,
}

/// One crate and how it is compiled.
pub(crate) struct Crate {
    /// Its own name, not what others may call it.
    pub(crate) name: String,
    pub(crate) package: String,
    pub(crate) version: String,
    /// The directory of the package.
    pub(crate) dir: PathBuf,
    pub(crate) source: PathBuf,
    pub(crate) edition: String,
    pub(crate) features: BTreeSet<String>,
    /// What its build script would set.
    pub(crate) cfgs: &'static [&'static str],
    /// Whether it is the author's own.
    pub(crate) is_local: bool,
    /// Whether it may use the kernel's own crates.
    pub(crate) uses_kernel: bool,
    /// The crates it names: the name it has for each, and the crate's own.
    pub(crate) externs: BTreeMap<String, String>,
}

/// The C files of one package.
pub(crate) struct CSources {
    pub(crate) package: String,
    pub(crate) version: String,
    /// The name that its objects' directory has: that of its library.
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    pub(crate) is_local: bool,
    pub(crate) always: Vec<PathBuf>,
    pub(crate) by_series: BTreeMap<Series, Vec<PathBuf>>,
    pub(crate) include: Vec<PathBuf>,
}

impl Graph {
    /// Computes the graph of the module whose manifest is `manifest`.
    pub(crate) fn new(metadata: &Metadata, manifest: &Path) -> Result<Self, Error> {
        let no_module = || Error::NoModule(manifest.to_owned());
        let package = metadata.package_at(manifest).ok_or_else(no_module)?;
        let table = Table::of(package)?;
        let module = table.module.clone().ok_or_else(no_module)?;

        let features = Features::new(metadata, package)?;
        let mut walk = Walk {
            metadata,
            features: &features,
            seen: BTreeSet::new(),
            order: Vec::new(),
        };
        walk.visit(package, &module)?;
        let mut packages = walk.order;

        let root = root(package, &table, &module, &features, metadata)?;
        if package
            .library()
            .is_none_or(|library| library.src_path == root.source)
        {
            // The library is the module, not something the module is linked with.
            packages.retain(|other| other.id != package.id);
        }
        let crates = packages
            .iter()
            .map(|package| library(package, &features, metadata));
        let crates = crates.collect::<Result<Vec<_>, _>>()?;
        refuse_equal_names(crates.iter().chain([&root]))?;

        packages.retain(|other| other.id != package.id);
        packages.push(package);
        Ok(Self {
            module,
            root,
            crates,
            c_sources: c_sources(&packages, &features)?,
            manifests: manifests(metadata, &packages),
        })
    }
}

/// A walk over what the module needs, depth first.
struct Walk<'m> {
    metadata: &'m Metadata,
    features: &'m Features<'m>,
    seen: BTreeSet<&'m PackageId>,
    order: Vec<&'m Package>,
}

impl<'m> Walk<'m> {
    /// Adds `package` after what it needs; `user` is what needs it.
    fn visit(&mut self, package: &'m Package, user: &str) -> Result<(), Error> {
        if !self.seen.insert(&package.id) {
            return Ok(());
        }
        refuse_what_kbuild_cannot_run(package, user)?;
        for id in self.features.of(&package.id).dependencies.values() {
            if let Some(needed) = self.metadata.package(id) {
                self.visit(needed, &package.name)?;
            }
        }
        self.order.push(package);
        Ok(())
    }
}

fn refuse_what_kbuild_cannot_run(package: &Package, user: &str) -> Result<(), Error> {
    let (name, version, user) = (
        package.name.clone(),
        package.version.clone(),
        user.to_owned(),
    );
    if package.is_proc_macro() {
        return Err(Error::ProcMacro {
            name,
            version,
            user,
        });
    }
    if package.has_build_script() && build_script::cfgs(package).is_none() {
        return Err(Error::BuildScript {
            name,
            version,
            user,
        });
    }
    Ok(())
}

/// Returns the crate that Kbuild compiles as the module.
fn root(
    package: &Package,
    table: &Table,
    module: &str,
    features: &Features<'_>,
    metadata: &Metadata,
) -> Result<Crate, Error> {
    let library = package.library();
    let source = match (&table.root, library) {
        (Some(root), _) => package.dir().join(root),
        (None, Some(library)) => library.src_path.clone(),
        (None, None) => return Err(Error::NoRoot(package.name.clone())),
    };
    let mut root = one_crate(package, package.edition.clone(), source, features, metadata);
    root.uses_kernel = true;
    match library {
        Some(library) if library.src_path == root.source => root.name = crate_name(library),
        Some(library) => {
            root.name = root_name(module);
            root.externs
                .insert(crate_name(library), crate_name(library));
        }
        None => root.name = root_name(module),
    }
    Ok(root)
}

/// Returns the name of a root that is not a library: never that of the module, which may well be
/// the library's.
fn root_name(module: &str) -> String {
    format!("{}_root", module.replace('-', "_"))
}

/// Returns the library of a package.
fn library(
    package: &Package,
    features: &Features<'_>,
    metadata: &Metadata,
) -> Result<Crate, Error> {
    let Some(target) = package.library() else {
        return Err(Error::NoLibrary {
            name: package.name.clone(),
            version: package.version.clone(),
        });
    };
    let mut library = one_crate(
        package,
        target.edition.clone(),
        target.src_path.clone(),
        features,
        metadata,
    );
    library.name = crate_name(target);
    library.uses_kernel = !Table::of(package)?.kernel_features.is_empty();
    Ok(library)
}

fn one_crate(
    package: &Package,
    edition: String,
    source: PathBuf,
    features: &Features<'_>,
    metadata: &Metadata,
) -> Crate {
    let active = features.of(&package.id);
    let externs = active.dependencies.iter().filter_map(|(name, id)| {
        let library = metadata.package(id)?.library()?;
        Some(((*name).to_owned(), crate_name(library)))
    });
    Crate {
        name: String::new(),
        package: package.name.clone(),
        version: package.version.clone(),
        dir: package.dir().to_owned(),
        source,
        edition,
        features: active
            .features
            .iter()
            .map(|feature| (*feature).to_owned())
            .collect(),
        cfgs: build_script::cfgs(package).unwrap_or(&[]),
        is_local: package.is_local(),
        uses_kernel: false,
        externs: externs.collect(),
    }
}

fn crate_name(target: &Target) -> String {
    target.name.replace('-', "_")
}

/// Refuses two crates of one name: they would be one object, and rustc could not tell them apart.
fn refuse_equal_names<'c>(crates: impl Iterator<Item = &'c Crate>) -> Result<(), Error> {
    let mut seen: BTreeMap<&str, &Crate> = BTreeMap::new();
    for this in crates {
        if let Some(other) = seen.insert(&this.name, this) {
            return Err(Error::EqualNames {
                name: this.name.clone(),
                packages: [other, this].map(|one| format!("{} {}", one.package, one.version)),
            });
        }
    }
    Ok(())
}

fn c_sources(packages: &[&Package], features: &Features<'_>) -> Result<Vec<CSources>, Error> {
    let mut sources = Vec::new();
    for package in packages {
        let table = Table::of(package)?;
        let active = features.of(&package.id).features.iter().copied().collect();
        let (always, by_series) = table.c_objects_with(&active);
        if always.is_empty() && by_series.is_empty() && table.c_include.is_empty() {
            continue;
        }
        sources.push(CSources {
            package: package.name.clone(),
            version: package.version.clone(),
            name: package
                .library()
                .map_or_else(|| package.name.replace('-', "_"), crate_name),
            dir: package.dir().to_owned(),
            is_local: package.is_local(),
            always,
            by_series,
            include: table.c_include,
        });
    }
    Ok(sources)
}

fn manifests(metadata: &Metadata, packages: &[&Package]) -> Vec<PathBuf> {
    let local = packages.iter().filter(|package| package.is_local());
    let mut files: BTreeSet<PathBuf> = local.map(|package| package.manifest_path.clone()).collect();
    files.insert(metadata.workspace_root.join("Cargo.toml"));
    files.insert(metadata.workspace_root.join("Cargo.lock"));
    files.into_iter().collect()
}
