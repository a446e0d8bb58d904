//! Commit accounting: each container has the mode and the limit of its own.

mod host;
mod nested;
mod promises;
mod recounts;
mod reserves;
mod scouts;
mod swap;
pub(crate) mod walk;
mod ways;

use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context, Result};

use crate::actor::{self, Reading};
use crate::area::{checks, Area, Module};
use crate::container::{wait_until, Container, Runtime};
use crate::demo::commit;
use crate::demo::place::Place;
use crate::oci::Spec;
use crate::pairs::Pairs;
use crate::problem::{expect, expect_eq, Outcome};
use crate::setting::{Setting, OVERCOMMIT};
use host::*;
use nested::*;
use promises::*;
use recounts::*;
use reserves::*;
use swap::*;
use walk::*;
use ways::*;

/// The area.
pub(crate) const AREA: Area = Area {
    name: "overcommit",
    module: Module::Loaded,
    checks: checks![
        mode_1_grants_what_the_host_refuses,
        mode_2_refuses_above_its_limit_with_the_kernels_line,
        mode_2_refuses_while_mode_1_grants_the_same,
        mode_2_grants_below_its_limit,
        mode_2_counts_what_it_grants_far_below_its_limit,
        mode_0_refuses_what_mode_1_of_the_host_grants,
        the_ratio_is_of_the_containers_memory,
        a_lowered_memory_max_counts_for_the_next_charges,
        what_is_unmapped_is_given_back,
        what_ended_processes_held_is_given_back,
        a_lower_limit_refuses_only_new_mappings,
        a_refusal_is_counted,
        a_container_without_a_policy_is_judged_as_the_host,
        a_fork_is_refused_for_the_sum_of_its_mappings,
        nothing_is_killed,
        the_hosts_sum_has_what_containers_map_and_nothing_refused,
        what_is_held_falls_when_processes_end,
        a_nested_namespace_in_mode_1_stays_within_the_limit_around_it,
        nested_namespaces_share_the_limit_around_them,
        what_is_granted_inside_is_charged_around_it,
        noreserve_is_charged_in_mode_2,
        noreserve_is_honoured_in_mode_1_of_a_host_in_mode_2,
        a_segment_with_noreserve_is_charged_in_mode_2,
        a_segment_is_judged,
        a_shared_mapping_is_judged,
        huge_pages_keep_their_own_noreserve,
        brk_is_judged,
        mprotect_is_judged,
        mremap_is_judged,
        the_stack_is_judged,
        who_enters_is_judged,
        who_shares_memory_across_namespaces_is_judged_as_itself,
        a_program_holds_nothing_of_the_one_before_it,
        a_host_in_mode_2_is_not_starved_by_a_container_in_mode_1,
        a_host_that_was_in_mode_2_before_is_not_starved_either,
        a_container_without_a_policy_is_not_starved_either,
        the_hosts_own_limit_holds_beside_containers,
        what_a_container_in_mode_2_holds_counts_for_the_host,
        who_is_refused_pays_for_few_recounts,
        who_is_granted_pays_for_few_recounts,
        who_is_refused_does_not_fill_the_log,
        a_new_mode_and_its_limit_are_one_to_who_asks,
        two_who_recount_each_other_go_on,
        who_takes_swap_away_is_judged_without_a_recount,
        who_maps_everything_takes_nothing_from_a_neighbour_or_the_host,
        a_limit_above_the_containers_memory_is_warned_of,
        limits_above_the_machine_together_are_warned_of,
        strict_2_refuses_what_nothing_stands_behind,
        the_admins_reserve_is_the_containers_own,
        the_users_reserve_is_the_containers_own,
        root_of_a_rootless_container_is_its_admin,
        a_random_walk_under_mode_0_is_as_without_the_module,
        a_random_walk_while_policies_change_keeps_all_sums,
    ],
};

/// A limit of 96 MiB.
const LIMITED: Pairs<'static> = &[
    ("vm.overcommit_memory", "2"),
    ("vm.overcommit_kbytes", "98304"),
];

