//! The module's own life: loaded, unloaded, armed, disarmed, with containers around it.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::area::{checks, Area, Module};
use crate::churn::Churn;
use crate::container::{wait_until, Container, Runtime};
use crate::door::Door;
use crate::loaded::Loaded;
use crate::module;
use crate::policy::{chosen, is_armed, listed, set, shown, target, MODE, THP};
use crate::problem::{expect, expect_contains, expect_eq, Outcome};
use crate::program;
use crate::row::{row, rows};
use crate::scout::{Order, Scout};
use crate::setting::Setting;
use crate::values::Values;

/// The area.
pub(crate) const AREA: Area = Area {
    name: "lifecycle",
    module: Module::Out,
    checks: checks![
        rmmod_with_live_policies_says_in_use_and_changes_nothing,
        rmmod_succeeds_after_a_forced_disarm,
        rmmod_succeeds_once_the_containers_are_gone,
        an_open_device_keeps_the_module,
        disarm_keeps_policies_and_shows_them_as_not_enforced,
        arm_enforces_what_was_kept,
        a_namespace_that_died_while_disarmed_is_not_shown,
        what_changes_while_disarmed_holds_after_arm,
        nothing_kept_is_nothing_in_use,
        armed_0_loads_without_a_hook_and_arm_puts_them_in,
        a_container_outlives_the_module,
        the_hosts_values_are_the_same_after_rmmod,
        two_loads_and_unloads_under_load,
    ],
};

/// How long rmmod may take.
const UNLOAD_LIMIT: Duration = Duration::from_secs(10);

/// A container that waits.
fn waiting(runtime: Runtime, name: &str) -> Result<Container> {
    Container::start(runtime, name, &["sleep", "1000"])
}

/// Returns the host's value of what the checks set.
fn host_mode() -> Result<String> {
    Ok(fs::read_to_string(MODE)?.trim().to_owned())
}

/// Returns what `list` says of a target: whether its policy is enforced.
fn enforced(ns: &str) -> Result<String> {
    Ok(row("list", "", ns)?.word("enforced").to_owned())
}

fn hooks_are(state: &str) -> Outcome {
    for hook in rows("hooks", "", &[])? {
        expect_eq(&hook.name, hook.word("state"), state)?;
    }
    Ok(())
}

fn rmmod_with_live_policies_says_in_use_and_changes_nothing() -> Outcome {
    let loaded = Loaded::with(&[])?;
    let containers = [
        waiting(Runtime::Crun, "live-crun")?,
        waiting(Runtime::Runc, "live-runc")?,
    ];
    for container in &containers {
        set(
            &target(container.namespace()?),
            &[("vm.overcommit_memory", "1")],
        )?;
    }
    let state = || -> Result<_> {
        let shown: Vec<_> = containers
            .iter()
            .map(|it| rows("show", &target(it.namespace()?), &[]))
            .collect();
        Ok(format!(
            "{shown:?} {:?} {:?}",
            rows("hooks", "", &[])?,
            rows("features", "", &[])?
        ))
    };
    let before = state()?;
    let refused = program::run(&["rmmod", module::NAME])?;
    expect(refused.status != 0, "rmmod succeeded", "a refusal")?;
    expect_contains("what rmmod says", &refused.stderr, "in use")?;
    expect_eq("the state", state()?, before)?;
    for container in &containers {
        expect_eq("the value inside", container.read(MODE)?.as_str(), "1")?;
    }
    drop(containers);
    drop(loaded);
    Ok(())
}

fn rmmod_succeeds_after_a_forced_disarm() -> Outcome {
    let _loaded = Loaded::with(&[])?;
    let container = waiting(Runtime::Crun, "forced")?;
    let pairs = [("vm.overcommit_memory", "1"), ("thp_enabled", "never")];
    set(&target(container.namespace()?), &pairs)?;
    let start = Instant::now();
    program::output(&["/vk/vkctl", "disarm", "--force"])?;
    module::unload()?;
    let took = start.elapsed();
    expect(took < UNLOAD_LIMIT, format!("{took:?}"), "less than 10 s")?;
    expect_eq("the value inside", container.read(MODE)?, host_mode()?)
}

fn rmmod_succeeds_once_the_containers_are_gone() -> Outcome {
    let _loaded = Loaded::with(&[])?;
    let containers = [
        waiting(Runtime::Crun, "gone-crun")?,
        waiting(Runtime::Runc, "gone-runc")?,
    ];
    for container in &containers {
        let pairs = [("vm.overcommit_memory", "1"), ("thp_enabled", "always")];
        set(&target(container.namespace()?), &pairs)?;
    }
    containers.into_iter().try_for_each(Container::stop)?;
    let start = Instant::now();
    let unloaded = wait_until(UNLOAD_LIMIT, || module::unload().is_ok());
    let took = start.elapsed();
    expect(unloaded, "the module is still in use", "rmmod in 10 s")?;
    expect(took < UNLOAD_LIMIT, format!("{took:?}"), "less than 10 s")
}

