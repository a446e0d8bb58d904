//! The hooks on the way of one operation, counted by the kernel's function tracer.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use xtask::measurement::{Crossing, Stage};

use crate::device;

const TRACING: &str = "/sys/kernel/tracing";

/// Runs `operate`, which switches tracing on for one operation, and counts the armed hooks on its way.
///
/// # Errors
///
/// The kernel cannot trace, or `operate` fails.
pub(super) fn count(stage: Stage, operate: impl FnOnce() -> Result<()>) -> Result<Vec<Crossing>> {
    if stage == Stage::Absent {
        return Ok(Vec::new());
    }
    let kinds = armed()?;
    let symbols: Vec<&str> = kinds.keys().map(String::as_str).collect();
    let tracer = Tracer::start(&symbols)?;
    operate()?;
    let trace = tracer.stop()?;
    let counts = counted(&trace);
    let crossings = kinds.into_iter().filter_map(|(symbol, kind)| {
        let count = *counts.get(symbol.as_str())?;
        Some(Crossing {
            symbol,
            kind,
            count,
        })
    });
    Ok(crossings.collect())
}

/// Returns the hooks that are in, and their kinds.
fn armed() -> Result<BTreeMap<String, String>> {
    let hooks = device::ask("hooks", "", &[])?.accepted()?;
    let armed = hooks.iter().filter(|line| line.contains(" state=armed "));
    Ok(armed.filter_map(|line| symbol_and_kind(line)).collect())
}

fn symbol_and_kind(line: &str) -> Option<(String, String)> {
    let mut words = line.split(' ');
    let symbol = words.next()?;
    let kind = words.find_map(|word| word.strip_prefix("kind="))?;
    Some((symbol.to_owned(), kind.to_owned()))
}

/// The function tracer, at work; it is switched off when it is let go.
struct Tracer;

impl Tracer {
    fn start(symbols: &[&str]) -> Result<Self> {
        write("tracing_on", "0")?;
        write("set_ftrace_filter", &symbols.join("\n"))?;
        let tracer = Self;
        write("current_tracer", "function")?;
        Ok(tracer)
    }

    fn stop(self) -> Result<String> {
        fs::read_to_string(format!("{TRACING}/trace")).context("cannot read the trace")
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        for (name, value) in [("current_tracer", "nop"), ("set_ftrace_filter", "\n")] {
            if let Err(error) = write(name, value) {
                eprintln!("vk-guest: {error:#}");
            }
        }
    }
}

fn write(name: &str, value: &str) -> Result<()> {
    let path = format!("{TRACING}/{name}");
    fs::write(&path, value).with_context(|| format!("cannot write {value:?} to {path}"))
}

/// Counts the functions of a trace: `task-7 [000] ..... 1.2: function <-caller`.
fn counted(trace: &str) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::new();
    let lines = trace.lines().filter(|line| !line.starts_with('#'));
    for function in lines.filter_map(function) {
        *counts.entry(function).or_insert(0) += 1;
    }
    counts
}

fn function(line: &str) -> Option<&str> {
    let (before, _caller) = line.rsplit_once(" <-")?;
    before.rsplit(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_functions_of_a_trace() {
        let trace = "\
# tracer: function
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
        vk-guest-90      [000] .....     9.812345: __vm_enough_memory <-mmap_region
        vk-guest-90      [000] .....     9.812346: wake_up_new_task <-kernel_clone
        vk-guest-90      [000] .....     9.812347: __vm_enough_memory <-dup_mm
";
        let expected = BTreeMap::from([("__vm_enough_memory", 2), ("wake_up_new_task", 1)]);
        assert_eq!(counted(trace), expected);
    }

    #[test]
    fn reads_a_line_about_a_hook() {
        let line = "vm_commit_limit feature=overcommit kind=repl subject=current state=armed";
        let expected = ("vm_commit_limit".to_owned(), "repl".to_owned());
        assert_eq!(symbol_and_kind(line), Some(expected));
    }
}
