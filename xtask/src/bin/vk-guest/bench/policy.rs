//! The policy under which containers are measured: every feature of it differs from the host's.

use anyhow::{Context, Result};

use crate::{device, namespace};

/// Strict commits with a limit that is never reached, so that each mapping is charged and judged;
/// huge pages for all, so that the gate is open.
const VALUES: &[(&str, &str)] = &[
    ("vm.overcommit_memory", "2"),
    ("vm.overcommit_kbytes", "4194304"),
    ("thp_enabled", "always"),
];

/// Sets it on the pid namespace of `pid`.
///
/// # Errors
///
/// The module refuses.
pub(super) fn set(pid: u32) -> Result<()> {
    let target = format!("ns:{}", namespace::id_of(pid)?);
    let answer = device::ask("set", &target, VALUES)?;
    answer
        .accepted()
        .map(|_| ())
        .context("cannot set the policy")
}
