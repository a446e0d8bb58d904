//! A container's policy, as its checks set and read it.

use anyhow::{Context, Result};

use crate::actor::Reading;
use crate::container::Container;
use crate::device::{ask, Answer};

/// Lines of a request.
pub(crate) type Pairs<'a> = &'a [(&'a str, &'a str)];

impl Container {
    /// Returns its name for the device.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub(crate) fn target(&self) -> Result<String> {
        Ok(format!("ns:{}", self.namespace()?))
    }

    /// Sets its policy.
    ///
    /// # Errors
    ///
    /// The module refuses.
    pub(crate) fn set(&self, pairs: Pairs<'_>) -> Result<()> {
        let set = self.try_set(pairs)?.accepted();
        set.map(|_| ())
            .with_context(|| format!("set {pairs:?} for {}", self.name()))
    }

    /// Asks for a policy; a refusal is an [`Answer`].
    ///
    /// # Errors
    ///
    /// The device cannot be used.
    pub(crate) fn try_set(&self, pairs: Pairs<'_>) -> Result<Answer> {
        ask("set", &self.target()?, pairs)
    }

    /// Takes all of its policy away.
    ///
    /// # Errors
    ///
    /// The module refuses.
    pub(crate) fn unset(&self) -> Result<()> {
        ask("unset", &self.target()?, &[])?.accepted().map(|_| ())
    }

    /// Reads its counter `name`.
    ///
    /// # Errors
    ///
    /// The module has no such counter.
    pub(crate) fn stat(&self, name: &str) -> Result<u64> {
        let lines = ask("stat", &self.target()?, &[])?.accepted()?;
        let words = lines.iter().flat_map(|line| line.split_whitespace());
        let pairs = words.collect::<Vec<_>>().join("\n");
        Reading::parse(&pairs).number(name)
    }
}
