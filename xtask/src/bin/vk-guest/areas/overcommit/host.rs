//! The host in mode 2, beside containers that have a mode of their own.

use anyhow::Result;

use crate::areas::overcommit::scouts::{holds, sent, takes, NoReserves};
use crate::problem::{expect_eq, Outcome};
use crate::scout::Scout;
use crate::setting::{Setting, OVERCOMMIT};

/// More than the host's limit.
const MORE_MIB: usize = 4096;

/// What the host has room for if nobody else is counted, and not twice.
const MUCH_MIB: usize = 800;

/// Sends a scout into a container in mode 1 that holds more than the host's limit.
fn inflated() -> Result<Scout> {
    let mut container = sent(&[("vm.overcommit_memory", "1")])?;
    let held = holds(&mut container, MORE_MIB)?;
    anyhow::ensure!(held == "ok", "mode 1 refused {MORE_MIB} MiB: {held}");
    Ok(container)
}

/// Whatever hides at the moment that there is room is waited for: nobody has to ask again.
fn each_time(asks: impl Fn() -> Outcome) -> Outcome {
    const TIMES: usize = 3;
    (0..TIMES).try_for_each(|_| asks())
}

pub(super) fn a_host_in_mode_2_is_not_starved_by_a_container_in_mode_1() -> Outcome {
    each_time(|| {
        let _container = inflated()?;
        let mut host = Scout::send()?;
        let _strict = Setting::put(OVERCOMMIT, "2")?;
        expect_eq("the host's", holds(&mut host, MUCH_MIB)?.as_str(), "ok")
    })
}

pub(super) fn a_host_that_was_in_mode_2_before_is_not_starved_either() -> Outcome {
    each_time(|| {
        let mut host = Scout::send()?;
        let _strict = Setting::put(OVERCOMMIT, "2")?;
        let _container = inflated()?;
        expect_eq("the host's", holds(&mut host, MUCH_MIB)?.as_str(), "ok")
    })
}

/// A container without a policy is part of the host.
pub(super) fn a_container_without_a_policy_is_not_starved_either() -> Outcome {
    each_time(|| {
        let mut plain = Scout::send_into_new_namespace()?;
        let _container = inflated()?;
        let _strict = Setting::put(OVERCOMMIT, "2")?;
        expect_eq("its mapping", holds(&mut plain, MUCH_MIB)?.as_str(), "ok")
    })
}

pub(super) fn the_hosts_own_limit_holds_beside_containers() -> Outcome {
    let (mut first, mut second) = (Scout::send()?, Scout::send()?);
    let _strict = Setting::put(OVERCOMMIT, "2")?;
    let _container = inflated()?;
    expect_eq("the first's", holds(&mut first, MUCH_MIB)?.as_str(), "ok")?;
    expect_eq(
        "the second's",
        holds(&mut second, MUCH_MIB)?.as_str(),
        "ENOMEM",
    )?;
    first.recall()?;
    expect_eq(
        "with the first gone",
        holds(&mut second, MUCH_MIB)?.as_str(),
        "ok",
    )
}

/// A container with a limit is part of what a strict host can count on.
pub(super) fn what_a_container_in_mode_2_holds_counts_for_the_host() -> Outcome {
    let policy = [
        ("vm.overcommit_memory", "2"),
        ("vm.overcommit_kbytes", "8388608"),
    ];
    let mut container = sent(&policy)?;
    let mut host = Scout::send()?;
    // It is there, with all its libraries.
    host.read(OVERCOMMIT)?;
    let _strict = Setting::put(OVERCOMMIT, "2")?;
    expect_eq(
        "the container's",
        holds(&mut container, MORE_MIB)?.as_str(),
        "ok",
    )?;
    expect_eq("the host's", holds(&mut host, MUCH_MIB)?.as_str(), "ENOMEM")
}

/// Whatever one container maps, in whatever way its policy leaves open.
pub(super) fn who_maps_everything_takes_nothing_from_a_neighbour_or_the_host() -> Outcome {
    const EVERYTHING_MIB: usize = 100_000;
    let _all = NoReserves::put()?;
    let limited = [
        ("vm.overcommit_memory", "2"),
        ("vm.overcommit_kbytes", "131072"),
    ];
    let (mut neighbour, mut host) = (sent(&limited)?, Scout::send()?);
    let mut malicious = sent(&[("vm.overcommit_memory", "1")])?;
    expect_eq("all", holds(&mut malicious, EVERYTHING_MIB)?.as_str(), "ok")?;
    for way in ["noreserve", "brk", "mprotect", "mremap"] {
        let taken = takes(&mut malicious, way, EVERYTHING_MIB)?;
        expect_eq(way, taken.as_str(), "ok")?;
    }
    expect_eq("a neighbour's", holds(&mut neighbour, 100)?.as_str(), "ok")?;
    expect_eq("the host's", holds(&mut host, MUCH_MIB)?.as_str(), "ok")?;
    each_time(|| {
        let mut host = Scout::send()?;
        let _strict = Setting::put(OVERCOMMIT, "2")?;
        expect_eq("a strict host's", holds(&mut host, 200)?.as_str(), "ok")
    })?;
    // With a limit it gets no further than that, and what it has is nobody else's.
    let mut bounded = sent(&limited)?;
    expect_eq("its limit", holds(&mut bounded, 100)?.as_str(), "ok")?;
    for way in [
        "noreserve",
        "brk",
        "mprotect",
        "mremap",
        "shared",
        "segment",
    ] {
        let taken = takes(&mut bounded, way, 100)?;
        expect_eq(way, taken.as_str(), "ENOMEM")?;
    }
    let more = takes(&mut neighbour, "brk", 16)?;
    expect_eq("a neighbour's rest", more.as_str(), "ok")
}