/// The same limit where it does not count.
const UNLIMITED: Pairs<'static> = &[
    ("vm.overcommit_memory", "1"),
    ("vm.overcommit_kbytes", "98304"),
];

/// More than a limit that was found may be gone by.
const KEPT: Duration = Duration::from_millis(200);

/// How long a killed process may take to be gone.
const END_LIMIT: Duration = Duration::from_secs(10);

/// More than the guest has, by far.
const HUGE_MIB: &str = "100000";

fn contained(name: &str, policy: Pairs<'_>) -> Result<Container> {
    let container = Container::start(Runtime::Crun, name, &["sleep", "10000"])?;
    container.set(policy)?;
    Ok(container)
}

fn is(what: &str, reading: &Reading, expected: &str) -> Outcome {
    expect_eq(what, reading.word("map"), Some(expected))
}

fn mode_1_grants_what_the_host_refuses() -> Outcome {
    let container = contained("generous", &[("vm.overcommit_memory", "1")])?;
    is(
        "the host's mapping",
        &actor::on_host(&["map", HUGE_MIB])?,
        "ENOMEM",
    )?;
    is(
        "the container's",
        &actor::inside(&container, &["map", HUGE_MIB])?,
        "ok",
    )
}

fn mode_2_refuses_above_its_limit_with_the_kernels_line() -> Outcome {
    let container = contained("limited", LIMITED)?;
    is(
        "its mapping",
        &actor::inside(&container, &["map", "200"])?,
        "ENOMEM",
    )?;
    is("the host's", &actor::on_host(&["map", "200"])?, "ok")?;
    commit::is_logged_in_the_kernels_words(&container)
}

fn mode_2_refuses_while_mode_1_grants_the_same() -> Outcome {
    let limited = contained("limited", LIMITED)?;
    let generous = contained("generous", UNLIMITED)?;
    commit::is_refused_while_it_is_granted(&limited, &generous)
}

fn mode_2_grants_below_its_limit() -> Outcome {
    let container = contained("limited", LIMITED)?;
    is(
        "its mapping",
        &actor::inside(&container, &["map", "32", "touch"])?,
        "ok",
    )
}

/// With a limit of 1 GiB seven mappings of 128 MiB fit, most of them below the reserves.
fn mode_2_counts_what_it_grants_far_below_its_limit() -> Outcome {
    let policy = [
        ("vm.overcommit_memory", "2"),
        ("vm.overcommit_kbytes", "1048576"),
    ];
    let container = contained("roomy", &policy)?;
    let holders = "for i in 1 2 3 4 5 6 7 8 9 10; do \
                   /vk/vk-guest act map 128 hold & pids=\"$pids $!\"; sleep 0.5; done; \
                   sleep 1; kill -9 $pids; wait; exit 0";
    let log = container.output(&["sh", "-c", holders])?;
    let granted = log.lines().filter(|line| *line == "map=ok").count();
    expect(
        (6..=7).contains(&granted),
        format!("{granted} were granted: {log}"),
        "6 or 7 of 10",
    )
}

fn mode_0_refuses_what_mode_1_of_the_host_grants() -> Outcome {
    let _host = Setting::put(OVERCOMMIT, "1")?;
    let container = contained("careful", &[("vm.overcommit_memory", "0")])?;
    is(
        "the host's mapping",
        &actor::on_host(&["map", HUGE_MIB])?,
        "ok",
    )?;
    is(
        "the container's",
        &actor::inside(&container, &["map", HUGE_MIB])?,
        "ENOMEM",
    )
}

fn the_ratio_is_of_the_containers_memory() -> Outcome {
    let spec = Spec::new("ratio", &["sleep", "10000"]).memory_max(256 << 20);
    let container = Container::create(Runtime::Crun, spec)?;
    container.set(&[("vm.overcommit_memory", "2"), ("vm.overcommit_ratio", "50")])?;
    container.begin()?;
    expect_eq(
        "CommitLimit",
        meminfo_kb(&container, "CommitLimit")?,
        128 << 10,
    )?;
    is(
        "150 MiB",
        &actor::inside(&container, &["map", "150"])?,
        "ENOMEM",
    )?;
    is("64 MiB", &actor::inside(&container, &["map", "64"])?, "ok")
}

