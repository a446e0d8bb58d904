//! A namespace with a commit limit, by which a check sees whether the hooks work.

use anyhow::Result;

use crate::device::{ask, Answer};
use crate::policy::{target, MODE};
use crate::problem::{expect, expect_eq, Outcome};
use crate::row::{row, rows};
use crate::scout::{Order, Scout};

/// More than it may map, in MiB.
const TOO_MUCH: usize = 256;

/// What it may map, in MiB.
const LITTLE: usize = 16;

/// The limit, in KiB.
const LIMIT: &str = "98304";

/// A namespace that may commit 96 MiB.
#[derive(Debug)]
pub(crate) struct Limited {
    scout: Scout,
    target: String,
}

impl Limited {
    /// Makes it, with its policy.
    ///
    /// # Errors
    ///
    /// The module refuses the policy.
    pub(crate) fn start() -> Result<Self> {
        let limited = Self::without_policy()?;
        limited.ask_for_policy()?.accepted()?;
        Ok(limited)
    }

    /// Makes a namespace without the policy.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub(crate) fn without_policy() -> Result<Self> {
        let scout = Scout::send_into_new_namespace()?;
        let target = target(scout.namespace()?);
        Ok(Self { scout, target })
    }

    /// Asks the module for the policy.
    ///
    /// # Errors
    ///
    /// The module does not answer.
    pub(crate) fn ask_for_policy(&self) -> Result<Answer> {
        let pairs = [
            ("vm.overcommit_memory", "2"),
            ("vm.overcommit_kbytes", LIMIT),
        ];
        ask("set", &self.target, &pairs)
    }

    /// Expects that the value inside is the namespace's, that its limit holds, and that the
    /// namespaces it makes are known.
    pub(crate) fn is_enforced(&mut self) -> Outcome {
        expect_eq("the value inside", self.scout.read(MODE)?.as_str(), "2")?;
        let refused = self.scout.order(&Order::Map(TOO_MUCH))?;
        expect_eq("256 MiB", refused.err(), Some(libc::ENOMEM))?;
        let taken = self.scout.order(&Order::Map(LITTLE))?;
        expect_eq("16 MiB", taken.err(), None)?;
        births_are_known()
    }

    /// Expects that there is no limit.
    pub(crate) fn is_free(&mut self) -> Outcome {
        let mapped = self.scout.order(&Order::Map(TOO_MUCH))?;
        expect_eq("the mapping of 256 MiB", mapped.err(), None)
    }
}

fn births_are_known() -> Outcome {
    let born = Scout::send_into_new_namespace()?;
    let all = rows("list", "", &[("all", "1")])?;
    let ns = target(born.namespace()?);
    expect(all.iter().any(|row| row.name == ns), &ns, "known")?;
    let failed = row("features", "", "lifecycle")?;
    expect_eq("failed births", failed.word("failed_births"), "0")
}
