//! Memory of a scout, looked at from the host.

use anyhow::Result;

use crate::mapping::smaps_of;
use crate::policy::{set, target};
use crate::scout::{Order, Scout};

/// A scout, and where it has memory.
pub(super) struct Memory {
    pub(super) scout: Scout,
    start: u64,
    mib: usize,
}

impl Memory {
    pub(super) fn of_host() -> Result<Self> {
        Self::of(Scout::send()?)
    }

    /// One in a pid namespace of its own, under a policy.
    pub(super) fn of_container(pairs: &[(&str, &str)]) -> Result<Self> {
        let memory = Self::of(Scout::send_into_new_namespace()?)?;
        if !pairs.is_empty() {
            memory.set(pairs)?;
        }
        Ok(memory)
    }

    /// One in a pid namespace below that of `outer`, without a policy.
    pub(super) fn below(outer: &Self) -> Result<Self> {
        Self::of(Scout::send_below(&outer.scout)?)
    }

    fn of(scout: Scout) -> Result<Self> {
        Ok(Self {
            scout,
            start: 0,
            mib: 0,
        })
    }

    /// Changes its policy.
    pub(super) fn set(&self, pairs: &[(&str, &str)]) -> Result<()> {
        set(&self.target()?, pairs)
    }

    pub(super) fn target(&self) -> Result<String> {
        Ok(target(self.scout.namespace()?))
    }

    /// Maps memory by this order, which is about so many MiB.
    pub(super) fn maps(&mut self, order: &Order, mib: usize) -> Result<()> {
        self.start = self.scout.does(order)?.parse()?;
        self.mib = mib;
        Ok(())
    }

    /// Does to it what the words say.
    pub(super) fn works(&mut self, words: &str) -> Result<()> {
        self.scout.does(&Order::Work(words.to_owned())).map(|_| ())
    }

    /// Reads a field of it in smaps.
    pub(super) fn smaps(&self, field: &str) -> Result<u64> {
        smaps_of(
            &self.scout.pid()?.to_string(),
            self.start,
            self.mib << 20,
            field,
        )
    }
}
