//! What a commit mode of its own does for the throughput of postgres, against the host's mode 0.
//!
//! More and more clients ask at once for more memory than there is for all of them. What is counted
//! is what was answered, for the run time of all that is in the server's container: its cgroup's,
//! with what the kernel does for it, killing and beginning anew too. Here a nanosecond of that is an
//! instruction. The clients are outside, and nobody is paid for waiting.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::container::Container;
use crate::demo::cast::Cast;
use crate::demo::postgres::{oom_kills, CLIENT};
use crate::demo::role::CROWDED;
use crate::{container, module, port, program};

/// How many ask at once.
const CROWDS: &[u32] = &[4, 8, 12, 20];

/// What each asks for: 12 MB, of which a sum is taken.
const QUERY: &str = "select md5(a) from \
     (select string_agg(repeat('x', 1000000), '') as a from generate_series(1, 12)) as t;\n";

const SCRIPT: &str = "/run/vk-effect.sql";

/// The host's mode; mode 2 with three quarters of the container's memory for a limit, as a quarter is
/// left for what is in memory.max and in no commit charge.
const MODES: [&[(&str, &str)]; 2] = [
    &[("vm.overcommit_memory", "0")],
    &[
        ("vm.overcommit_memory", "2"),
        ("vm.overcommit_kbytes", "122880"),
    ],
];

/// How many instructions each crowd has in each mode, and how often it comes at the most.
const INSTRUCTIONS: u64 = 4_000_000_000;
const ROUNDS: usize = 200;

/// A server that begins anew takes no connection; it is asked again after so long.
const PAUSE: Duration = Duration::from_millis(500);

/// What came of one crowd in one mode.
#[derive(Default)]
struct Served {
    answered: u64,
    asked: u64,
    killed: u64,
    instructions: u64,
}

/// Lets each crowd come in both modes, and tells.
///
/// # Errors
///
/// The server cannot be started, or the module refuses.
pub(crate) fn run() -> Result<()> {
    module::load(&[])?;
    fs::write(SCRIPT, QUERY)?;
    port::say(
        "postgres in 160 MiB: queries answered for 10^9 instructions of its container".to_owned(),
    );
    for crowd in CROWDS {
        let [host, own] = MODES.map(|mode| served(*crowd, mode));
        let (host, own) = (host?, own?);
        let more = match host.answered {
            0 => "none in mode 0".to_owned(),
            _ => format!("{:+.0} %", 100.0 * (own.rate() / host.rate() - 1.0)),
        };
        port::say(format!(
            "{crowd:>3} at once: mode 0 {}; mode 2 {}; {more}",
            host.told(),
            own.told()
        ));
    }
    port::say(
        "the original design: up to +24 %, of an application and by a method it does not name"
            .to_owned(),
    );
    module::unload_when_unused()
}

impl Served {
    fn rate(&self) -> f64 {
        self.answered as f64 * 1e9 / self.instructions as f64
    }

    fn told(&self) -> String {
        format!(
            "{:.2} ({} of {}, {} killed)",
            self.rate(),
            self.answered,
            self.asked,
            self.killed
        )
    }
}

fn served(crowd: u32, mode: &[(&str, &str)]) -> Result<Served> {
    let mut served = Served::default();
    let mut rounds = 0..ROUNDS;
    while served.instructions < INSTRUCTIONS && !rounds.is_empty() {
        // Anew, where the kernel took the server itself.
        let cast = started()?;
        let container = cast.get(&CROWDED)?;
        container.set(mode)?;
        served.by(container, crowd, &mut rounds)?;
        cast.stop()?;
    }
    Ok(served)
}

/// Starts the server. The clock counts instructions and what nobody waits for is skipped, so that a
/// server which is read from the disk for the first time is late by it.
fn started() -> Result<Cast> {
    const TIMES: usize = 20;
    for _ in 1..TIMES {
        if let Ok(cast) = Cast::start(&[&CROWDED]) {
            return Ok(cast);
        }
        container::remove_left_over();
    }
    Cast::start(&[&CROWDED])
}

impl Served {
    /// Lets the crowd come until the container has ended, or the time or the rounds are over.
    fn by(
        &mut self,
        container: &Container,
        crowd: u32,
        rounds: &mut impl Iterator<Item = usize>,
    ) -> Result<()> {
        let (before, begun) = (run_time_of(container)?, self.instructions);
        for _ in rounds {
            self.answered += comes(container, crowd)?;
            self.asked += u64::from(crowd);
            if !container.is_running() {
                // What it used since the last round is in no sum, for its cgroup is gone.
                self.killed += 1;
                return Ok(());
            }
            self.instructions = begun + run_time_of(container)? - before;
            if self.instructions >= INSTRUCTIONS {
                break;
            }
            sleep(PAUSE);
        }
        self.killed += oom_kills(container)?;
        Ok(())
    }
}

/// Lets a crowd ask once; returns how many were answered.
fn comes(container: &Container, crowd: u32) -> Result<u64> {
    let host = format!("--host=/proc/{}/root/tmp", container.pid());
    // By a connection for each query: one that cannot be made ends one client, not all of them.
    let words = format!("{CLIENT} {host} -n -C -t 1 -c {crowd} -f {SCRIPT} postgres");
    let said = program::run(&["sh", "-c", &words])?.stdout;
    let count = said
        .lines()
        .find_map(|line| line.strip_prefix("number of transactions actually processed: "));
    let count = count.and_then(|it| it.split('/').next()?.parse().ok());
    Ok(count.unwrap_or(0))
}

/// Returns how long the container's processes ran, in nanoseconds.
fn run_time_of(container: &Container) -> Result<u64> {
    let path = container.cgroup_dir().join("cpu.stat");
    let text = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    let mut lines = text.lines();
    let usec = lines.find_map(|line| line.strip_prefix("usage_usec "));
    let usec: u64 = usec.context("cpu.stat tells no usage")?.parse()?;
    Ok(usec * 1000)
}
