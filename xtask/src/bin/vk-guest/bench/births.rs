//! What the birth and the death of a namespace cost: the kernel's function-graph tracer on the two
//! hooked functions and on the callback that frees, with the processor's counter for a clock.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};

use super::{quiet, write};
use crate::crowd::{come_and_go, Crowd};
use crate::{module, port};

const TRACING: &str = "/sys/kernel/tracing";

/// The function of a birth, that of a death, and the callback by which the module frees afterwards.
const FUNCTIONS: [&str; 3] = ["wake_up_new_task", "delayed_free_pidns", "vk_rcu_done"];

/// How many namespaces live meanwhile.
const LIVE: &[usize] = &[8, 512, 10_000];

/// How many are made and ended for one number.
const CYCLES: usize = 1000;

/// What was measured of one function: least and median, in instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cost {
    count: usize,
    min: u64,
    median: u64,
}

/// Measures without the module, then with it while more and more namespaces live, and tells.
///
/// # Errors
///
/// The kernel cannot trace, or makes no namespace.
pub(crate) fn run() -> Result<()> {
    port::say("live    module  function              count     min   median     more".to_owned());
    let absent = with_crowd(LIVE[0], "absent", &BTreeMap::new())?;
    module::load(&[])?;
    for live in LIVE {
        with_crowd(*live, "idle", &absent)?;
    }
    module::unload()
}

type Costs = BTreeMap<&'static str, Cost>;

/// Measures while `live` namespaces live, and tells how much more it is than `base`.
fn with_crowd(live: usize, stage: &str, base: &Costs) -> Result<Costs> {
    let crowd = Crowd::gather(live)?;
    quiet::wait()?;
    let costs = measure()?;
    drop(crowd);
    let mut sum = 0;
    for (name, cost) in &costs {
        let before = base.get(name).map_or(0, |it| it.median);
        let more = cost.median.saturating_sub(before);
        sum += more;
        let Cost { count, min, median } = cost;
        port::say(format!(
            "{live:<7} {stage:<7} {name:<20} {count:>6} {min:>7} {median:>8} {more:>8}"
        ));
    }
    if !base.is_empty() {
        port::say(format!(
            "{live:<7} {stage:<7} birth and death: {sum} more; goal 1500"
        ));
    }
    Ok(costs)
}

fn measure() -> Result<Costs> {
    let tracer = Tracer::start()?;
    for _ in 0..CYCLES {
        come_and_go()?;
        // Each grace period on its own, so that one callback does not wait for another's caches.
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(Duration::from_millis(500));
    let trace = tracer.stop()?;
    let costs = costs_of(&trace);
    let is_whole = costs.values().all(|cost| cost.count >= CYCLES / 2);
    ensure!(costs.len() >= 2 && is_whole, "the tracer saw {costs:?}");
    Ok(costs)
}

/// The tracer, at work; it is switched off when it is let go.
struct Tracer;

impl Tracer {
    fn start() -> Result<Self> {
        let put = |file: &str, text: &str| write(&format!("{TRACING}/{file}"), text);
        put("tracing_on", "0")?;
        put("buffer_size_kb", "16384")?;
        put("trace_clock", "x86-tsc")?;
        // The module's own is not there without the module.
        put("set_ftrace_filter", &FUNCTIONS[..2].join("\n"))?;
        if module::is_loaded() {
            append("set_ftrace_filter", FUNCTIONS[2])?;
        }
        let tracer = Self;
        put("current_tracer", "function_graph")?;
        put("trace", "")?;
        put("tracing_on", "1")?;
        Ok(tracer)
    }

    fn stop(self) -> Result<String> {
        write(&format!("{TRACING}/tracing_on"), "0")?;
        fs::read_to_string(format!("{TRACING}/trace")).context("cannot read the trace")
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        for (file, text) in [
            ("current_tracer", "nop"),
            ("set_ftrace_filter", "\n"),
            ("trace_clock", "local"),
        ] {
            if let Err(error) = write(&format!("{TRACING}/{file}"), text) {
                eprintln!("vk-guest: {error:#}");
            }
        }
    }
}

fn append(file: &str, text: &str) -> Result<()> {
    use std::io::Write;
    let path = format!("{TRACING}/{file}");
    let mut file = fs::OpenOptions::new().append(true).open(&path)?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("cannot add {text} to {path}"))
}

fn costs_of(trace: &str) -> Costs {
    let mut all: BTreeMap<&'static str, Vec<u64>> = BTreeMap::new();
    for (name, ticks) in trace.lines().filter_map(duration) {
        all.entry(name).or_default().push(ticks);
    }
    all.into_iter()
        .map(|(name, ticks)| (name, cost_of(ticks)))
        .collect()
}

fn cost_of(mut ticks: Vec<u64>) -> Cost {
    ticks.sort_unstable();
    Cost {
        count: ticks.len(),
        min: ticks.first().copied().unwrap_or(0),
        median: ticks.get(ticks.len() / 2).copied().unwrap_or(0),
    }
}

/// Reads a line of the graph, ` 0) + 12.345 us |  function();`: a tick is shown as a nanosecond.
fn duration(line: &str) -> Option<(&'static str, u64)> {
    let (before, after) = line.split_once(" us ")?;
    let name = FUNCTIONS
        .iter()
        .copied()
        .find(|name| after.contains(name))?;
    let (whole, part) = before.split_whitespace().last()?.split_once('.')?;
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = part.parse().ok()?;
    Some((name, 1000 * whole + part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_tracers_graph() {
        let trace = "\
# tracer: function_graph
#
# CPU  DURATION                  FUNCTION CALLS
# |     |   |                     |   |   |   |
 0)   2.345 us    |  wake_up_new_task();
 0) + 12.001 us   |  wake_up_new_task();
 0)   0.870 us    |  delayed_free_pidns();
 0)   0.100 us    |  vk_rcu_done [vkernel]();
";
        let costs = costs_of(trace);
        let birth = Cost {
            count: 2,
            min: 2345,
            median: 12_001,
        };
        assert_eq!(costs.get("wake_up_new_task"), Some(&birth));
        assert_eq!(costs.get("delayed_free_pidns").map(|it| it.min), Some(870));
        assert_eq!(costs.get("vk_rcu_done").map(|it| it.min), Some(100));
    }
}
