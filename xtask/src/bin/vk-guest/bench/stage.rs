//! The stages of the module, one after the other in one boot.

use anyhow::{ensure, Result};
use xtask::measurement::{Policy, Stage};

use super::measured::Holder;
use super::policy;
use crate::{device, module};

/// The way through the stages.
pub(super) struct Stages {
    policy: Policy,
    /// Has a policy while the stage is [`Stage::Active`].
    holder: Option<Holder>,
}

impl Stages {
    /// The order in which they come.
    pub(super) const ALL: &'static [Stage] = &[Stage::Absent, Stage::Idle, Stage::Active];

    /// Begins before the first, with the policy that containers get.
    pub(super) fn of(policy: Policy) -> Self {
        Self {
            policy,
            holder: None,
        }
    }

    /// Goes on to `stage`.
    ///
    /// # Errors
    ///
    /// The module refuses.
    pub(super) fn enter(&mut self, stage: Stage) -> Result<()> {
        match stage {
            Stage::Absent => ensure!(!module::is_loaded(), "the module is loaded already"),
            Stage::Idle => module::load(&[])?,
            Stage::Active => {
                let holder = Holder::start()?;
                policy::set(self.policy, holder.pid())?;
                self.holder = Some(holder);
                policy::ensure_armed(self.policy)?;
            }
        }
        Ok(())
    }

    /// Takes everything away again.
    ///
    /// # Errors
    ///
    /// The module does not go.
    pub(super) fn leave(self) -> Result<()> {
        drop(self.holder);
        let forced = device::ask("disarm", "", &[("force", "1")])?;
        forced.accepted()?;
        module::unload()
    }
}
