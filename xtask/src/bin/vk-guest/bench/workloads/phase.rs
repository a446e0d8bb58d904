//! The phase of the kernel's stock of charges, kept moving.
//!
//! A cgroup's pages are charged from a stock for each processor, filled by the batch
//! (mm/memcontrol.c). A process that takes and gives back the same at the edge of its stock goes
//! past it each time, and costs hundreds of instructions more than one that began elsewhere.

/// The steps between two moves.
const PERIOD: usize = 8;

/// The moves: once around the stock, `MEMCG_CHARGE_BATCH` in include/linux/memcontrol.h.
const MOVES: usize = 64;

const PAGE_BYTES: usize = 4096;

/// Memory taken page by page, and not given back.
#[derive(Default)]
pub(super) struct Phase {
    steps: usize,
    pages: Vec<Vec<u8>>,
}

impl Phase {
    /// Takes a step: sometimes a page more.
    pub(super) fn step(&mut self) {
        self.steps += 1;
        if self.steps % PERIOD == 0 && self.pages.len() < MOVES {
            self.pages.push(vec![1; PAGE_BYTES]);
        }
    }
}
