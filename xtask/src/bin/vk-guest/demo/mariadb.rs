//! What mariadb gets from its container's huge-page policy.

use crate::demo::cast::Cast;
use crate::demo::commit::nothing_was_killed;
use crate::demo::postgres::{oom_kills, REFUSAL};
use crate::demo::role::{MARIADB, OVERSIZED};
use crate::dmesg::KernelLog;
use crate::khugepaged::huge_kb_of;
use crate::problem::{expect, expect_contains, expect_eq, Outcome};
use std::time::Duration;

/// It serves, and has huge pages that it does not ask for.
pub(crate) fn serves_with_huge_pages(cast: &Cast) -> Outcome {
    let container = cast.get(&MARIADB)?;
    let client = [
        "mariadb",
        "--no-defaults",
        "--socket=/tmp/mariadb.sock",
        "--batch",
    ];
    let query = ["--skip-column-names", "--execute", "select 6 * 7"];
    let answer = container.output(&[&client[..], &query].concat())?;
    expect_eq("the answer", answer.as_str(), "42")?;
    let huge_kb = huge_kb_of(container.pid())?;
    expect(
        huge_kb > 0,
        format!("AnonHugePages is {huge_kb} kB"),
        "more than none",
    )
}

/// A buffer pool above the limit: it says so and ends, and nothing is killed.
pub(crate) fn fails_cleanly_with_a_pool_above_the_limit() -> Outcome {
    const END_LIMIT: Duration = Duration::from_secs(60);
    let log = KernelLog::from_when_it_takes(REFUSAL)?;
    let cast = Cast::start(&[&OVERSIZED])?;
    let container = cast.get(&OVERSIZED)?;
    let kills = oom_kills(container);
    container.wait(END_LIMIT)?;
    let said = container.log()?;
    expect_contains(
        "its log",
        &said,
        "Plugin 'InnoDB' registration as a STORAGE ENGINE failed",
    )?;
    expect(!said.contains("got signal"), &said, "no crash")?;
    expect_eq("the processes killed", kills.unwrap_or(0), 0)?;
    let lines = log.lines()?.join("\n");
    expect_contains("the kernel log", &lines, REFUSAL)?;
    let asked = "comm: mariadbd, bytes: 1073741824";
    expect_contains("the kernel log", &lines, asked)?;
    nothing_was_killed(&lines)
}
