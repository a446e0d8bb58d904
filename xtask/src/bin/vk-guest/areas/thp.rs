//! Huge pages: each container has those that its own word gives it, whatever the host's word is.

use anyhow::Result;

use crate::actor::{self, Reading};
use crate::area::{checks, Area, Module};
use crate::container::{Container, Runtime};
use crate::demo::place::Place;
use crate::demo::scan;
use crate::khugepaged;
use crate::loaded::Loaded;
use crate::problem::{expect, expect_eq, Outcome};
use crate::row::row;
use crate::setting::{Setting, THP};

/// The area.
pub(crate) const AREA: Area = Area {
    name: "thp",
    module: Module::Loaded,
    checks: checks![
        always_gives_huge_pages_unasked_with_the_host_at_madvise,
        always_gives_huge_pages_unasked_with_the_host_at_never,
        never_gives_none_with_the_host_at_always,
        madvise_gives_them_to_who_asks_with_the_host_at_never,
        madvise_gives_none_unasked_with_the_host_at_always,
        an_advice_against_them_holds_at_always,
        grants_and_denials_are_counted,
        a_change_holds_for_the_next_fault,
        unset_brings_the_hosts_word_back,
        a_container_without_a_word_has_the_hosts,
        the_gate_is_open_while_somebody_needs_it,
        khugepaged_leaves_a_container_at_never_alone,
        khugepaged_collapses_the_containers_and_none_of_the_hosts,
        containers_with_opposite_words_run_side_by_side,
    ],
};

fn contained(name: &str, word: &str) -> Result<Container> {
    let container = Container::start(Runtime::Crun, name, &["sleep", "10000"])?;
    container.set(&[("thp_enabled", word)])?;
    Ok(container)
}

/// Maps and touches 64 MiB inside.
fn touched(container: &Container) -> Result<Reading> {
    actor::inside(container, &["map", "64", "touch"])
}

fn has_huge_pages(reading: &Reading) -> Outcome {
    let huge_kb = reading.number("anon_huge_kb")?;
    expect(
        huge_kb > 0,
        format!("AnonHugePages is {huge_kb} kB"),
        "more",
    )?;
    expect_eq("THPeligible", reading.number("eligible")?, 1)
}

fn has_none(reading: &Reading) -> Outcome {
    expect_eq("AnonHugePages", reading.number("anon_huge_kb")?, 0)?;
    expect_eq("THPeligible", reading.number("eligible")?, 0)
}

/// Expects huge pages for who does not ask for them, with the host at `word`.
pub(crate) fn gives_huge_pages_unasked(container: &Container, word: &str) -> Outcome {
    let _host = Setting::put(THP, word)?;
    has_huge_pages(&touched(container)?)
}

/// Expects no huge page inside, with the host at `always`, where the host's processes get them.
pub(crate) fn gives_none_with_the_host_at_always(container: &Container) -> Outcome {
    let _host = Setting::put(THP, "always")?;
    has_none(&touched(container)?)?;
    has_none(&actor::inside(container, &["map", "64", "huge", "touch"])?)?;
    has_huge_pages(&actor::on_host(&["map", "64", "touch"])?)
}

fn always_gives_huge_pages_unasked_with_the_host_at_madvise() -> Outcome {
    gives_huge_pages_unasked(&contained("always", "always")?, "madvise")
}

fn always_gives_huge_pages_unasked_with_the_host_at_never() -> Outcome {
    gives_huge_pages_unasked(&contained("always", "always")?, "never")
}

fn never_gives_none_with_the_host_at_always() -> Outcome {
    gives_none_with_the_host_at_always(&contained("never", "never")?)
}

fn madvise_gives_them_to_who_asks_with_the_host_at_never() -> Outcome {
    let _host = Setting::put(THP, "never")?;
    let container = contained("madvise", "madvise")?;
    has_none(&touched(&container)?)?;
    has_huge_pages(&actor::inside(&container, &["map", "64", "huge", "touch"])?)
}

fn madvise_gives_none_unasked_with_the_host_at_always() -> Outcome {
    let _host = Setting::put(THP, "always")?;
    let container = contained("madvise", "madvise")?;
    has_none(&touched(&container)?)?;
    has_huge_pages(&actor::inside(&container, &["map", "64", "huge", "touch"])?)
}

fn an_advice_against_them_holds_at_always() -> Outcome {
    let _host = Setting::put(THP, "never")?;
    let container = contained("always", "always")?;
    has_none(&actor::inside(
        &container,
        &["map", "64", "nohuge", "touch"],
    )?)?;
    has_huge_pages(&touched(&container)?)
}

