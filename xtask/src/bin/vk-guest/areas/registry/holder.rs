//! A process with memory that others look at, write to, collapse.

use anyhow::Result;

use crate::calls::write_to_process;
use crate::mapping::{smaps_of, HUGE_BYTES};
use crate::policy::{set, target};
use crate::scout::{Order, Scout};

/// How much each one holds.
pub(super) const MIB: usize = 8;
pub(super) const KB: u64 = MIB as u64 * 1024;

/// A scout with a range of memory that nobody has touched.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) scout: Scout,
    pub(super) pid: u32,
    pub(super) start: u64,
}

impl Holder {
    /// One of the host.
    pub(super) fn of_host() -> Result<Self> {
        Self::new(Scout::send()?)
    }

    /// One in a namespace whose policy of THP is `word`.
    pub(super) fn of_container(word: &str) -> Result<Self> {
        let scout = Scout::send_into_new_namespace()?;
        set(&target(scout.namespace()?), &[("thp_enabled", word)])?;
        Self::new(scout)
    }

    pub(super) fn new(mut scout: Scout) -> Result<Self> {
        let start = scout.does(&Order::Hold(MIB))?.parse()?;
        let pid = scout.pid()?;
        Ok(Self { scout, pid, start })
    }

    /// Reads a field of its range in its smaps, as the host's root does.
    pub(super) fn smaps(&self, field: &str) -> Result<u64> {
        smaps_of(&self.pid.to_string(), self.start, MIB << 20, field)
    }

    /// Writes one page into each huge page of its range, from the host.
    pub(super) fn writes_from_the_host(&self) -> Result<()> {
        for offset in (0..MIB << 20).step_by(HUGE_BYTES) {
            write_to_process(self.pid, self.start + offset as u64, &[1; 4096])?;
        }
        Ok(())
    }

    /// Fills its range with base pages, and lets it have huge ones then.
    pub(super) fn fills_with_base_pages(&mut self) -> Result<()> {
        let words = "nohuge touch huge".to_owned();
        self.scout.does(&Order::Work(words)).map(|_| ())
    }
}
