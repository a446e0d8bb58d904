//! What `vkctl doctor` says of one function.

use anyhow::{Context, Result};

use crate::program;

/// Returns who holds the entry of `function`.
///
/// # Errors
///
/// vkctl fails, or does not know the function.
pub(crate) fn holder(function: &str) -> Result<String> {
    let said = program::output(&["vkctl", "doctor", "--json"])?;
    let said: serde_json::Value = serde_json::from_str(&said)?;
    let hooks = said["hooks"].as_array().context("no hooks")?;
    let hook = hooks.iter().find(|it| it["symbol"] == function);
    let holder = hook.and_then(|hook| hook["holder"].as_str());
    Ok(holder
        .with_context(|| format!("no holder in {said}"))?
        .to_owned())
}
