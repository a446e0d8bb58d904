//! What khugepaged does with the host at `never`, where it also looks at processes of the host.

use std::time::Duration;

use crate::container::{wait_until, Container};
use crate::demo::place::Place;
use crate::khugepaged::{self, huge_kb_of};
use crate::problem::{expect, expect_eq, Outcome};
use crate::setting::{Setting, THP};

/// How long khugepaged may take until it comes by.
const LIMIT: Duration = Duration::from_secs(60);

/// What a process does that khugepaged comes to, whatever its policy is by then: it gets on the list
/// while it is allowed huge pages, waits, and has base pages where huge ones are wanted.
pub(crate) const ENLIST_AND_FILL: [&str; 8] = [
    "map", "16", "enlist", "wait", "nohuge", "touch", "huge", "hold",
];

/// Expects it to collapse a range in `container`, which is at `always`, and none of the host's.
///
/// # Errors
///
/// It does something else.
pub(crate) fn collapses_the_containers_and_none_of_the_hosts(container: &Container) -> Outcome {
    let [mut hosts, mut ours] = {
        let _always = Setting::put(THP, "always")?;
        let enlisted = |place: Place<'_>| place.hold(&ENLIST_AND_FILL, "enlisted=");
        [enlisted(Place::Host)?, enlisted(Place::In(container))?]
    };
    let never = Setting::put(THP, "never")?;
    hosts.goes_on("eligible=")?;
    ours.goes_on("eligible=")?;
    let (of_host, of_container) = (hosts.pid()?, ours.pid()?);
    let _fast = khugepaged::hurry()?;
    is_collapsed("the container's", of_container)?;
    khugepaged::wait_for_full_scans(3)?;
    expect_eq(
        "AnonHugePages of the host's process",
        huge_kb_of(of_host)?,
        0,
    )?;
    // It was its word alone that kept it from them.
    drop(never);
    let _always = Setting::put(THP, "always")?;
    is_collapsed("the host's at `always`", of_host)
}

/// Expects a process to get huge pages from khugepaged.
///
/// # Errors
///
/// It gets none.
pub(crate) fn is_collapsed(whose: &str, pid: u32) -> Outcome {
    let collapsed = wait_until(LIMIT, || huge_kb_of(pid).is_ok_and(|huge_kb| huge_kb > 0));
    expect(
        collapsed,
        format!("nothing collapsed of {whose}"),
        "something",
    )
}
