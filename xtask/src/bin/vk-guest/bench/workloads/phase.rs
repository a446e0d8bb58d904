//! The phase of the kernel's stocks, kept moving.
//!
//! A cgroup's memory is charged from per-processor stocks: pages by the batch, objects by the
//! page (mm/memcontrol.c). A process that takes and gives back the same at a stock's edge goes
//! past it each time, and costs hundreds of instructions more than one that began elsewhere.

use std::fs::File;

use anyhow::Result;

/// The steps between two moves.
const PERIOD: usize = 16;

/// The moves: enough to go once around each stock.
const MOVES: usize = 64;

const PAGE_BYTES: usize = 4096;

/// Memory taken little by little, and never given back.
#[derive(Default)]
pub(super) struct Phase {
    steps: usize,
    pages: Vec<Vec<u8>>,
    objects: Vec<File>,
}

impl Phase {
    /// Takes a step: sometimes a page and an object more.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(super) fn step(&mut self) -> Result<()> {
        self.steps += 1;
        if self.steps % PERIOD == 0 && self.objects.len() < MOVES {
            self.pages.push(vec![1; PAGE_BYTES]);
            self.objects.push(File::open("/dev/null")?);
        }
        Ok(())
    }
}
