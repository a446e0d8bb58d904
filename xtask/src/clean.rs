//! `clean`: removes what builds left in the checkout.

use anyhow::Result;

use crate::cache::Cache;
use crate::module::Module;
use crate::root::Root;
use crate::step::step;
use crate::workspace;

/// Removes it.
///
/// # Errors
///
/// Make or cargo fails.
pub(crate) fn run() -> Result<()> {
    let cache = Cache::find()?;
    let root = Root::existing(&cache).ok();
    step(&cache.logs(), "clean", "remove the files by hand", |step| {
        for module in [Module::Reference, Module::Kunit, Module::Bench] {
            module.clean(step, root.as_ref())?;
        }
        workspace::cargo().arg("clean").run(step)
    })
}
