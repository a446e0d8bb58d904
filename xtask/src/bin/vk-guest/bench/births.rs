//! What the birth and the death of a namespace cost: the kernel's function-graph tracer, with the
//! processor's counter for a clock, on two functions around all that the module does. Neither is hooked:
//! of a function that has a tracer and a hook, the tracer's own work for both would count too.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};

use super::meter::instructions;
use super::{quiet, write};
use crate::crowd::{come_and_go, Crowd};
use crate::device::ask;
use crate::{module, namespace, policy, port};

const TRACING: &str = "/sys/kernel/tracing";

/// What a namespace is born in, and what runs RCU's callbacks: that of its death, and the one by which the
/// module frees afterwards.
const FUNCTIONS: [&str; 2] = [BIRTH, CALLBACKS];
const BIRTH: &str = "kernel_clone";
const CALLBACKS: &str = "rcu_do_batch";

/// How many namespaces live meanwhile.
const LIVE: &[usize] = &[8, 512, 10_000];

/// How many are made and ended for one number.
const CYCLES: usize = 1000;

/// What was measured of one function: calls, the least and the median of one, and all of them for one
/// namespace, in instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// How often it ran.
    pub(super) count: usize,
    /// The least.
    pub(super) min: u64,
    /// The median.
    pub(super) median: u64,
    share: u64,
}

impl Cost {
    /// What a namespace costs: callbacks come several at a time, births one by one.
    fn of_one(&self, name: &str) -> u64 {
        match name {
            CALLBACKS => self.share,
            _ => self.median,
        }
    }
}

/// Measures without the module, then with it while more and more namespaces live, and tells.
///
/// # Errors
///
/// The kernel cannot trace, or makes no namespace.
pub(crate) fn run() -> Result<()> {
    port::say("live    module  function       calls   median  for one    more".to_owned());
    // The kernel's own cost grows with how many live.
    let mut absent = Vec::new();
    for live in LIVE {
        absent.push(with_crowd(*live, "absent", &BTreeMap::new())?);
    }
    module::load(&[])?;
    for (live, absent) in LIVE.iter().zip(&absent) {
        with_crowd(*live, "idle", absent)?;
    }
    for live in LIVE {
        requests_with_crowd(*live)?;
    }
    module::unload_when_unused()
}

pub(super) type Costs = BTreeMap<&'static str, Cost>;

/// Measures while `live` namespaces live, and tells how much more it is than `base`.
fn with_crowd(live: usize, stage: &str, base: &Costs) -> Result<Costs> {
    let crowd = Crowd::gather(live)?;
    quiet::wait()?;
    let costs = measure()?;
    drop(crowd);
    let mut sum = 0;
    for (name, cost) in &costs {
        let one = cost.of_one(name);
        let more = base
            .get(name)
            .map_or(0, |it| one.saturating_sub(it.of_one(name)));
        sum += more;
        let Cost { count, median, .. } = cost;
        port::say(format!(
            "{live:<7} {stage:<7} {name:<13} {count:>6} {median:>8} {one:>8} {more:>7}"
        ));
    }
    if !base.is_empty() {
        port::say(format!(
            "{live:<7} {stage:<7} birth and death: {sum} more; goal 1500"
        ));
    }
    Ok(costs)
}

/// Measures what a request costs while `live` namespaces live, each with a commit policy, and tells.
fn requests_with_crowd(live: usize) -> Result<()> {
    const TIMES: usize = 5;
    policy::set("default", &[("vm.overcommit_memory", "1")])?;
    let crowd = Crowd::gather(live)?;
    policy::unset("default")?;
    let latest = crowd.pids().last().context("nobody lives")?;
    let ns = policy::target(namespace::id_of(latest.unsigned_abs())?);
    quiet::wait()?;
    for (verb, target) in [
        ("set", ns.as_str()),
        ("stat", &ns),
        ("list", ""),
        ("stat", ""),
    ] {
        let mut costs = Vec::new();
        for time in 0..TIMES {
            let value = if time % 2 == 0 { "0" } else { "1" };
            let pairs = [("vm.overcommit_memory", value)];
            let pairs = if verb == "set" { &pairs[..] } else { &[] };
            let began = instructions();
            let lines = ask(verb, target, pairs)?.accepted()?.len();
            costs.push(instructions().wrapping_sub(began));
            ensure!(target == ns || lines >= live, "{verb}: {lines} lines");
        }
        let Cost { median, .. } = cost_of(costs);
        let what = if target.is_empty() {
            "of all"
        } else {
            "of one"
        };
        port::say(format!("{live:<7} idle    {verb} {what}: {median}"));
    }
    Ok(())
}

fn measure() -> Result<Costs> {
    let tracer = Tracer::start(&FUNCTIONS)?;
    for _ in 0..CYCLES {
        come_and_go()?;
        // Each grace period on its own, so that one callback does not wait for another's caches.
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(Duration::from_millis(500));
    let trace = tracer.stop()?;
    let costs = costs_of(&trace, &FUNCTIONS);
    let births = costs.get(BIRTH).map_or(0, |cost| cost.count);
    let is_whole = births >= CYCLES / 2 && costs.contains_key(CALLBACKS);
    ensure!(is_whole, "the tracer saw {costs:?}");
    Ok(costs)
}

/// The tracer, at work; it is switched off when it is let go.
pub(super) struct Tracer;

impl Tracer {
    /// Begins to trace these functions.
    ///
    /// # Errors
    ///
    /// The kernel cannot.
    pub(super) fn start(functions: &[&str]) -> Result<Self> {
        let put = |file: &str, text: &str| write(&format!("{TRACING}/{file}"), text);
        put("tracing_on", "0")?;
        put("buffer_size_kb", "16384")?;
        put("trace_clock", "x86-tsc")?;
        put("set_ftrace_filter", "\n")?;
        for function in functions {
            append("set_ftrace_filter", function)?;
        }
        let tracer = Self;
        put("current_tracer", "function_graph")?;
        put("trace", "")?;
        put("tracing_on", "1")?;
        Ok(tracer)
    }

    /// Ends it, and returns what was seen.
    ///
    /// # Errors
    ///
    /// The kernel cannot.
    pub(super) fn stop(self) -> Result<String> {
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
    let path = format!("{TRACING}/{file}");
    let mut file = fs::OpenOptions::new().append(true).open(&path)?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("cannot add {text} to {path}"))
}

/// Returns what each of these functions cost.
pub(super) fn costs_of(trace: &str, functions: &[&'static str]) -> Costs {
    let mut all: BTreeMap<&'static str, Vec<u64>> = BTreeMap::new();
    for (name, ticks) in trace.lines().filter_map(|line| duration(line, functions)) {
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
        share: ticks.iter().sum::<u64>() / CYCLES as u64,
    }
}

/// Reads a line of the graph, ` 0) + 12.345 us |  function();`: a tick is shown as a nanosecond.
fn duration(line: &str, functions: &[&'static str]) -> Option<(&'static str, u64)> {
    let (before, after) = line.split_once(" us ")?;
    let name = functions
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
 0)   2.345 us    |  kernel_clone();
 0) + 12.001 us   |  kernel_clone();
 0) ! 870.000 us  |  rcu_do_batch();
 0) ! 131.000 us  |  rcu_do_batch();
";
        let costs = costs_of(trace, &FUNCTIONS);
        let birth = Cost {
            count: 2,
            min: 2345,
            median: 12_001,
            share: 14,
        };
        assert_eq!(costs.get(BIRTH), Some(&birth));
        assert_eq!(
            costs.get(CALLBACKS).map(|it| it.of_one(CALLBACKS)),
            Some(1001)
        );
    }
}
