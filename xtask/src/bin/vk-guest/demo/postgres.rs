//! What postgres makes of its container's commit limit.

use std::fs;

use anyhow::{Context, Result};

use crate::container::Container;
use crate::demo::cast::Cast;
use crate::demo::role::POSTGRES;
use crate::dmesg::KernelLog;
use crate::problem::{expect, expect_contains, expect_eq, Outcome};
use crate::program::Output;

/// Needs 700 MB at once: more than the container may commit, and more than its cgroup has.
const GREEDY: &str = "select length(repeat('x', 700000000))";

fn query(container: &Container, text: &str) -> Result<Output> {
    let user = [
        "setpriv",
        "--reuid=postgres",
        "--regid=postgres",
        "--clear-groups",
    ];
    let client = [
        "psql",
        "--host=/tmp",
        "--no-psqlrc",
        "--tuples-only",
        "--no-align",
    ];
    container.exec(&[&user[..], &client[..], &["--command", text]].concat())
}

/// A query that needs too much ends with an error of its own, not with a killed process.
pub(crate) fn gets_an_error_instead_of_the_oom_killer(cast: &Cast) -> Outcome {
    let container = cast.get(&POSTGRES)?;
    let log = KernelLog::from_now()?;
    let killed_before = oom_kills(container)?;
    let greedy = query(container, GREEDY)?;
    expect_contains("the answer", &greedy.stderr, "ERROR:  out of memory")?;
    expect_eq("the processes killed", oom_kills(container)?, killed_before)?;
    let lines = log.lines()?.join("\n");
    expect_contains("the kernel log", &lines, "comm: postgres")?;
    expect_contains("the kernel log", &lines, REFUSAL)?;
    let modest = query(container, "select 6 * 7")?.success()?;
    expect_eq("the next answer", modest.as_str(), "42")?;
    expect(container.is_running(), "postgres has ended", "it runs")
}

/// How the kernel's own line about a refused commitment begins.
pub(crate) const REFUSAL: &str = "__vm_enough_memory: pid: ";

/// Returns how many processes of the container the kernel has killed for want of memory.
pub(crate) fn oom_kills(container: &Container) -> Result<u64> {
    let path = container.cgroup_dir().join("memory.events");
    let events = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    let count = events
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "));
    count
        .context("memory.events tells no oom_kill")?
        .parse()
        .context("oom_kill is no number")
}