/// Far from the limit and with nothing kept back, so that charges go by the limit that was found last.
fn a_lowered_memory_max_counts_for_the_next_charges() -> Outcome {
    let spec = Spec::new("lowered", &["sleep", "10000"]).memory_max(1 << 30);
    let container = Container::create(Runtime::Crun, spec)?;
    container.set(&[
        ("vm.overcommit_memory", "2"),
        ("vm.overcommit_ratio", "100"),
        ("vm.admin_reserve_kbytes", "0"),
        ("vm.user_reserve_kbytes", "0"),
    ])?;
    container.begin()?;
    let maps_64_mib = || actor::inside(&container, &["map", "64"]);
    is("64 MiB of 1 GiB", &maps_64_mib()?, "ok")?;
    fs::write(container.cgroup_dir().join("memory.max"), "64M").context("memory.max")?;
    thread::sleep(KEPT);
    is("64 of 64 MiB", &maps_64_mib()?, "ENOMEM")
}

fn what_is_unmapped_is_given_back() -> Outcome {
    let container = contained("limited", LIMITED)?;
    let once = "/vk/vk-guest act map 48";
    let script = format!("for i in 1 2 3 4 5 6 7 8 9 10; do {once} || exit; done");
    let log = container.output(&["sh", "-c", &script])?;
    let granted = log.lines().filter(|line| *line == "map=ok").count();
    expect_eq("the number of granted mappings", granted, 10)
}

fn what_ended_processes_held_is_given_back() -> Outcome {
    let container = contained("limited", LIMITED)?;
    let holder = "/vk/vk-guest act map 48 touch hold & sleep 1; kill -9 $!; wait; exit 0";
    for _ in 0..3 {
        container.output(&["sh", "-c", holder])?;
    }
    is(
        "the next mapping",
        &actor::inside(&container, &["map", "48"])?,
        "ok",
    )
}

fn a_lower_limit_refuses_only_new_mappings() -> Outcome {
    let words = actor::command(&["map", "64", "touch", "hold"]);
    let container = Container::start(Runtime::Crun, "holder", &words)?;
    container.wait_for_log("eligible", Duration::from_secs(60))?;
    container.set(&[
        ("vm.overcommit_memory", "2"),
        ("vm.overcommit_kbytes", "32768"),
    ])?;
    expect(
        container.is_running(),
        "the holder has ended",
        "it to go on",
    )?;
    // Before anybody reads what is held, which counts it: setting the limit has to.
    let refused = container.exec(&actor::command(&["map", "16"]))?;
    expect(
        !refused.stdout.contains("map=ok"),
        refused.stdout,
        "no mapping",
    )?;
    let held = container.stat("held")?;
    expect(
        held >= 64 << 20,
        format!("held is {held}"),
        "64 MiB and more",
    )
}

fn a_refusal_is_counted() -> Outcome {
    let container = contained("limited", LIMITED)?;
    let before = container.stat("failcnt")?;
    is(
        "its mapping",
        &actor::inside(&container, &["map", "200"])?,
        "ENOMEM",
    )?;
    let after = container.stat("failcnt")?;
    expect(
        after > before,
        format!("failcnt {before} -> {after}"),
        "a greater one",
    )?;
    expect_eq("limit", container.stat("limit")?, 98304 << 10)
}

fn a_container_without_a_policy_is_judged_as_the_host() -> Outcome {
    let _armed = contained("limited", LIMITED)?;
    let plain = Container::start(Runtime::Runc, "plain", &["sleep", "10000"])?;
    is("200 MiB", &actor::inside(&plain, &["map", "200"])?, "ok")?;
    is(
        "far too much",
        &actor::inside(&plain, &["map", HUGE_MIB])?,
        "ENOMEM",
    )
}

