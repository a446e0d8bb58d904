//! Threads.

use anyhow::{Context, Result};

use super::common::{Three, THREADS_MAX};
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::{Ask, Order, Scout};
use crate::setting::{read, Setting};

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

/// How many threads the machine has: the fourth word of its load.
fn threads() -> Result<usize> {
    let load = read("/proc/loadavg")?;
    let word = load.split(' ').nth(3).and_then(|word| word.split_once('/'));
    Ok(word.context("no threads in /proc/loadavg")?.1.parse()?)
}

/// The kernel starts and ends threads of its own: a round counts in which it did not.
pub(super) fn the_hosts_threads_max_holds_beside_a_containers() -> Outcome {
    const ROUNDS: usize = 20;
    const MORE: usize = 30;
    let mut three = Three::send(&[("kernel.threads-max", "10")])?;
    let forks = |scout: &mut Scout, limit: usize| -> Result<[String; 3]> {
        let [below, at, above] =
            [limit - 1, limit, limit + 1].map(|asked| scout.does(&Order::Ask(Ask::Forks(asked))));
        Ok([below?, at?, above?])
    };
    let ends_at = |limit: usize| [limit - 1, limit, limit].map(|count| count.to_string());
    for _ in 0..ROUNDS {
        let before = threads()?;
        let host = Setting::put(THREADS_MAX, &(before + MORE).to_string())?;
        let seen = [
            forks(&mut three.ours, 9)?,
            forks(&mut three.neighbour, MORE)?,
            forks(&mut three.host, MORE)?,
        ];
        drop(host);
        if threads()? == before {
            let expected = [ends_at(9), ends_at(MORE), ends_at(MORE)];
            return expect_eq("forks inside, next to it, by the host", seen, expected);
        }
    }
    expect(false, "threads came and went", "a round without")
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
