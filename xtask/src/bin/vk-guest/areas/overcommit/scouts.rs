//! What the checks of this area let scouts do.

use anyhow::{Context, Result};

use crate::door::errno_name;
use crate::policy::{set, target, ADMIN_RESERVE, USER_RESERVE};
use crate::row::row;
use crate::scout::{Order, Scout};
use crate::setting::Setting;

/// What no limit leaves aside.
pub(super) struct NoReserves {
    _admin: Setting,
    _user: Setting,
}

impl NoReserves {
    /// Lets the limits be the whole limits.
    pub(super) fn put() -> Result<Self> {
        Ok(Self {
            _admin: Setting::put(ADMIN_RESERVE, "0")?,
            _user: Setting::put(USER_RESERVE, "0")?,
        })
    }
}

/// Lets a scout hold so many MiB; tells the name of the error if it may not.
pub(super) fn holds(scout: &mut Scout, mib: usize) -> Result<String> {
    let report = scout.order(&Order::Hold(mib))?;
    Ok(report.map_or_else(errno_name, |_| "ok".to_owned()))
}

/// Lets a scout take a way to so many MiB; tells what came of it.
pub(super) fn takes(scout: &mut Scout, way: &str, mib: usize) -> Result<String> {
    let report = scout.order(&Order::Commit(way.to_owned(), mib))?;
    Ok(report.unwrap_or_else(errno_name))
}

/// Sends a scout into a new namespace with this policy.
pub(super) fn sent(policy: &[(&str, &str)]) -> Result<Scout> {
    let scout = Scout::send_into_new_namespace()?;
    set(&target(scout.namespace()?), policy)?;
    Ok(scout)
}

/// Returns a number that the module counts of a scout's namespace.
pub(super) fn stat(scout: &Scout, word: &str) -> Result<u64> {
    let ns = target(scout.namespace()?);
    let number = row("stat", &ns, &ns)?.word(word).parse();
    number.with_context(|| format!("no {word} of {ns}"))
}
