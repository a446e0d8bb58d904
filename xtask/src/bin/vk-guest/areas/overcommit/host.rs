//! The host in mode 2, beside containers that have a mode of their own.

use anyhow::Result;

use crate::areas::overcommit::scouts::{holds, sent};
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

/// A recount that finds a lock taken subtracts nothing, and the next one is not before a pause: who is
/// refused then is served when it asks again.
fn asked_again(asks: impl Fn() -> Outcome) -> Outcome {
    const TIMES: usize = 4;
    let served = (0..TIMES).any(|_| asks().is_ok());
    if served {
        return Ok(());
    }
    asks()
}

pub(super) fn a_host_in_mode_2_is_not_starved_by_a_container_in_mode_1() -> Outcome {
    asked_again(|| {
        let _container = inflated()?;
        let mut host = Scout::send()?;
        let _strict = Setting::put(OVERCOMMIT, "2")?;
        expect_eq("the host's", holds(&mut host, MUCH_MIB)?.as_str(), "ok")
    })
}

pub(super) fn a_host_that_was_in_mode_2_before_is_not_starved_either() -> Outcome {
    asked_again(|| {
        let mut host = Scout::send()?;
        let _strict = Setting::put(OVERCOMMIT, "2")?;
        let _container = inflated()?;
        expect_eq("the host's", holds(&mut host, MUCH_MIB)?.as_str(), "ok")
    })
}

/// A container without a policy is part of the host.
pub(super) fn a_container_without_a_policy_is_not_starved_either() -> Outcome {
    asked_again(|| {
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
    let _strict = Setting::put(OVERCOMMIT, "2")?;
    expect_eq(
        "the container's",
        holds(&mut container, MORE_MIB)?.as_str(),
        "ok",
    )?;
    expect_eq("the host's", holds(&mut host, MUCH_MIB)?.as_str(), "ENOMEM")
}