fn an_open_device_keeps_the_module() -> Outcome {
    let loaded = Loaded::with(&[])?;
    let mut door = Door::open()?;
    let refused = program::run(&["rmmod", module::NAME])?;
    expect_contains("what rmmod says", &refused.stderr, "in use")?;
    let reply = door.ask(b"vkernel 1 features\n")?;
    expect(reply.is_ok(), reply.head(), "ok")?;
    drop(door);
    Ok(loaded.unload()?)
}

fn disarm_keeps_policies_and_shows_them_as_not_enforced() -> Outcome {
    let _loaded = Loaded::with(&[])?;
    let container = waiting(Runtime::Crun, "kept")?;
    let ns = target(container.namespace()?);
    set(
        &ns,
        &[("vm.overcommit_memory", "1"), ("thp_enabled", "never")],
    )?;
    expect_eq("enforced at first", enforced(&ns)?.as_str(), "yes")?;
    rows("disarm", "", &[])?;
    hooks_are("planned")?;
    expect_eq("enforced then", enforced(&ns)?.as_str(), "no")?;
    let key = row("show", &ns, "vm.overcommit_memory")?;
    expect_eq("the value kept", key.value.as_str(), "1")?;
    expect_eq("its source", key.word("source"), "own")?;
    expect_eq("its enforced", key.word("enforced"), "no")?;
    expect_eq("the value inside", container.read(MODE)?, host_mode()?)?;
    let refused = program::run(&["rmmod", module::NAME])?;
    expect_contains("what rmmod says", &refused.stderr, "in use")
}

fn arm_enforces_what_was_kept() -> Outcome {
    let _loaded = Loaded::with(&[])?;
    let container = waiting(Runtime::Runc, "again")?;
    let mut outer = Scout::send_into_new_namespace()?;
    let mut inner = Scout::send()?;
    inner.does(&Order::Enter(format!("/proc/{}/ns/pid", outer.pid()?)))?;
    inner.does(&Order::NewPid)?;
    let ns = target(container.namespace()?);
    set(
        &ns,
        &[("vm.overcommit_memory", "1"), ("thp_enabled", "never")],
    )?;
    set(
        &target(outer.namespace()?),
        &[("vm.overcommit_memory", "1")],
    )?;
    rows("disarm", "", &[])?;
    // Born while nobody looks.
    let mut late = Scout::send()?;
    late.does(&Order::Enter(format!("/proc/{}/ns/pid", outer.pid()?)))?;
    late.does(&Order::NewPid)?;
    expect_eq("the value while disarmed", late.read(MODE)?, host_mode()?)?;
    rows("arm", "", &[])?;
    expect_eq("enforced", enforced(&ns)?.as_str(), "yes")?;
    expect_eq("the value inside", container.read(MODE)?.as_str(), "1")?;
    expect_eq("THP inside", chosen(&container.read(THP)?), "never")?;
    for (name, scout) in [
        ("outer", &mut outer),
        ("inner", &mut inner),
        ("late", &mut late),
    ] {
        expect_eq(name, scout.read(MODE)?.as_str(), "1")?;
    }
    for feature in ["lifecycle", "sysctl", "overcommit", "thp"] {
        expect_eq(feature, is_armed(feature)?, true)?;
    }
    Ok(())
}

fn a_namespace_that_died_while_disarmed_is_not_shown() -> Outcome {
    let _loaded = Loaded::with(&[])?;
    let (dies, lives) = (
        Scout::send_into_new_namespace()?,
        Scout::send_into_new_namespace()?,
    );
    let (dead, live) = (target(dies.namespace()?), target(lives.namespace()?));
    for ns in [&dead, &live] {
        set(ns, &[("vm.overcommit_memory", "1")])?;
    }
    rows("disarm", "", &[])?;
    dies.recall()?;
    expect_eq(
        "the list while disarmed",
        listed(false)?,
        vec![live.clone()],
    )?;
    rows("arm", "", &[])?;
    expect_eq("the list after arm", listed(false)?, vec![live])?;
    let all = listed(true)?;
    expect(
        !all.contains(&dead),
        format!("{all:?}"),
        "the dead not in it",
    )?;
    lives.recall()?;
    // Nothing of the dead one holds the module.
    let unloaded = wait_until(UNLOAD_LIMIT, || module::unload().is_ok());
    expect(unloaded, "the module is still in use", "rmmod in 10 s")
}

