//! Modest queries all the time, and at intervals a burst of greedy ones for which there is no room.
//!
//! Who is killed takes the connections of all with him, and the server begins anew: that is what the
//! modest ones pay for in mode 0. In mode 2 they pay for those greedy ones who are granted, and with
//! connections that are refused while these have all there is. What is counted is the modest queries
//! answered in a time that is the same for both, by the guest's clock, in which an instruction of anybody
//! takes a nanosecond; and how long the server's container ran meanwhile, for nobody is paid for waiting.

use std::fs;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure, Context, Result};

use super::{answered, comes, put, run_time_of, started, CROWDED, GREEDY_SCRIPT, MODES};
use crate::container::Container;
use crate::demo::postgres::oom_kills;
use crate::port;

/// What each modest one asks: to keep something, and for a sum.
const MODEST: &str = "insert into vk_kept select generate_series(1, 10);\n\
     select sum(i) from generate_series(1, 1000) as i;\n";

/// Where it is kept.
const TABLE: &str = "create table vk_kept (i int);\n";

const TABLE_SCRIPT: &str = "/run/vk-table.sql";

/// More than the container has at once.
const HUGE: &str = "select length(repeat('x', 200000000));\n";

const HUGE_SCRIPT: &str = "/run/vk-huge.sql";

const SCRIPT: &str = "/run/vk-modest.sql";

/// How many modest clients there are, each with one query at a time.
const CLIENTS: usize = 2;

/// What comes at intervals, and how many of it.
struct Burst {
    name: &'static str,
    script: &'static str,
    crowd: u32,
}

const BURSTS: [Burst; 2] = [
    Burst {
        name: "one for 200 MB",
        script: HUGE_SCRIPT,
        crowd: 1,
    },
    Burst {
        name: "eight for 12 MB each",
        script: GREEDY_SCRIPT,
        crowd: 8,
    },
];

/// How often, and how long from one to the next.
const TIMES: u32 = 3;
const PERIOD: Duration = Duration::from_secs(2);

/// How often both modes are measured, in turn.
const ROUNDS: usize = 3;

/// A server that begins anew takes no connection; a client asks again after so long.
const PAUSE: Duration = Duration::from_millis(100);

/// What Debian's unit of postgres has for its first process (`OOMScoreAdjust`).
const OOM_SCORE: &str = "-900";

/// What came of one run.
struct Served {
    modest: u64,
    greedy: u64,
    killed: u64,
    took: Duration,
    instructions: u64,
}

/// Measures both modes for each interval, and tells.
///
/// # Errors
///
/// The server cannot be started, or ends.
pub(super) fn run() -> Result<()> {
    fs::write(SCRIPT, MODEST)?;
    fs::write(TABLE_SCRIPT, TABLE)?;
    fs::write(HUGE_SCRIPT, HUGE)?;
    // For nothing: what is read from the disk for the first time is late.
    served(MODES[0], &BURSTS[0])?;
    for burst in &BURSTS {
        port::say(format!(
            "modest queries answered in a second, and each {} s {}",
            PERIOD.as_secs(),
            burst.name
        ));
        let mut rates = [Vec::new(), Vec::new()];
        for round in 1..=ROUNDS {
            for (rates, mode) in rates.iter_mut().zip(MODES) {
                let served = served(mode, burst)?;
                let name = if mode.is_empty() { "0" } else { "2" };
                port::say(format!("round {round}, mode {name}: {}", served.told()));
                rates.push(served.rate());
            }
        }
        let [host, own] = rates.map(Spread::of);
        port::say(format!(
            "{}: mode 0 {}, mode 2 {}: {:+.0} %",
            burst.name,
            host.told(),
            own.told(),
            100.0 * (own.median / host.median - 1.0)
        ));
    }
    Ok(())
}

impl Served {
    fn rate(&self) -> f64 {
        self.modest as f64 / self.took.as_secs_f64()
    }

    fn told(&self) -> String {
        format!(
            "{:.1} ({} in {:.1} s; {:.1} for 10^9 instructions of the server's; {} greedy ones answered, {} killed)",
            self.rate(),
            self.modest,
            self.took.as_secs_f64(),
            self.modest as f64 * 1e9 / self.instructions as f64,
            self.greedy,
            self.killed
        )
    }
}

/// The middle and the ends of some numbers.
struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(mut rates: Vec<f64>) -> Self {
        rates.sort_by(f64::total_cmp);
        let at = |index: usize| rates.get(index).copied().unwrap_or(f64::NAN);
        Self {
            least: at(0),
            median: at(rates.len() / 2),
            most: at(rates.len().saturating_sub(1)),
        }
    }

    fn told(&self) -> String {
        format!("{:.1} ({:.1} to {:.1})", self.median, self.least, self.most)
    }
}

/// Lets both kinds ask for as long as the bursts go on, with a server of their own.
fn served(mode: &[(&str, &str)], burst: &Burst) -> Result<Served> {
    let cast = started()?;
    let container = cast.get(&CROWDED)?;
    put(container, mode)?;
    fs::write(
        format!("/proc/{}/oom_score_adj", container.pid()),
        OOM_SCORE,
    )?;
    answered(container, &format!("-t 1 -c 1 -f {TABLE_SCRIPT}"))?;
    let first = answered(container, &format!("-t 20 -c 1 -f {SCRIPT}"))?;
    ensure!(first == 20, "the server answered {first} of 20");
    let before = run_time_of(container)?;
    let begun = Instant::now();
    let end = begun + PERIOD * TIMES;
    let (modest, greedy, took) = thread::scope(|scope| {
        let client = || asks_until(container, end);
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        let greedy = bursts(container, begun, burst);
        let (mut modest, mut last) = (0, end);
        for client in clients {
            let (count, ended) = client.join().map_err(|_| anyhow!("a client panicked"))??;
            modest += count;
            last = last.max(ended);
        }
        greedy.map(|greedy| (modest, greedy, last - begun))
    })?;
    ensure!(container.is_running(), "the server has ended");
    let killed = oom_kills(container)?;
    let instructions = run_time_of(container)? - before;
    cast.stop()?;
    Ok(Served {
        modest,
        greedy,
        killed,
        took,
        instructions,
    })
}

/// Asks modestly until `end`; returns how many were answered, and when that was over.
fn asks_until(container: &Container, end: Instant) -> Result<(u64, Instant)> {
    let mut sum = 0;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        // pgbench counts whole seconds; what it takes beyond is in the time of both modes.
        let seconds = left.as_secs().max(1);
        sum += answered(container, &format!("-T {seconds} -c 1 -f {SCRIPT}"))?;
        sleep(PAUSE);
    }
    Ok((sum, Instant::now()))
}

/// Lets the greedy ones come in the middle of each interval; returns how many were answered.
fn bursts(container: &Container, begun: Instant, burst: &Burst) -> Result<u64> {
    let mut sum = 0;
    for number in 0..TIMES {
        let when = begun + PERIOD * number + PERIOD / 2;
        sleep(when.saturating_duration_since(Instant::now()));
        sum += comes(container, burst.crowd, burst.script).context("a burst")?;
    }
    Ok(sum)
}
