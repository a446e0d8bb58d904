//! The ways to memory besides mmap(2): each is judged, and each stays open below the limit.

use anyhow::Result;

use crate::areas::overcommit::scouts::{holds, sent, stat, takes, NoReserves};
use crate::policy::{set, target};
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::{Order, Scout};
use crate::setting::{Setting, OVERCOMMIT};

/// A limit of 128 MiB.
const LIMITED: &[(&str, &str)] = &[
    ("vm.overcommit_memory", "2"),
    ("vm.overcommit_kbytes", "131072"),
];

/// More than the guest has, by far.
const HUGE_MIB: usize = 100_000;

/// Expects a way to be closed above the limit with this error, and open below.
fn is_judged(way: &str, error: &str) -> Outcome {
    let _all = NoReserves::put()?;
    let mut scout = sent(LIMITED)?;
    let refused = takes(&mut scout, way, 200)?;
    expect_eq("200 MiB", refused.as_str(), error)?;
    let granted = takes(&mut scout, way, 32)?;
    expect_eq("32 MiB", granted.as_str(), "ok")
}

pub(super) fn noreserve_is_charged_in_mode_2() -> Outcome {
    is_judged("noreserve", "ENOMEM")
}

pub(super) fn a_segment_with_noreserve_is_charged_in_mode_2() -> Outcome {
    is_judged("segment-noreserve", "ENOMEM")
}

pub(super) fn a_segment_is_judged() -> Outcome {
    is_judged("segment", "ENOMEM")
}

pub(super) fn a_shared_mapping_is_judged() -> Outcome {
    is_judged("shared", "ENOMEM")
}

pub(super) fn brk_is_judged() -> Outcome {
    is_judged("brk", "ENOMEM")
}

pub(super) fn mprotect_is_judged() -> Outcome {
    is_judged("mprotect", "ENOMEM")
}

pub(super) fn mremap_is_judged() -> Outcome {
    is_judged("mremap", "ENOMEM")
}

pub(super) fn the_stack_is_judged() -> Outcome {
    const STACK_MIB: usize = 6;
    let _all = NoReserves::put()?;
    let mut scout = sent(LIMITED)?;
    let granted = takes(&mut scout, "stack", STACK_MIB)?;
    expect_eq("a stack below the limit", granted.as_str(), "ok")?;
    let limit_kb = (stat(&scout, "held")? >> 10) + (4 << 10);
    let ns = target(scout.namespace()?);
    set(&ns, &[("vm.overcommit_kbytes", &limit_kb.to_string())])?;
    let refused = takes(&mut scout, "stack", STACK_MIB)?;
    expect_eq("a stack above it", refused.as_str(), "SIGSEGV")
}

/// The pool is empty: without the flag huge pages would have to be reserved, and there are none.
pub(super) fn huge_pages_keep_their_own_noreserve() -> Outcome {
    let mut scout = sent(LIMITED)?;
    for way in ["huge", "huge-segment"] {
        let granted = takes(&mut scout, way, 8)?;
        expect_eq(way, granted.as_str(), "ok")?;
    }
    Ok(())
}

/// What a host in mode 2 would charge, containers in other modes need not.
pub(super) fn noreserve_is_honoured_in_mode_1_of_a_host_in_mode_2() -> Outcome {
    let mut scout = sent(&[("vm.overcommit_memory", "1")])?;
    let _host = Setting::put(OVERCOMMIT, "2")?;
    let before = super::hosts_sum_mib()?;
    let granted = takes(&mut scout, "noreserve", HUGE_MIB)?;
    expect_eq("the mapping", granted.as_str(), "ok")?;
    let after = super::hosts_sum_mib()?;
    let seen = format!("Committed_AS {before} -> {after} MiB");
    expect(after - before < 1000, seen, "about the same")
}

/// Enters the namespace of a container, as nsenter(1) does.
fn enters(container: &Scout) -> Result<Scout> {
    let mut scout = Scout::send()?;
    scout.does(&Order::Enter(format!("/proc/{}/ns/pid", container.pid()?)))?;
    Ok(scout)
}

pub(super) fn who_enters_is_judged() -> Outcome {
    let _all = NoReserves::put()?;
    let container = sent(LIMITED)?;
    let mut guest = enters(&container)?;
    expect_eq("200 MiB", holds(&mut guest, 200)?.as_str(), "ENOMEM")?;
    expect_eq("64 MiB", holds(&mut guest, 64)?.as_str(), "ok")?;
    let held = stat(&container, "held")?;
    let seen = format!("the container holds {held}");
    expect(held >= 64 << 20, seen, "its guest's 64 MiB too")
}

/// Of tasks that share their memory across namespaces the one that asks decides.
pub(super) fn who_shares_memory_across_namespaces_is_judged_as_itself() -> Outcome {
    let _all = NoReserves::put()?;
    let container = sent(LIMITED)?;
    let mut host = Scout::send()?;
    let ns = format!("/proc/{}/ns/pid", container.pid()?);
    host.does(&Order::Aim(ns))?;
    expect_eq("the parent's", holds(&mut host, 200)?.as_str(), "ok")?;
    let refused = takes(&mut host, "clone-vm", 200)?;
    expect_eq("its child's", refused.as_str(), "ENOMEM")?;
    let granted = takes(&mut host, "clone-vm", 32)?;
    expect_eq("less of it", granted.as_str(), "ok")?;
    let held = stat(&container, "held")?;
    let seen = format!("the container holds {held}");
    expect(held < 128 << 20, seen, "none of what the parent owns")
}

/// A program takes the place of another, and what that held is given back.
pub(super) fn a_program_holds_nothing_of_the_one_before_it() -> Outcome {
    let _all = NoReserves::put()?;
    let mut scout = sent(LIMITED)?;
    expect_eq("64 MiB", holds(&mut scout, 64)?.as_str(), "ok")?;
    let before = stat(&scout, "held")?;
    scout.does(&Order::Exec)?;
    expect_eq("100 MiB after it", holds(&mut scout, 100)?.as_str(), "ok")?;
    let after = stat(&scout, "held")?;
    let seen = format!("held {before} -> {after}");
    expect(after < before + (50 << 20), seen, "36 MiB more")
}
