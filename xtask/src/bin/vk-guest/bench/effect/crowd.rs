//! Crowds that come all at once: queries answered for the run time of all that is in the server's
//! container, its cgroup's, with what the kernel does for it, killing and beginning anew too. Here a
//! nanosecond of that is an instruction. The clients are outside, and nobody is paid for waiting.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use super::{comes, put, run_time_of, started, CROWDED, GREEDY_SCRIPT, MODES};
use crate::container::Container;
use crate::demo::postgres::oom_kills;
use crate::port;

/// How many ask at once.
const CROWDS: &[u32] = &[4, 8, 12, 20];

/// How many instructions each crowd has in each mode, and how often it comes at the most.
const INSTRUCTIONS: u64 = 4_000_000_000;
const ROUNDS: usize = 200;

/// A server that begins anew takes no connection; it is asked again after so long.
const PAUSE: Duration = Duration::from_millis(500);

/// Lets each crowd come in both modes, and tells.
///
/// # Errors
///
/// The server cannot be started.
pub(super) fn run() -> Result<()> {
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
    Ok(())
}

/// What came of one crowd in one mode.
#[derive(Default)]
struct Served {
    answered: u64,
    asked: u64,
    killed: u64,
    instructions: u64,
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
        put(container, mode)?;
        served.by(container, crowd, &mut rounds)?;
        cast.stop()?;
    }
    Ok(served)
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
            self.answered += comes(container, crowd, GREEDY_SCRIPT)?;
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
