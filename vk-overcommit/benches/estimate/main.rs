//! The estimate as one word, against sums of each CPU that are passed on in batches.
//!
//! `cargo bench -p vk-overcommit`. One charge of a page, by one thread and by two at once; alone, and
//! among so much other work as an mmap(2) is to a charge. The figures are processor time of the
//! threads, so that a busy machine does not count. Compare them within one run only.

// criterion's macro documents nothing.
#![allow(missing_docs)]

mod batched;
mod clock;

use batched::Batched;
use criterion::{criterion_group, criterion_main, BenchmarkId, Criterion};
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;
use vk_overcommit::Account;

/// Far above what is charged here, as a limit is above what its container holds at most times.
const BOUND_PAGES: i64 = 1 << 43;

/// Steps by way of memory, some five cycles each: an mmap(2) and a munmap(2) are 8,700 instructions
/// around a charge.
const WORK: u64 = 3_000;

/// What keeps an estimate.
trait Estimate: Sync {
    /// Charges a page, as CPU `cpu`.
    fn charge(&self, cpu: usize) -> bool;
}

impl Estimate for Account {
    fn charge(&self, _cpu: usize) -> bool {
        self.try_charge(1, BOUND_PAGES)
    }
}

impl Estimate for Batched {
    fn charge(&self, cpu: usize) -> bool {
        self.try_charge(cpu, 1, BOUND_PAGES)
    }
}

/// Lets `cpus` threads charge `times` each, with `work` steps between, and returns the mean of their
/// times.
fn charge_together(estimate: &impl Estimate, cpus: usize, times: u64, work: u64) -> Duration {
    let begin = Barrier::new(cpus);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..cpus)
            .map(|cpu| {
                let begin = &begin;
                scope.spawn(move || {
                    begin.wait();
                    let started = clock::of_thread();
                    for _ in 0..times {
                        assert!(black_box(estimate.charge(cpu)));
                        black_box(works(work));
                    }
                    clock::of_thread().saturating_sub(started)
                })
            })
            .collect();
        let took = threads.into_iter().map(|it| it.join().expect("no panic"));
        took.sum::<Duration>() / cpus as u32
    })
}

// One copy for both, or they differ by where their loops begin.
#[inline(never)]
fn works(steps: u64) -> u64 {
    (0..steps).fold(1, |sum, step| black_box(sum ^ step))
}

fn estimates(criterion: &mut Criterion) {
    for (name, work) in [("charge", 0), ("charge among an mmap", WORK)] {
        let mut group = criterion.benchmark_group(name);
        for cpus in [1, 2] {
            group.bench_function(BenchmarkId::new("one word", cpus), |bencher| {
                let account = Account::new();
                bencher.iter_custom(|times| charge_together(&account, cpus, times, work));
            });
            group.bench_function(BenchmarkId::new("batched", cpus), |bencher| {
                let account = Batched::new();
                bencher.iter_custom(|times| charge_together(&account, cpus, times, work));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, estimates);
criterion_main!(benches);
