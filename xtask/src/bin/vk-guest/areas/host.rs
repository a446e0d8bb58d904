//! The host's own values and behaviour: they stay as without the module.

use anyhow::Result;

use crate::actor;
use crate::area::{checks, Area, Module};
use crate::container::{Container, Runtime};
use crate::device;
use crate::module;
use crate::problem::{expect, expect_eq, Outcome};
use crate::setting::{chosen, read, Setting, MIN_FREE, OVERCOMMIT, THP, THP_2M};
use crate::values::Values;

/// The area.
pub(crate) const AREA: Area = Area {
    name: "host",
    module: Module::Out,
    checks: checks![
        values_are_the_same_with_the_module_loaded_and_idle,
        values_are_the_same_before_during_and_after_policies,
        min_free_kbytes_of_the_admin_comes_back,
        may_change_its_own_settings_while_containers_run,
        has_its_new_word_at_the_next_fault_while_the_gate_is_open,
        may_change_the_file_that_the_gate_is_behind,
        gets_no_huge_page_at_never_in_10000_faults,
        is_not_eligible_at_never,
        collapses_on_request_as_without_the_module,
        maps_what_it_could_map_before,
    ],
};

/// A container with every key set, and the gate open if the host is not at `always`.
fn contained() -> Result<Container> {
    if !module::is_loaded() {
        module::load(&[])?;
    }
    let container = Container::start(Runtime::Crun, "policy", &["sleep", "10000"])?;
    container.set(&[
        ("thp_enabled", "always"),
        ("vm.overcommit_memory", "2"),
        ("vm.overcommit_kbytes", "98304"),
    ])?;
    Ok(container)
}

fn values_are_the_same_with_the_module_loaded_and_idle() -> Outcome {
    let before = Values::read();
    module::load(&[])?;
    let during = Values::read();
    module::unload()?;
    are_the_same("loaded", before.changes(&during, &[]))?;
    are_the_same("taken out", before.changes(&Values::read(), &[]))
}

fn values_are_the_same_before_during_and_after_policies() -> Outcome {
    // So that the gate is opened.
    let _never = Setting::put(THP, "never")?;
    let before = Values::read();
    let container = contained()?;
    // The documented exception: huge pages need a higher watermark while the gate is open.
    are_the_same("in use", before.changes(&Values::read(), &[MIN_FREE]))?;
    container.stop()?;
    device::ask("disarm", "", &[("force", "1")])?.accepted()?;
    module::unload()?;
    are_the_same("taken out", before.changes(&Values::read(), &[]))
}

fn min_free_kbytes_of_the_admin_comes_back() -> Outcome {
    let _never = Setting::put(THP, "never")?;
    let _admin = Setting::put(MIN_FREE, "12345")?;
    let container = contained()?;
    container.stop()?;
    device::ask("disarm", "", &[("force", "1")])?.accepted()?;
    expect_eq(MIN_FREE, read(MIN_FREE)?.as_str(), "12345")?;
    module::unload()?;

    let container = contained()?;
    let raised = read(MIN_FREE)?;
    expect(raised != "12345", &raised, "more while the gate is open")?;
    let _meanwhile = Setting::put(MIN_FREE, "23456")?;
    container.stop()?;
    device::ask("disarm", "", &[("force", "1")])?.accepted()?;
    let after = read(MIN_FREE)?;
    expect_eq("what was set meanwhile", after.as_str(), "23456")?;
    Ok(module::unload()?)
}

pub(crate) fn may_change_its_own_settings_while_containers_run() -> Outcome {
    let container = contained()?;
    let enabled = container.read(THP)?;
    for (path, value) in [(THP, "never"), (THP, "always"), (OVERCOMMIT, "1")] {
        let _changed = Setting::put(path, value)?;
        expect_eq(path, chosen(&read(path)?), value)?;
        expect_eq("THP inside", container.read(THP)?, enabled.clone())?;
        expect_eq("the mode inside", container.read(OVERCOMMIT)?.as_str(), "2")?;
    }
    Ok(())
}

