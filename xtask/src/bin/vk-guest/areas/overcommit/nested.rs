//! Limits of namespaces that are nested: whatever is inside counts for all around it.

use crate::areas::overcommit::scouts::{holds, stat, NoReserves};
use crate::policy::{set, shown, target, MODE};
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::Scout;

use anyhow::Result;

/// A limit of 128 MiB, which the container may write over.
const WRITABLE: &[(&str, &str)] = &[
    ("vm.overcommit_memory", "2"),
    ("vm.overcommit_kbytes", "131072"),
    ("vm.overcommit_memory.inside", "rw"),
];

/// A container with a limit that it may write over, and a namespace inside that did: now in `mode`.
fn outer_and_inner(mode: &str) -> Result<(Scout, Scout)> {
    let outer = Scout::send_into_new_namespace()?;
    set(&target(outer.namespace()?), WRITABLE)?;
    let inner = inside(&outer, mode)?;
    Ok((outer, inner))
}

fn inside(outer: &Scout, mode: &str) -> Result<Scout> {
    let mut inner = Scout::send_below(outer)?;
    let refusal = inner.write(MODE, mode)?;
    anyhow::ensure!(refusal.is_none(), "{refusal:?} writing {mode}");
    let ns = target(inner.namespace()?);
    let is_its_own = shown(&ns, "vm.overcommit_memory")? == (mode.to_owned(), "own".to_owned());
    anyhow::ensure!(is_its_own, "{ns} has no mode of its own");
    Ok(inner)
}

pub(super) fn a_nested_namespace_in_mode_1_stays_within_the_limit_around_it() -> Outcome {
    let _all = NoReserves::put()?;
    let (outer, mut inner) = outer_and_inner("1")?;
    expect_eq("the mode inside", inner.read(MODE)?.as_str(), "1")?;
    expect_eq("200 MiB inside", holds(&mut inner, 200)?.as_str(), "ENOMEM")?;
    expect_eq("64 MiB inside", holds(&mut inner, 64)?.as_str(), "ok")?;
    for (whose, scout) in [("inner", &inner), ("outer", &outer)] {
        let what = format!("failcnt of the {whose} one");
        expect_eq(&what, stat(scout, "failcnt")?, 1)?;
    }
    Ok(())
}

pub(super) fn nested_namespaces_share_the_limit_around_them() -> Outcome {
    const HELD: u64 = 64 << 20;
    let _all = NoReserves::put()?;
    let (mut outer, mut first) = outer_and_inner("2")?;
    let mut second = inside(&outer, "2")?;
    expect_eq("the first's", holds(&mut first, 64)?.as_str(), "ok")?;
    // Each has as much in its own account.
    expect_eq("the second's", holds(&mut second, 100)?.as_str(), "ENOMEM")?;
    expect_eq(
        "the outer one's",
        holds(&mut outer, 100)?.as_str(),
        "ENOMEM",
    )?;
    let (all, its) = (stat(&outer, "held")?, stat(&second, "held")?);
    let seen = format!("outer {all}, second {its}");
    expect(all >= its + HELD, seen, "64 MiB more in the outer one")?;
    first.recall()?;
    expect_eq(
        "with the first gone",
        holds(&mut second, 100)?.as_str(),
        "ok",
    )
}

/// Far below the limit nothing is recounted: what is refused at last was charged on the way.
pub(super) fn what_is_granted_inside_is_charged_around_it() -> Outcome {
    let _all = NoReserves::put()?;
    let outer = Scout::send_into_new_namespace()?;
    let ns = target(outer.namespace()?);
    set(&ns, WRITABLE)?;
    set(&ns, &[("vm.overcommit_kbytes", "524288")])?;
    let mut inner = Vec::new();
    for _ in 0..5 {
        inner.push(inside(&outer, "1")?);
    }
    let mut granted = 0;
    for scout in &mut inner {
        granted += usize::from(holds(scout, 120)? == "ok");
    }
    expect_eq("the number of mappings granted", granted, 4)
}