fn what_changes_while_disarmed_holds_after_arm() -> Outcome {
    let _loaded = Loaded::with(&[])?;
    let mut first = Scout::send_into_new_namespace()?;
    let mut second = Scout::send_into_new_namespace()?;
    let (one, two) = (target(first.namespace()?), target(second.namespace()?));
    set(&one, &[("vm.overcommit_memory", "1")])?;
    rows("disarm", "", &[])?;
    let request = format!("vkernel 1 set {two}\nvm.overcommit_memory=1\n");
    let reply = Door::open()?.ask(request.as_bytes())?;
    expect(reply.is_ok(), reply.head(), "ok")?;
    expect_contains("the answer", &reply.text, "not enforced")?;
    rows("unset", &one, &[])?;
    hooks_are("planned")?;
    set("default", &[("vm.overcommit_memory", "1")])?;
    expect_eq("the second, disarmed", second.read(MODE)?, host_mode()?)?;
    let own = ("1".to_owned(), "own".to_owned());
    expect_eq("what is shown", shown(&two, "vm.overcommit_memory")?, own)?;
    rows("arm", "", &[])?;
    expect_eq("the second, armed", second.read(MODE)?.as_str(), "1")?;
    expect_eq("the first, armed", first.read(MODE)?, host_mode()?)?;
    // The default is for those born from now on, not for those that arming finds.
    expect_eq("the list", listed(false)?, vec![two])?;
    let mut third = Scout::send_into_new_namespace()?;
    expect_eq("the third, born later", third.read(MODE)?.as_str(), "1")
}

fn nothing_kept_is_nothing_in_use() -> Outcome {
    let loaded = Loaded::with(&[])?;
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    set(&ns, &[("vm.overcommit_memory", "1")])?;
    rows("disarm", "", &[])?;
    rows("unset", &ns, &[])?;
    Ok(loaded.unload()?)
}

fn armed_0_loads_without_a_hook_and_arm_puts_them_in() -> Outcome {
    let older = Scout::send_into_new_namespace()?;
    let loaded = Loaded::with(&["armed=0"])?;
    hooks_are("planned")?;
    let mut scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    set(&ns, &[("vm.overcommit_memory", "1")])?;
    hooks_are("planned")?;
    expect_eq("the value inside", scout.read(MODE)?, host_mode()?)?;
    let refused = program::run(&["rmmod", module::NAME])?;
    expect_contains("what rmmod says of what is kept", &refused.stderr, "in use")?;
    older.recall()?;
    rows("arm", "", &[])?;
    expect_eq("lifecycle", is_armed("lifecycle")?, true)?;
    expect_eq("the value after arm", scout.read(MODE)?.as_str(), "1")?;
    scout.recall()?;
    let unloaded = wait_until(UNLOAD_LIMIT, || module::unload().is_ok());
    drop(loaded);
    expect(unloaded, "the module is still in use", "rmmod in 10 s")
}

fn a_container_outlives_the_module() -> Outcome {
    let loaded = Loaded::with(&[])?;
    let container = waiting(Runtime::Crun, "outlives")?;
    let ns = target(container.namespace()?);
    set(&ns, &[("vm.overcommit_memory", "1")])?;
    drop(loaded);
    expect(!module::is_loaded(), "the module is there", "not loaded")?;
    expect_eq("the value without", container.read(MODE)?, host_mode()?)?;
    let _loaded = Loaded::with(&[])?;
    expect_eq("the list of a fresh module", listed(false)?, vec![])?;
    set(&ns, &[("vm.overcommit_memory", "1")])?;
    expect_eq(
        "the value with it again",
        container.read(MODE)?.as_str(),
        "1",
    )
}

fn the_hosts_values_are_the_same_after_rmmod() -> Outcome {
    let _host = Setting::put(THP, "never")?;
    let before = Values::read();
    let loaded = Loaded::with(&[])?;
    let scout = Scout::send_into_new_namespace()?;
    let pairs = [
        ("thp_enabled", "always"),
        ("vm.overcommit_memory", "2"),
        ("vm.overcommit_kbytes", "262144"),
    ];
    set(&target(scout.namespace()?), &pairs)?;
    expect_eq("the gate", row("features", "", "thp")?.word("gate"), "open")?;
    drop(loaded);
    expect(!module::is_loaded(), "the module is there", "not loaded")?;
    let changes = before.changes(&Values::read(), &[]);
    expect(changes.is_empty(), changes.join(", "), "no change")
}

fn two_loads_and_unloads_under_load() -> Outcome {
    loads_and_unloads(2, UNLOAD_LIMIT)
}

/// Loads the module so many times while namespaces come and go, each time with a container, and takes
/// it out, which may take `limit`.
pub(crate) fn loads_and_unloads(times: usize, limit: Duration) -> Outcome {
    let churn = Churn::start(2)?;
    for _ in 0..times {
        let loaded = Loaded::with(&[])?;
        let mut scout = Scout::send_into_new_namespace()?;
        set(
            &target(scout.namespace()?),
            &[("vm.overcommit_memory", "1")],
        )?;
        expect_eq("the value inside", scout.read(MODE)?.as_str(), "1")?;
        thread::sleep(Duration::from_millis(100));
        scout.recall()?;
        let unloaded = wait_until(limit, || module::unload().is_ok());
        expect(unloaded, "the module is still in use", "rmmod")?;
        drop(loaded);
    }
    churn.stop()?;
    Ok(())
}