fn grants_and_denials_are_counted() -> Outcome {
    let _host = Setting::put(THP, "madvise")?;
    for (word, grows, stays) in [
        ("always", "thp_granted", "thp_denied"),
        ("never", "thp_denied", "thp_granted"),
    ] {
        let container = contained("counted", word)?;
        let before = (container.stat(grows)?, container.stat(stays)?);
        touched(&container)?;
        let after = (container.stat(grows)?, container.stat(stays)?);
        let seen = format!("{grows} {} -> {} at {word}", before.0, after.0);
        expect(after.0 > before.0, seen, "a greater one")?;
        expect_eq(stays, after.1, before.1)?;
        container.stop()?;
    }
    Ok(())
}

fn a_change_holds_for_the_next_fault() -> Outcome {
    let _host = Setting::put(THP, "never")?;
    let container = contained("changed", "never")?;
    has_none(&touched(&container)?)?;
    container.set(&[("thp_enabled", "always")])?;
    has_huge_pages(&touched(&container)?)?;
    container.set(&[("thp_enabled", "never")])?;
    has_none(&touched(&container)?)
}

fn unset_brings_the_hosts_word_back() -> Outcome {
    let _host = Setting::put(THP, "always")?;
    let container = contained("unset", "never")?;
    has_none(&touched(&container)?)?;
    container.unset()?;
    has_huge_pages(&touched(&container)?)
}

fn a_container_without_a_word_has_the_hosts() -> Outcome {
    let _host = Setting::put(THP, "never")?;
    let _armed = contained("armed", "always")?;
    let plain = Container::start(Runtime::Runc, "plain", &["sleep", "10000"])?;
    has_none(&touched(&plain)?)?;
    let _host = Setting::put(THP, "always")?;
    has_huge_pages(&touched(&plain)?)
}

fn the_gate_is_open_while_somebody_needs_it() -> Outcome {
    let gate_is = |state: &str, when: &str| -> Outcome {
        expect_eq(when, row("features", "", "thp")?.word("gate"), state)
    };
    // Others' containers are gone, but may have died with the gate open, which lingers.
    let _fresh = Loaded::with(&[])?;
    gate_is("closed", "at first")?;
    let (one, other) = (contained("one", "never")?, contained("other", "never")?);
    gate_is("closed", "with two at `never`")?;
    one.set(&[("thp_enabled", "always")])?;
    gate_is("open", "with one at `always`")?;
    other.set(&[("thp_enabled", "madvise")])?;
    one.unset()?;
    gate_is("open", "with one at `madvise`")?;
    other.set(&[("thp_enabled", "never")])?;
    gate_is("closed", "with one at `never`")
}

/// Both processes are on khugepaged's list when one of them comes under `never`.
fn khugepaged_leaves_a_container_at_never_alone() -> Outcome {
    let _host = Setting::put(THP, "always")?;
    let (denied, twin) = (contained("denied", "always")?, contained("twin", "always")?);
    let enlisted = |container| Place::In(container).hold(&scan::ENLIST_AND_FILL, "enlisted=");
    let (mut ours, mut other) = (enlisted(&denied)?, enlisted(&twin)?);
    denied.set(&[("thp_enabled", "never")])?;
    ours.goes_on("eligible=")?;
    other.goes_on("eligible=")?;
    let pid = ours.pid()?;
    let _fast = khugepaged::hurry()?;
    scan::is_collapsed("its twin's at `always`", other.pid()?)?;
    khugepaged::wait_for_full_scans(3)?;
    expect_eq("AnonHugePages", khugepaged::huge_kb_of(pid)?, 0)?;
    // It was its word alone that kept it from them.
    denied.set(&[("thp_enabled", "always")])?;
    scan::is_collapsed("the container's at `always`", pid)
}

fn khugepaged_collapses_the_containers_and_none_of_the_hosts() -> Outcome {
    scan::collapses_the_containers_and_none_of_the_hosts(&contained("always", "always")?)
}

fn containers_with_opposite_words_run_side_by_side() -> Outcome {
    let _host = Setting::put(THP, "madvise")?;
    let always = contained("always", "always")?;
    let never = contained("never", "never")?;
    for _ in 0..3 {
        has_huge_pages(&touched(&always)?)?;
        has_none(&touched(&never)?)?;
    }
    Ok(())
}
