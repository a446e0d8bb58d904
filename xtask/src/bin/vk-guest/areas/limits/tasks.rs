//! Threads.

use super::common::{Three, THREADS_MAX};
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::{Ask, Order};
use crate::setting::read;

pub(super) fn threads_max_is_enforced_inside_and_nowhere_else() -> Outcome {
    let mut three = Three::send(&[("kernel.threads-max", "10")])?;
    // The first process is one of the ten.
    for (asked, inside) in [(8, "8"), (9, "9"), (10, "9"), (30, "9")] {
        let forks = three.all(&Order::Ask(Ask::Forks(asked)))?;
        let all = asked.to_string();
        let expected = [inside, &all, &all].map(|count| Ok(count.to_owned()));
        expect_eq(&format!("{asked} forks"), forks, expected)?;
    }
    let host: u64 = read(THREADS_MAX)?.parse().unwrap_or(0);
    expect(host > 1000, format!("threads-max {host}"), "the host's")
}

pub(super) fn threads_of_nested_namespaces_count_for_the_outer_one() -> Outcome {
    let mut three = Three::send(&[("kernel.threads-max", "10")])?;
    three.ours.does(&Order::NewPid)?;
    // The outer one's first process, and the inner one's.
    let forks = three.ours.does(&Order::Ask(Ask::Forks(30)))?;
    expect_eq("forks in the inner one", forks.as_str(), "8")?;
    let inner = crate::policy::target(three.ours.namespace()?);
    crate::policy::set(&inner, &[("kernel.threads-max", "5")])?;
    let forks = three.ours.does(&Order::Ask(Ask::Forks(30)))?;
    expect_eq("with a limit of its own", forks.as_str(), "4")?;
    crate::policy::set(&inner, &[("kernel.threads-max", "1000")])?;
    let forks = three.ours.does(&Order::Ask(Ask::Forks(30)))?;
    expect_eq("with a larger one", forks.as_str(), "8")
}
