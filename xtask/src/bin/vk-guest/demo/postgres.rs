//! What postgres makes of its container's commit limit.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::container::{wait_until, Container};
use crate::demo::cast::Cast;
use crate::demo::commit::nothing_was_killed;
use crate::demo::role::{CROWDED, POSTGRES};
use crate::dmesg::KernelLog;
use crate::problem::{expect, expect_contains, expect_eq, Outcome};
use crate::program::{self, Output};

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
    let log = KernelLog::from_when_it_takes(REFUSAL)?;
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

/// What each of the many asks for: some 12 MB that it fills and keeps for a while.
const CROWD_QUERY: &str = "select length(a), pg_sleep(4) from \
     (select string_agg(repeat('x', 1000000), '') as a from generate_series(1, 12)) as t;\n";

/// How long the server may take to tell what was killed.
const KILL_LIMIT: Duration = Duration::from_secs(30);

/// pgbench, from outside, as who the server trusts. Debian has the version in its paths.
pub(crate) const CLIENT: &str = "setpriv --reuid=postgres --regid=postgres --clear-groups \
     /usr/lib/postgresql/*/bin/pgbench";

/// How many they are.
const CROWD: &str = "20";

/// Lets many connections ask at once, from outside, so that only the server needs the container's
/// memory.
fn crowds(container: &Container) -> Result<Output> {
    let script = "/run/vk-crowd.sql";
    fs::write(script, CROWD_QUERY)?;
    let host = format!("--host=/proc/{}/root/tmp", container.pid());
    let words = format!("{CLIENT} {host} -n -t 1 -c {CROWD} -f {script} postgres");
    program::run(&["sh", "-c", &words])
}

/// Many at once under a small memory.max: in mode 1 the kernel kills; in mode 2 the server sees
/// errors, says so in its own log, and goes on.
pub(crate) fn sees_errors_where_mode_1_is_killed() -> Outcome {
    let cast = Cast::start(&[&CROWDED])?;
    let container = cast.get(&CROWDED)?;
    let log = KernelLog::from_now()?;
    crowds(container)?;
    expect(oom_kills(container)? > 0, "none killed in mode 1", "some")?;
    let lines = log.lines()?.join("\n");
    expect_contains(
        "the kernel log",
        &lines,
        "Memory cgroup out of memory: Killed process",
    )?;
    // Unless the kernel took the server itself, and the container with it.
    let says = |log: String| log.contains("was terminated by signal 9");
    let has_seen = || !container.is_running() || container.log().is_ok_and(says);
    expect(
        wait_until(KILL_LIMIT, has_seen),
        container.log()?,
        "it tells who was killed, or has ended",
    )?;
    cast.stop()?;

    let cast = Cast::start(&[&CROWDED])?;
    let container = cast.get(&CROWDED)?;
    limits_to_a_few(container)?;
    let log = KernelLog::from_when_it_takes(REFUSAL)?;
    crowds(container)?;
    let said = container.log()?;
    // Of a query, or of a connection: that is what comes when there is no room any more.
    let refusals = ["ERROR:  out of memory", "FATAL:  out of memory"];
    let is_refused = refusals.iter().any(|refusal| said.contains(refusal));
    expect(is_refused, &said, refusals.join(" or "))?;
    expect(
        !said.contains("terminated by signal"),
        &said,
        "no process ended",
    )?;
    expect_eq("the processes killed", oom_kills(container)?, 0)?;
    let lines = log.lines()?.join("\n");
    expect_contains("the kernel log", &lines, REFUSAL)?;
    nothing_was_killed(&lines)?;
    let modest = query(container, "select 6 * 7")?.success()?;
    expect_eq("the next answer", modest.as_str(), "42")
}

/// Any policy keeps the account: what the server has now, and room for a few of the many.
fn limits_to_a_few(container: &Container) -> Result<()> {
    let limit_kb = (container.stat("held")? >> 10) + (80 << 10);
    container.set(&[
        ("vm.overcommit_memory", "2"),
        ("vm.overcommit_kbytes", &limit_kb.to_string()),
    ])
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
