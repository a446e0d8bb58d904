//! Times all decoders on the same texts in one run, in processor time: whoever else runs on the
//! machine is not counted.
//!
//! `VK_INSN_TEXTS` is a directory with texts (`*.text`), `VK_INSN_KERNEL` the kernel's decoder as
//! a program, which times itself. `cargo xtask peers` makes both.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{criterion_group, criterion_main, Criterion, SamplingMode, Throughput};
use rustix::time::{clock_gettime, ClockId};
use vk_hook_peers::PEERS;

/// The processor time of the thread.
struct CpuTime;

impl CpuTime {
    fn now() -> Duration {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
}

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::now()
    }

    fn end(&self, start: Duration) -> Duration {
        Self::now() - start
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

fn texts() -> Vec<PathBuf> {
    let dir = env::var_os("VK_INSN_TEXTS").expect("VK_INSN_TEXTS: see `cargo xtask peers`");
    let entries = fs::read_dir(dir).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut texts: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "text"))
        .collect();
    texts.sort();
    texts
}

/// Has the kernel's decoder walk through a text, and returns how long it says it took.
fn kernel(program: &Path, text: &Path, times: u64) -> Duration {
    let output = Command::new(program)
        .arg(text)
        .arg(times.to_string())
        .output()
        .expect("the kernel's decoder runs");
    let nanos = String::from_utf8_lossy(&output.stdout);
    Duration::from_nanos(nanos.trim().parse().expect("nanoseconds"))
}

fn lengths(criterion: &mut Criterion<CpuTime>) {
    for path in texts() {
        let text = fs::read(&path).expect("a text");
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.sampling_mode(SamplingMode::Flat).sample_size(20);
        for (name, walk) in PEERS {
            group.bench_function(name, |bencher| bencher.iter(|| walk(&text)));
        }
        if let Some(program) = env::var_os("VK_INSN_KERNEL") {
            let program = PathBuf::from(program);
            group.bench_function("kernel insn.c", |bencher| {
                bencher.iter_custom(|times| kernel(&program, &path, times));
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = lengths
}
criterion_main!(benches);
