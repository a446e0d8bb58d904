//! The host's own values: those that no container's policy may change.

use std::collections::BTreeMap;
use std::fs;

/// Where they are.
const FILES: &[&str] = &[
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/overcommit_ratio",
    "/proc/sys/vm/overcommit_kbytes",
    "/proc/sys/vm/min_free_kbytes",
    "/proc/sys/vm/max_map_count",
    "/proc/sys/vm/mmap_min_addr",
    "/proc/sys/vm/admin_reserve_kbytes",
    "/proc/sys/vm/user_reserve_kbytes",
    "/proc/sys/fs/nr_open",
    "/proc/sys/fs/file-max",
    "/proc/sys/fs/mount-max",
    "/proc/sys/fs/pipe-max-size",
    "/proc/sys/fs/pipe-user-pages-hard",
    "/proc/sys/fs/pipe-user-pages-soft",
    "/proc/sys/kernel/threads-max",
    "/proc/sys/kernel/dmesg_restrict",
    "/proc/sys/vm/swappiness",
    "/proc/sys/kernel/ftrace_enabled",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    // The gate is a bit behind this one.
    "/sys/kernel/mm/transparent_hugepage/hugepages-2048kB/enabled",
    "/sys/kernel/mm/transparent_hugepage/defrag",
    "/sys/kernel/mm/transparent_hugepage/shmem_enabled",
    "/sys/kernel/mm/transparent_hugepage/use_zero_page",
    "/sys/kernel/mm/transparent_hugepage/khugepaged/defrag",
];

/// The lines of `/proc/meminfo` that do not change by themselves.
const MEMINFO: &[&str] = &["MemTotal", "CommitLimit", "HugePages_Total", "SwapTotal"];

/// The host's values at one time, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Values(BTreeMap<String, String>);

impl Values {
    /// Reads them.
    pub(crate) fn read() -> Self {
        let mut values = BTreeMap::new();
        for file in FILES {
            // A file that this kernel does not have must not appear later either.
            let text = fs::read_to_string(file).unwrap_or_else(|error| format!("({error})"));
            values.insert((*file).to_owned(), text.trim().to_owned());
        }
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        for (name, value) in meminfo.lines().filter_map(|line| line.split_once(':')) {
            if MEMINFO.contains(&name) {
                values.insert(name.to_owned(), value.trim().to_owned());
            }
        }
        Self(values)
    }

    /// Returns what differs in `later`, but for the names in `apart`.
    pub(crate) fn changes(&self, later: &Self, apart: &[&str]) -> Vec<String> {
        let mut changes = Vec::new();
        for (name, before) in &self.0 {
            let after = later.0.get(name);
            if after != Some(before) && !apart.contains(&name.as_str()) {
                let after = after.map_or("gone", String::as_str);
                changes.push(format!("{name}: {before} -> {after}"));
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_changed() {
        let values = |value: &str| {
            let name = "overcommit_memory".to_owned();
            Values(BTreeMap::from([(name, value.to_owned())]))
        };
        assert!(values("0").changes(&values("0"), &[]).is_empty());
        let changes = values("0").changes(&values("1"), &[]);
        assert_eq!(changes, ["overcommit_memory: 0 -> 1"]);
        let apart = ["overcommit_memory"];
        assert!(values("0").changes(&values("1"), &apart).is_empty());
    }
}
