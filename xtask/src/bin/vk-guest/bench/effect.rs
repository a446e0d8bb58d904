//! What a commit mode of its own does for the throughput of postgres, against the host's mode 0.

mod crowd;
mod mixed;

use std::fs;

use anyhow::{Context, Result};

use crate::container::Container;
use crate::demo::cast::Cast;
use crate::demo::postgres::CLIENT;
use crate::demo::role::CROWDED;
use crate::policy::unset;
use crate::setting::{Setting, OVERCOMMIT};
use crate::{container, module, port, program};

/// What each of a crowd asks for: 12 MB, of which a sum is taken.
const GREEDY: &str = "select md5(a) from \
     (select string_agg(repeat('x', 1000000), '') as a from generate_series(1, 12)) as t;\n";

const GREEDY_SCRIPT: &str = "/run/vk-effect.sql";

/// The host's mode, without a policy; mode 2 with three quarters of the container's memory for a limit, as a quarter is
/// left for what is in memory.max and in no commit charge.
const MODES: [&[(&str, &str)]; 2] = [
    &[],
    &[
        ("vm.overcommit_memory", "2"),
        ("vm.overcommit_kbytes", "122880"),
    ],
];

/// Measures both loads, and tells.
///
/// # Errors
///
/// The server cannot be started, or the module refuses.
pub(crate) fn run() -> Result<()> {
    let _host = Setting::put(OVERCOMMIT, "0")?;
    module::load(&[])?;
    fs::write(GREEDY_SCRIPT, GREEDY)?;
    mixed::run()?;
    crowd::run()?;
    port::say(
        "the original design: up to +24 %, of an application and by a method it does not name"
            .to_owned(),
    );
    module::unload_when_unused()
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

/// Gives the server's container a mode of its own, or none.
fn put(container: &Container, mode: &[(&str, &str)]) -> Result<()> {
    match mode {
        [] => unset(&container.target()?),
        some => container.set(some),
    }
}

/// Lets a crowd ask once; returns how many were answered.
fn comes(container: &Container, crowd: u32, script: &str) -> Result<u64> {
    answered(container, &format!("-t 1 -c {crowd} -f {script}"))
}

/// Lets pgbench ask from outside, by a connection for each query: one that cannot be made ends one
/// client, not all of them. Returns how many queries were answered.
fn answered(container: &Container, words: &str) -> Result<u64> {
    let host = format!("--host=/proc/{}/root/tmp", container.pid());
    let words = format!("{CLIENT} {host} -n -C {words} postgres");
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
