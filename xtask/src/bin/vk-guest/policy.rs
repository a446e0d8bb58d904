//! What checks say to the module about policies, and how they leave it behind.

use anyhow::Result;

use crate::device::ask;
use crate::row::{row, rows};

pub(crate) use crate::setting::{chosen, OVERCOMMIT as MODE, THP};

/// The share of the memory that mode 2 lets be committed, in percent.
pub(crate) const RATIO: &str = "/proc/sys/vm/overcommit_ratio";

/// What mode 2 keeps for administrators.
pub(crate) const ADMIN_RESERVE: &str = "/proc/sys/vm/admin_reserve_kbytes";

/// What it keeps from a process that grows.
pub(crate) const USER_RESERVE: &str = "/proc/sys/vm/user_reserve_kbytes";

/// Leaves the module as the next check expects it: armed, without a default.
pub(crate) struct Tidy;

impl Drop for Tidy {
    fn drop(&mut self) {
        if !crate::module::is_loaded() {
            return;
        }
        for (verb, target) in [("unset", "default"), ("arm", "")] {
            if let Err(error) = ask(verb, target, &[]).and_then(|answer| answer.accepted()) {
                eprintln!("vk-guest: {verb} {target}: {error:#}");
            }
        }
    }
}

/// Writes a namespace as a target.
pub(crate) fn target(ns: u64) -> String {
    format!("ns:{ns}")
}

/// Sets keys of a target; that must be accepted.
///
/// # Errors
///
/// It is refused.
pub(crate) fn set(target: &str, pairs: &[(&str, &str)]) -> Result<()> {
    rows("set", target, pairs).map(|_| ())
}

/// Takes all keys of a target away; that must be accepted.
///
/// # Errors
///
/// It is refused.
pub(crate) fn unset(target: &str) -> Result<()> {
    rows("unset", target, &[]).map(|_| ())
}

/// Returns the value and the source of a key, as the module shows them.
///
/// # Errors
///
/// It is refused.
pub(crate) fn shown(target: &str, key: &str) -> Result<(String, String)> {
    let row = row("show", target, key)?;
    let source = row.word("source").to_owned();
    Ok((row.value, source))
}

/// Returns the targets that `list` shows; with `all`, those without a policy too.
///
/// # Errors
///
/// It is refused.
pub(crate) fn listed(all: bool) -> Result<Vec<String>> {
    let pairs: &[_] = if all { &[("all", "1")] } else { &[] };
    let rows = rows("list", "", pairs)?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// Tells whether the hooks of a feature are in.
///
/// # Errors
///
/// It is refused.
pub(crate) fn is_armed(feature: &str) -> Result<bool> {
    Ok(row("features", "", feature)?.word("armed") == "yes")
}

/// Returns how many hold the module: one for each policy, and one for each open file.
///
/// # Errors
///
/// It is not loaded.
pub(crate) fn references() -> Result<u64> {
    let text = std::fs::read_to_string("/sys/module/vkernel/refcnt")?;
    Ok(text.trim().parse()?)
}
