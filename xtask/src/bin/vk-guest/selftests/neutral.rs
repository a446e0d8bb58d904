//! A policy that says what the host says.

use anyhow::{Context, Result};

use crate::policy;
use crate::row::rows;
use crate::setting::{chosen, read};

/// The keys that a file of the host has a value for, and the feature of each.
const KEYS: &[(&str, &str, &str)] = &[
    (
        "thp_enabled",
        "thp",
        "/sys/kernel/mm/transparent_hugepage/enabled",
    ),
    (
        "thp_defrag",
        "thp-defrag",
        "/sys/kernel/mm/transparent_hugepage/defrag",
    ),
    (
        "thp_shmem_enabled",
        "thp-shmem",
        "/sys/kernel/mm/transparent_hugepage/shmem_enabled",
    ),
    (
        "thp_use_zero_page",
        "thp-zero-page",
        "/sys/kernel/mm/transparent_hugepage/use_zero_page",
    ),
    (
        "vm.overcommit_memory",
        "overcommit",
        "/proc/sys/vm/overcommit_memory",
    ),
    (
        "vm.overcommit_ratio",
        "overcommit",
        "/proc/sys/vm/overcommit_ratio",
    ),
];

/// Gives `target` the host's value of every key that the module has, writable from inside; returns
/// the features that must be armed then.
///
/// # Errors
///
/// The module refuses, or a file cannot be read.
pub(crate) fn set(target: &str) -> Result<Vec<String>> {
    let shown = rows("show", target, &[])?;
    let mut pairs = Vec::new();
    let mut features = vec!["lifecycle".to_owned()];
    for (key, feature, path) in KEYS {
        if !shown.iter().any(|row| row.name == *key) {
            continue;
        }
        let text = read(path)?;
        pairs.push(((*key).to_owned(), chosen(&text).to_owned()));
        pairs.push((format!("{key}.inside"), "rw".to_owned()));
        features.push((*feature).to_owned());
    }
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    policy::set(target, &pairs).context("cannot set the host's own values")?;
    Ok(features)
}
