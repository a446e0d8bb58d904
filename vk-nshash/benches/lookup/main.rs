//! Lookups, against a bare chain and the maps that people would take instead.
//!
//! `cargo bench -p vk-nshash`. The figures are processor time of the reading threads, one lookup
//! each, so that a busy machine and a writer that wants a processor too do not count. Compare them
//! within one run only. What came out is in BENCH.md.

// criterion's macro documents nothing.
#![allow(missing_docs)]

mod clock;
mod grace;
mod keys;
mod subject;

use criterion::{criterion_group, criterion_main, BenchmarkId, Criterion};
use grace::Grace;
use keys::Keys;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use subject::{Bare, Chains, Dash, Hashbrown, Papaya, Subject, Wide};
use vk_nshash::Key;

const SIZES: [usize; 4] = [8, 64, 512, 10_000];
/// How many lookups a reader does inside one read side.
const BATCH: usize = 1_024;

/// Looks each key of a batch up, `rounds` times over, and returns the processor time it took.
fn look<S: Subject>(subject: &S, wanted: &[Key], rounds: u64, reader: usize) -> Duration {
    let start = clock::of_thread();
    for _ in 0..rounds {
        let guard = subject.enter();
        for &key in wanted {
            black_box(subject.find(&guard, key));
        }
        drop(guard);
        subject.grace().rest(reader);
    }
    clock::of_thread().saturating_sub(start)
}

/// Lets `readers` look up at once, and returns what one batch cost, on average over them; with a
/// writer that takes keys of `written` out and in.
fn look_together<S: Subject>(
    subject: &S,
    written: Option<&S>,
    keys: &Keys,
    rounds: u64,
    readers: usize,
) -> Duration {
    let is_over = AtomicBool::new(false);
    subject.grace().begin(readers);
    thread::scope(|scope| {
        let writer = written.map(|written| {
            let is_over = &is_over;
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    keys.movers
                        .iter()
                        .for_each(|&key| written.move_out_and_in(key));
                }
            })
        });
        let readers: Vec<_> = (0..readers)
            .map(|reader| {
                scope.spawn(move || {
                    let took = look(subject, &keys.present, rounds, reader);
                    subject.grace().leave(reader);
                    took
                })
            })
            .collect();
        let count = readers.len() as u32;
        let took: Duration = readers
            .into_iter()
            .map(|it| it.join().expect("no panic"))
            .sum();
        is_over.store(true, Ordering::Relaxed);
        if let Some(writer) = writer {
            writer.join().expect("no panic");
        }
        took / count
    })
}

fn one_reader<S: Subject>(criterion: &mut Criterion, size: usize) {
    let keys = Keys::new(size, BATCH);
    let subject = S::new(&keys.all);
    for (kind, wanted) in [("hit", &keys.present), ("miss", &keys.absent)] {
        let mut group = criterion.benchmark_group(format!("{kind}/{size}"));
        group.throughput(criterion::Throughput::Elements(BATCH as u64));
        subject.grace().begin(1);
        group.bench_function(S::NAME, |bencher| {
            bencher.iter_custom(|rounds| look(&subject, wanted, rounds, 0));
        });
        group.finish();
    }
}

fn together<S: Subject>(criterion: &mut Criterion, size: usize) {
    let keys = Keys::new(size, BATCH);
    let subject = S::new(&keys.all);
    let mut group = criterion.benchmark_group(format!("together/{size}"));
    group.throughput(criterion::Throughput::Elements(BATCH as u64));
    // What a writer's processor takes from the reader's, whatever it writes to.
    let other = S::new(&keys.all);
    other.grace().begin(0);
    let apart = keys.apart();
    let beside = [
        (1, "", &keys, None),
        (2, "", &keys, None),
        (1, "+elsewhere", &keys, Some(&other)),
        (1, "+writer", &keys, Some(&subject)),
        (2, "+writer", &keys, Some(&subject)),
        (1, "+elsewhere-apart", &apart, Some(&other)),
        (1, "+writer-apart", &apart, Some(&subject)),
    ];
    for (readers, writer, keys, written) in beside {
        if written.is_some() && !S::CAN_CHANGE {
            continue;
        }
        let id = BenchmarkId::new(S::NAME, format!("{readers}{writer}"));
        group.bench_function(id, |bencher| {
            bencher.iter_custom(|rounds| look_together(&subject, written, keys, rounds, readers));
        });
    }
    group.finish();
}

fn all(criterion: &mut Criterion) {
    for size in SIZES {
        one_reader::<Bare<10, 1024>>(criterion, size);
        one_reader::<Chains<10, 1024>>(criterion, size);
        one_reader::<Papaya>(criterion, size);
        one_reader::<Hashbrown>(criterion, size);
        one_reader::<Dash>(criterion, size);
    }
    one_reader::<Bare<14, 16384>>(criterion, 10_000);
    // From ten nodes to a chain down to less than one: where papaya is overtaken.
    one_reader::<Chains<11, 2048>>(criterion, 10_000);
    one_reader::<Chains<12, 4096>>(criterion, 10_000);
    one_reader::<Chains<13, 8192>>(criterion, 10_000);
    one_reader::<Chains<14, 16384>>(criterion, 10_000);
    for size in SIZES {
        together::<Bare<10, 1024>>(criterion, size);
        together::<Chains<10, 1024>>(criterion, size);
        together::<Chains<10, 1024, Wide>>(criterion, size);
        together::<Papaya>(criterion, size);
        together::<Hashbrown>(criterion, size);
        together::<Dash>(criterion, size);
    }
    together::<Bare<14, 16384>>(criterion, 10_000);
    together::<Chains<14, 16384>>(criterion, 10_000);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500))
        .sample_size(20);
    targets = all
}
criterion_main!(benches);
