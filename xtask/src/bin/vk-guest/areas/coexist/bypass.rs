//! A hook whose place is taken is noticed.

use std::time::Duration;

use crate::container::wait_until;
use crate::device::ask;
use crate::limited::Limited;
use crate::loaded::Loaded;
use crate::neighbour::Vandal;
use crate::policy::{set, target, THP};
use crate::problem::{expect, expect_contains, expect_eq, Outcome};
use crate::row::row;
use crate::scout::Scout;
use crate::setting::Setting;
use crate::stream::Stream;

/// Longer than hooks are left alone, on a slow machine.
const LATE: Duration = Duration::from_secs(40);

pub(super) fn a_hook_whose_site_is_overwritten_is_told() -> Outcome {
    const FUNCTION: &str = "vm_commit_limit";
    let _loaded = Loaded::with(&[])?;
    let mut limited = Limited::start()?;
    let mut stream = Stream::begin()?;
    let vandal = Vandal::put(FUNCTION)?;
    // By the loading of a module alone: nobody has asked.
    stream.until("bypassed vm_commit_limit")?;
    let hook = row("hooks", "", FUNCTION)?;
    expect_eq("bypassed", hook.word("bypassed"), "yes")?;
    expect_contains("the reason", hook.word("reason"), "overwritten")?;
    let refused = ask("disarm", "", &[("force", "1")])?;
    expect_eq("the error of disarm", refused.errno(), Some("EBUSY"))?;
    expect_contains("its sentence", &refused.head, FUNCTION)?;
    drop(vandal);
    stream.until("restored vm_commit_limit")?;
    drop(stream);
    let hook = row("hooks", "", FUNCTION)?;
    expect_eq("bypassed at last", hook.word("bypassed"), "")?;
    // What was left of disarming.
    ask("disarm", "", &[("force", "1")])?.accepted()?;
    ask("arm", "", &[])?.accepted()?;
    limited.is_enforced()
}

pub(super) fn a_bypassed_hook_closes_the_gate_that_it_answers_for() -> Outcome {
    let _host = Setting::put(THP, "never")?;
    let _loaded = Loaded::with(&[])?;
    let scout = Scout::send_into_new_namespace()?;
    set(&target(scout.namespace()?), &[("thp_enabled", "always")])?;
    expect_eq("the gate", gate()?.as_str(), "open")?;
    let vandal = Vandal::put("__thp_vma_allowable_orders")?;
    becomes("closed")?;
    drop(vandal);
    becomes("open")
}

fn gate() -> anyhow::Result<String> {
    Ok(row("features", "", "thp")?.word("gate").to_owned())
}

fn becomes(wanted: &str) -> Outcome {
    let is_so = wait_until(LATE, || gate().is_ok_and(|gate| gate == wanted));
    expect(is_so, format!("the gate is {}", gate()?), wanted)
}