fn has_its_new_word_at_the_next_fault_while_the_gate_is_open() -> Outcome {
    let _never = Setting::put(THP, "never")?;
    let _container = contained()?;
    let huge_kb = |words: &[&str]| -> Result<u64> { actor::on_host(words)?.number("anon_huge_kb") };
    let words = [
        (THP, "always", true, true),
        (THP, "madvise", false, true),
        (THP_2M, "always", true, true),
        (THP_2M, "madvise", false, true),
        (THP_2M, "never", false, false),
    ];
    for (path, word, unasked, asked) in words {
        let _word = Setting::put(path, word)?;
        let unasked_kb = huge_kb(&["map", "16", "touch"])?;
        expect_eq(&format!("{word}: unasked"), unasked_kb > 0, unasked)?;
        let asked_kb = huge_kb(&["map", "16", "huge", "touch"])?;
        expect_eq(&format!("{word}: asked"), asked_kb > 0, asked)?;
    }
    let never_kb = huge_kb(&["map", "16", "huge", "touch"])?;
    expect_eq("never again: AnonHugePages", never_kb, 0)
}

fn may_change_the_file_that_the_gate_is_behind() -> Outcome {
    let _madvise = Setting::put(THP, "madvise")?;
    let container = contained()?;
    for (word, has_huge) in [("always", true), ("never", false), ("inherit", false)] {
        let _changed = Setting::put(THP_2M, word)?;
        expect_eq("the word", chosen(&read(THP_2M)?), word)?;
        let words = ["map", "16", "touch"];
        let huge_kb = actor::on_host(&words)?.number("anon_huge_kb")?;
        let what = format!("whether the host has huge pages at {word}");
        expect_eq(&what, huge_kb > 0, has_huge)?;
        let huge_kb = actor::inside(&container, &words)?.number("anon_huge_kb")?;
        let what = format!("whether the container has, with the host at {word}");
        expect_eq(&what, huge_kb > 0, true)?;
    }
    let _changed = Setting::put(THP_2M, "never")?;
    container.stop()?;
    device::ask("disarm", "", &[("force", "1")])?.accepted()?;
    expect_eq("the word then", chosen(&read(THP_2M)?), "never")?;
    Ok(module::unload()?)
}

pub(crate) fn gets_no_huge_page_at_never_in_10000_faults() -> Outcome {
    let _never = Setting::put(THP, "never")?;
    let container = contained()?;
    let inside = actor::inside(&container, &["map", "16", "touch"])?;
    expect(
        inside.number("anon_huge_kb")? > 0,
        "no huge page inside",
        "the gate open",
    )?;
    let reading = actor::on_host(&["faults", "10000"])?;
    expect_eq("the number of faults", reading.number("faults")?, 10_000)?;
    expect_eq("AnonHugePages", reading.number("anon_huge_kb")?, 0)
}

pub(crate) fn is_not_eligible_at_never() -> Outcome {
    let _never = Setting::put(THP, "never")?;
    let _container = contained()?;
    let reading = actor::on_host(&["map", "16", "huge", "touch"])?;
    expect_eq("THPeligible", reading.number("eligible")?, 0)
}

fn collapses_on_request_as_without_the_module() -> Outcome {
    let collapse = || -> Result<Vec<(String, u64)>> {
        let mut results = Vec::new();
        for word in ["never", "madvise"] {
            let _word = Setting::put(THP, word)?;
            let reading = actor::on_host(&["collapse", "16"])?;
            let result = reading.word("collapse").unwrap_or("nothing").to_owned();
            results.push((result, reading.number("anon_huge_kb")?));
        }
        Ok(results)
    };
    if module::is_loaded() {
        module::unload()?;
    }
    let without = collapse()?;
    let _container = contained()?;
    expect_eq("MADV_COLLAPSE at never, madvise", collapse()?, without)
}

fn maps_what_it_could_map_before() -> Outcome {
    let sizes = ["200", "2000", "100000", "10000000"];
    let map = || -> Result<Vec<String>> {
        let map = |size: &&str| -> Result<String> {
            let reading = actor::on_host(&["map", size])?;
            Ok(reading.word("map").unwrap_or("nothing").to_owned())
        };
        sizes.iter().map(map).collect()
    };
    if module::is_loaded() {
        module::unload()?;
    }
    let without = map()?;
    let _container = contained()?;
    expect_eq("mappings", map()?, without.clone())?;
    let refused = without.iter().any(|result| result == "ENOMEM");
    expect(refused, format!("{without:?}"), "one that is too large")
}

/// Expects that nothing changed.
pub(crate) fn are_the_same(when: &str, changes: Vec<String>) -> Outcome {
    let seen = format!("with the module {when}: {}", changes.join(", "));
    expect(changes.is_empty(), seen, "no change")
}
