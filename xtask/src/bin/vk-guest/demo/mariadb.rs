//! What mariadb gets from its container's huge-page policy.

use crate::demo::cast::Cast;
use crate::demo::role::MARIADB;
use crate::khugepaged::huge_kb_of;
use crate::problem::{expect, expect_eq, Outcome};

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