/// A fork is charged mapping by mapping, and no mapping of the child can be counted meanwhile.
fn a_fork_is_refused_for_the_sum_of_its_mappings() -> Outcome {
    let container = contained("limited", LIMITED)?;
    // Of 4 MiB each: the half of the limit and more, of which a fork is twice as much.
    let refused = actor::inside(&container, &["fork", "16"])?;
    is("its mappings", &refused, "ok")?;
    expect_eq("the fork", refused.word("fork"), Some("ENOMEM"))?;
    let granted = actor::inside(&container, &["fork", "4"])?;
    expect_eq("a small one", granted.word("fork"), Some("ok"))
}

fn nothing_is_killed() -> Outcome {
    let container = contained("limited", LIMITED)?;
    let kills = || -> Result<u64> {
        let vmstat = fs::read_to_string("/proc/vmstat")?;
        let line = vmstat
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill "));
        line.context("no oom_kill in /proc/vmstat")?
            .parse()
            .context("no number")
    };
    let before = kills()?;
    is(
        "its mapping",
        &actor::inside(&container, &["map", "2000"])?,
        "ENOMEM",
    )?;
    expect_eq("oom_kill", kills()?, before)
}

/// Reads a line of `/proc/meminfo` as the container sees it.
fn meminfo_kb(container: &Container, name: &str) -> Result<u64> {
    let text = container.read("/proc/meminfo")?;
    crate::meminfo::kb(&text, name)
}

/// Returns the host's Committed_AS in MiB.
fn hosts_sum_mib() -> Result<i64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    Ok((crate::meminfo::kb(&text, "Committed_AS")? >> 10) as i64)
}

fn the_hosts_sum_has_what_containers_map_and_nothing_refused() -> Outcome {
    /// Others come and go meanwhile.
    const ABOUT_MIB: i64 = 64;
    let is_about = |sum: i64, expected: i64| (sum - expected).abs() < ABOUT_MIB;
    let limited = contained("limited", LIMITED)?;
    let generous = contained("generous", &[("vm.overcommit_memory", "1")])?;
    let before = hosts_sum_mib()?;
    let refused = actor::inside(&limited, &["map", "1000"])?;
    is("its mapping", &refused, "ENOMEM")?;
    let after = hosts_sum_mib()?;
    let seen = format!("{before} -> {after} MiB with a refusal of 1000 MiB");
    expect(is_about(after, before), seen, "about the same")?;

    let holder = Place::In(&generous).hold(&["map", "1000", "hold"], "map=")?;
    let during = hosts_sum_mib()?;
    let seen = format!("{before} -> {during} MiB with a mapping of 1000 MiB");
    expect(is_about(during, before + 1000), seen, "about 1000 more")?;
    drop(holder);
    let has_fallen = || hosts_sum_mib().is_ok_and(|sum| is_about(sum, before));
    let fallen = wait_until(END_LIMIT, has_fallen);
    let seen = format!("{during} -> {} MiB after it ended", hosts_sum_mib()?);
    expect(fallen, seen, format!("about {before}"))
}

fn what_is_held_falls_when_processes_end() -> Outcome {
    const MAPPED: u64 = 48 << 20;
    let container = contained("limited", LIMITED)?;
    let before = container.stat("held")?;
    let holder = Place::In(&container).hold(&["map", "48", "hold"], "map=")?;
    // What is shown is recounted once in 100 ms, and the maximum is that of recounts.
    thread::sleep(Duration::from_millis(300));
    let during = container.stat("held")?;
    let seen = format!("held {before} -> {during} with a mapping of 48 MiB");
    expect(during >= before + MAPPED, seen, "48 MiB more")?;
    drop(holder);
    let has_fallen = || {
        let held = container.stat("held");
        held.is_ok_and(|held| held + MAPPED <= during)
    };
    let fallen = wait_until(END_LIMIT, has_fallen);
    let seen = format!(
        "held {during} -> {} after it ended",
        container.stat("held")?
    );
    expect(fallen, seen, "48 MiB less")?;
    let maximum = container.stat("maxheld")?;
    let seen = format!("maxheld {maximum}, held was {during}");
    expect(maximum >= during, seen, "as much")
}
