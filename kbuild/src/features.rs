//! The features and dependencies that one package turns on, itself and all the way down.
//!
//! cargo prints features as they are for a whole workspace. A module is compiled alone, so they
//! are computed again from the manifests, by the rules of cargo's resolver 2: only normal
//! dependencies count, and only those of this platform.

use std::collections::{BTreeMap, BTreeSet};

use crate::cargo::{Dependency, Metadata, Package, PackageId};
use crate::error::Error;
use crate::table::Table;

/// What is turned on, package by package.
pub(crate) struct Features<'m> {
    metadata: &'m Metadata,
    packages: BTreeMap<&'m PackageId, Active<'m>>,
}

/// What is turned on in one package.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Active<'m> {
    pub(crate) features: BTreeSet<&'m str>,
    /// The optional dependencies, by their keys.
    optional: BTreeSet<&'m str>,
    /// The dependencies, by the names that `extern crate` knows them by.
    pub(crate) dependencies: BTreeMap<&'m str, &'m PackageId>,
}

impl<'m> Features<'m> {
    /// Computes what `root` turns on when Kbuild compiles it with its default features.
    pub(crate) fn new(metadata: &'m Metadata, root: &'m Package) -> Result<Self, Error> {
        let mut this = Self {
            metadata,
            packages: BTreeMap::new(),
        };
        this.turn_on(root, true, &[])?;
        // Each pass only ever adds, so this ends.
        loop {
            let before = this.packages.clone();
            for (id, active) in &before {
                this.pass(id, active)?;
            }
            if this.packages == before {
                return Ok(this);
            }
        }
    }

    /// Returns what is on in the package of that id.
    pub(crate) fn of(&self, id: &PackageId) -> Active<'m> {
        self.packages.get(id).cloned().unwrap_or_default()
    }

    /// Does once what the features and dependencies of one package ask for.
    fn pass(&mut self, id: &'m PackageId, active: &Active<'m>) -> Result<(), Error> {
        let Some(package) = self.metadata.package(id) else {
            return Ok(());
        };
        for feature in &active.features {
            for asked in package.features.get(*feature).into_iter().flatten() {
                self.ask(package, active, asked)?;
            }
        }
        for dependency in dependencies(package) {
            if !dependency.optional || active.optional.contains(dependency.key()) {
                self.depend(package, dependency, &[])?;
            }
        }
        Ok(())
    }

    /// Turns on one entry of a feature's list: `f`, `dep:x`, `x/f` or `x?/f`.
    fn ask(
        &mut self,
        package: &'m Package,
        active: &Active<'m>,
        asked: &'m str,
    ) -> Result<(), Error> {
        if let Some(key) = asked.strip_prefix("dep:") {
            self.active(package).optional.insert(key);
            return Ok(());
        }
        let Some((key, feature)) = asked.split_once('/') else {
            self.active(package).features.insert(asked);
            return Ok(());
        };
        let weak = key.strip_suffix('?');
        let key = weak.unwrap_or(key);
        for dependency in dependencies(package).filter(|dependency| dependency.key() == key) {
            if dependency.optional && !active.optional.contains(key) {
                if weak.is_some() {
                    continue;
                }
                self.turn_on_optional(package, key);
            }
            self.depend(package, dependency, &[feature])?;
        }
        Ok(())
    }

    fn turn_on_optional(&mut self, package: &'m Package, key: &'m str) {
        let active = self.active(package);
        active.optional.insert(key);
        // The feature that cargo names after an optional dependency, where there is one.
        if package.features.contains_key(key) {
            active.features.insert(key);
        }
    }

    /// Turns on a dependency with what its line asks for, and `features` besides.
    fn depend(
        &mut self,
        package: &'m Package,
        dependency: &'m Dependency,
        features: &[&'m str],
    ) -> Result<(), Error> {
        let Some((name, found)) = self.metadata.resolved(package, dependency) else {
            if dependency.optional && !dependency.is_for_some_platforms() {
                return Err(Error::NotLocked {
                    package: package.name.clone(),
                    dependency: dependency.key().to_owned(),
                });
            }
            // It is for another platform.
            return Ok(());
        };
        self.active(package).dependencies.insert(name, &found.id);
        let asked: Vec<&str> = dependency.features.iter().map(String::as_str).collect();
        self.turn_on(found, dependency.uses_default_features, &asked)?;
        self.turn_on(found, false, features)
    }

    fn turn_on(
        &mut self,
        package: &'m Package,
        default: bool,
        features: &[&'m str],
    ) -> Result<(), Error> {
        let is_first = !self.packages.contains_key(&package.id);
        let kernel_features = if is_first {
            kernel_features(package)?
        } else {
            Vec::new()
        };
        let active = self.active(package);
        active.features.extend(kernel_features);
        if default && package.features.contains_key("default") {
            active.features.insert("default");
        }
        for feature in features {
            active.features.insert(feature);
        }
        Ok(())
    }

    fn active(&mut self, package: &'m Package) -> &mut Active<'m> {
        self.packages.entry(&package.id).or_default()
    }
}

fn dependencies(package: &Package) -> impl Iterator<Item = &Dependency> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.is_normal())
}

fn kernel_features(package: &Package) -> Result<Vec<&str>, Error> {
    let wanted = Table::of(package)?.kernel_features;
    let names = package.features.keys().map(String::as_str);
    Ok(names
        .filter(|name| wanted.iter().any(|feature| feature == name))
        .collect())
}
