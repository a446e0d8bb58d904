//! The policy under which containers are measured.

use anyhow::{ensure, Context, Result};
use xtask::measurement::Policy;

use crate::{device, namespace};

/// Strict commits with a limit that is never reached, so that each mapping is charged and judged;
/// huge pages for all, so that the gate is open.
const MEMORY: &[(&str, &str)] = &[
    ("vm.overcommit_memory", "2"),
    ("vm.overcommit_kbytes", "4194304"),
    ("thp_enabled", "always"),
];

/// The same without huge pages, whose questions brk(2) asks as well.
const COMMIT: &[(&str, &str)] = &[
    ("vm.overcommit_memory", "2"),
    ("vm.overcommit_kbytes", "4194304"),
];

/// Limits that are never reached, none of them laxer than the host's: nothing is widened.
const LIMITS: &[(&str, &str)] = &[
    ("vm.max_map_count", "60000"),
    ("vm.mmap_min_addr", "1048576"),
    ("fs.nr_open", "65536"),
    ("fs.file-max", "10000"),
    ("fs.pipe-user-pages-soft", "8192"),
];

/// More than the host has of all that can be wide.
const WIDE: &[(&str, &str)] = &[
    ("vm.max_map_count", "262144"),
    ("fs.nr_open", "2097152"),
    ("fs.pipe-max-size", "2097152"),
];

fn values(policy: Policy) -> &'static [(&'static str, &'static str)] {
    match policy {
        Policy::Memory => MEMORY,
        Policy::Commit => COMMIT,
        Policy::Limits => LIMITS,
        Policy::Wide => WIDE,
    }
}

/// Whose hooks must be in: what is measured without them would look cheap.
fn features(policy: Policy) -> &'static [&'static str] {
    match policy {
        Policy::Memory => &["sysctl", "overcommit", "thp"],
        Policy::Commit => &["sysctl", "overcommit"],
        Policy::Limits => &[
            "parameters",
            "maps",
            "min-addr",
            "descriptors",
            "pipes",
            "files",
        ],
        Policy::Wide => &["parameters", "maps", "descriptors", "pipes"],
    }
}

/// Sets it on the pid namespace of `pid`.
///
/// # Errors
///
/// The module refuses.
pub(super) fn set(policy: Policy, pid: u32) -> Result<()> {
    let target = format!("ns:{}", namespace::id_of(pid)?);
    let answer = device::ask("set", &target, values(policy))?;
    answer
        .accepted()
        .map(|_| ())
        .context("cannot set the policy")
}

/// Ensures that its hooks are in.
///
/// # Errors
///
/// One is not.
pub(super) fn ensure_armed(policy: Policy) -> Result<()> {
    let hooks = device::ask("hooks", "", &[])?.accepted()?;
    let is_wanted = |line: &&String| {
        let feature = line.split(' ').find_map(|it| it.strip_prefix("feature="));
        feature.is_some_and(|it| features(policy).contains(&it))
    };
    let wanted: Vec<&String> = hooks.iter().filter(is_wanted).collect();
    let out: Vec<&str> = wanted
        .iter()
        .filter(|line| !line.contains(" state=armed "))
        .filter_map(|line| line.split(' ').next())
        .collect();
    ensure!(
        wanted.len() >= features(policy).len() && out.is_empty(),
        "hooks that are not in: {}",
        out.join(" ")
    );
    Ok(())
}
