//! What khugepaged does with the host at `never`, where it also looks at processes of the host.

use std::time::Duration;

use crate::container::{wait_until, Container};
use crate::demo::place::Place;
use crate::khugepaged::{self, huge_kb_of};
use crate::problem::{expect, expect_eq, Outcome};
use crate::setting::{Setting, THP};

/// How long khugepaged may take until it comes by.
const LIMIT: Duration = Duration::from_secs(60);

/// What a process does to have base pages where huge ones are wanted.
const FILL: [&str; 4] = ["nohuge", "touch", "huge", "hold"];

/// Expects it to collapse a range in `container`, which is at `always`, and none of the host's.
///
/// # Errors
///
/// It does something else.
pub(crate) fn collapses_the_containers_and_none_of_the_hosts(container: &Container) -> Outcome {
    // The host's process gets onto khugepaged's list while the host still allows it.
    let mut hosts = {
        let _always = Setting::put(THP, "always")?;
        Place::Host.hold(&[&["map", "16", "wait"][..], &FILL].concat(), "map=")?
    };
    let _never = Setting::put(THP, "never")?;
    hosts.goes_on("eligible=")?;
    let ours = Place::In(container).hold(&[&["map", "16"][..], &FILL].concat(), "eligible=")?;
    let (of_host, of_container) = (hosts.pid()?, ours.pid()?);
    let _fast = khugepaged::hurry()?;
    let collapsed = wait_until(LIMIT, || {
        huge_kb_of(of_container).is_ok_and(|huge_kb| huge_kb > 0)
    });
    expect(collapsed, "nothing collapsed in the container", "something")?;
    khugepaged::wait_for_full_scans(3)?;
    expect_eq(
        "AnonHugePages of the host's process",
        huge_kb_of(of_host)?,
        0,
    )
}
