//! Other users of the kernel's hooks: the function tracers and probes of tracefs.

use std::fs::{self, OpenOptions};
use std::io::Write;

use anyhow::{Context, Result};

const DIR: &str = "/sys/kernel/tracing";

/// A tracer on some functions; it is taken off when it is let go.
#[derive(Debug)]
pub(crate) struct Tracer(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `function` or `function_graph`.
    Functions,
    /// A probe of `kprobe_events` or `dynamic_events`.
    Probe(&'static str),
    /// An event of the kernel's own, below `events`.
    Event(&'static str),
}

/// The files that name probes.
const KPROBES: &str = "kprobe_events";
const FPROBES: &str = "dynamic_events";

/// Whether each event is followed by a backtrace.
const STACKS: &str = "options/stacktrace";

impl Tracer {
    /// Traces each call of `functions`, by the tracer of this name.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub(crate) fn functions(tracer: &str, functions: &[&str]) -> Result<Self> {
        let this = Self(Kind::Functions);
        write("trace", "")?;
        write("set_ftrace_filter", &functions.join("\n"))?;
        write("current_tracer", tracer)?;
        write("tracing_on", "1")?;
        Ok(this)
    }

    /// Puts a probe on each of `functions`, at its entry.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub(crate) fn kprobes(functions: &[&str]) -> Result<Self> {
        Self::probes(KPROBES, "p", functions, "")
    }

    /// Puts a probe on the return of each of `functions`.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub(crate) fn kretprobes(functions: &[&str]) -> Result<Self> {
        Self::probes(KPROBES, "r", functions, "")
    }

    /// Puts an fprobe on entry of each of `functions`.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub(crate) fn fprobes(functions: &[&str]) -> Result<Self> {
        Self::probes(FPROBES, "f", functions, "")
    }

    /// Puts a probe on each of `functions`, at its entry, which keeps the backtrace.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub(crate) fn backtraces(functions: &[&str]) -> Result<Self> {
        let this = Self::kprobes(functions)?;
        write(STACKS, "1")?;
        Ok(this)
    }

    /// Returns the backtraces that were kept: the innermost function first.
    ///
    /// # Errors
    ///
    /// The trace cannot be read.
    pub(crate) fn kept(&self) -> Result<Vec<Vec<String>>> {
        let trace = fs::read_to_string(format!("{DIR}/trace"))?;
        Ok(stacks(&trace))
    }

    fn probes(file: &'static str, kind: &str, functions: &[&str], rest: &str) -> Result<Self> {
        let this = Self(Kind::Probe(file));
        write("trace", "")?;
        for function in functions {
            append(file, &format!("{kind}:vk/at_{function} {function}{rest}\n"))?;
        }
        write("events/vk/enable", "1")?;
        write("tracing_on", "1")?;
        Ok(this)
    }

    /// Records the kernel's own event, as `kmem/mm_page_alloc`, where `filter` holds.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub(crate) fn event(event: &'static str, filter: &str) -> Result<Self> {
        let this = Self(Kind::Event(event));
        write(&format!("events/{event}/filter"), filter)?;
        write(&format!("events/{event}/enable"), "1")?;
        write("tracing_on", "1")?;
        write("trace", "")?;
        Ok(this)
    }

    /// Returns the value of `field` in each record of the process `pid`, and forgets all records.
    ///
    /// # Errors
    ///
    /// The trace cannot be read.
    pub(crate) fn takes(&self, pid: u32, field: &str) -> Result<Vec<String>> {
        let trace = fs::read_to_string(format!("{DIR}/trace"))?;
        write("trace", "")?;
        let mark = format!("-{pid} ");
        let of_task = trace
            .lines()
            .filter(|line| line.split('[').next().unwrap_or("").contains(&mark));
        let name = format!(" {field}=");
        Ok(of_task
            .filter_map(|line| line.split_once(&name))
            .map(|(_, rest)| rest.split(' ').next().unwrap_or("").to_owned())
            .collect())
    }

    /// Tells whether `function` was seen.
    ///
    /// # Errors
    ///
    /// The trace cannot be read.
    pub(crate) fn has_seen(&self, function: &str) -> Result<bool> {
        let trace = fs::read_to_string(format!("{DIR}/trace"))?;
        let lines = trace.lines().filter(|line| !line.starts_with('#'));
        Ok(lines.into_iter().any(|line| line.contains(function)))
    }
}

/// Takes the backtraces out of a trace: lines ` => FUNCTION` behind one with `<stack trace>`.
fn stacks(trace: &str) -> Vec<Vec<String>> {
    let mut stacks = Vec::new();
    for line in trace.lines() {
        if line.ends_with("<stack trace>") {
            stacks.push(Vec::new());
        } else if let (Some(function), Some(stack)) =
            (line.trim_start().strip_prefix("=> "), stacks.last_mut())
        {
            let stack: &mut Vec<String> = stack;
            stack.push(function.trim().to_owned());
        }
    }
    stacks
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let done = match self.0 {
            Kind::Functions => write("current_tracer", "nop").and(write("set_ftrace_filter", "")),
            Kind::Probe(file) => write("events/vk/enable", "0").and(write(file, "")),
            Kind::Event(event) => write(&format!("events/{event}/enable"), "0")
                .and(write(&format!("events/{event}/filter"), "0")),
        };
        if let Err(error) = done.and(write(STACKS, "0")).and(write("trace", "")) {
            eprintln!("vk-guest: {error:#}");
        }
    }
}

fn write(file: &str, text: &str) -> Result<()> {
    fs::write(format!("{DIR}/{file}"), text).with_context(|| format!("{text:?} to {file}"))
}

fn append(file: &str, text: &str) -> Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .open(format!("{DIR}/{file}"))?;
    let written = file.write_all(text.as_bytes());
    written.with_context(|| format!("cannot add {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_backtraces() {
        let trace = "\
# tracer: nop
  vk-guest-92  [001] .....  9.1: at_f: (f+0x0/0x30)
  vk-guest-92  [001] .....  9.1: <stack trace>
 => f
 => g
  vk-guest-92  [001] .....  9.2: at_f: (f+0x0/0x30)
  vk-guest-92  [001] .....  9.2: <stack trace>
 => f
";
        assert_eq!(stacks(trace), [vec!["f", "g"], vec!["f"]]);
    }
}
