//! The stages of the module, one after the other in one boot.

use anyhow::{ensure, Result};
use xtask::measurement::Stage;

use super::measured::Holder;
use super::policy;
use crate::{device, module};

/// The way through the stages.
#[derive(Default)]
pub(super) struct Stages {
    /// Has a policy while the stage is [`Stage::Active`].
    holder: Option<Holder>,
}

impl Stages {
    /// The order in which they come.
    pub(super) const ALL: &'static [Stage] = &[Stage::Absent, Stage::Idle, Stage::Active];

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
                policy::set(holder.pid())?;
                self.holder = Some(holder);
                ensure_armed()?;
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

/// What is measured without its hooks would look cheap.
fn ensure_armed() -> Result<()> {
    let hooks = device::ask("hooks", "", &[])?.accepted()?;
    let out: Vec<&str> = hooks
        .iter()
        .filter(|line| !line.contains(" state=armed "))
        .filter_map(|line| line.split(' ').next())
        .collect();
    ensure!(
        !hooks.is_empty() && out.is_empty(),
        "hooks that are not in: {}",
        out.join(" ")
    );
    Ok(())
}
