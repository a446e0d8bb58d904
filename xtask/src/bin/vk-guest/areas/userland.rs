//! Unchanged programs: real servers in real containers, each convinced by its own policy.

use std::fs;

use anyhow::{Context, Result};

use crate::area::{checks, Area, Module};
use crate::cgroup::Cgroup;
use crate::container::{Container, Runtime};
use crate::demo::cast::Cast;
use crate::demo::role::{LIMITED, MARIADB, NESTED, PLAIN, POSTGRES, REDIS};
use crate::demo::{mariadb, nested, postgres, redis};
use crate::oci::Spec;
use crate::policy::target;
use crate::problem::{expect, expect_eq, Outcome};
use crate::program;
use crate::scout::Scout;
use crate::setting::{Setting, OVERCOMMIT, THP};

/// The area.
pub(crate) const AREA: Area = Area {
    name: "userland",
    module: Module::Loaded,
    checks: checks![
        redis_starts_without_its_warning_in_mode_1,
        the_same_redis_warns_without_a_policy,
        redis_forks_for_bgsave_in_mode_1,
        redis_cannot_fork_under_a_limit,
        postgres_gets_an_error_instead_of_the_oom_killer,
        redis_saves_in_mode_1_what_modes_0_and_2_refuse,
        postgres_sees_errors_where_mode_1_is_killed,
        mariadb_fails_cleanly_in_mode_2_with_a_pool_above_the_limit,
        mariadb_serves_with_huge_pages,
        a_nested_namespace_has_the_policy_of_the_outer_one,
        vkctl_sets_by_the_runtimes_name,
        vkctl_lists_as_json,
        vkctl_lists_where_namespaces_are,
    ],
};

fn redis_starts_without_its_warning_in_mode_1() -> Outcome {
    let _host = Setting::put(OVERCOMMIT, "0")?;
    redis::starts_without_its_warning(&Cast::start(&[&REDIS])?)
}

fn the_same_redis_warns_without_a_policy() -> Outcome {
    let _host = Setting::put(OVERCOMMIT, "0")?;
    redis::warns_without_a_policy(&Cast::start(&[&REDIS, &PLAIN])?)
}

fn redis_forks_for_bgsave_in_mode_1() -> Outcome {
    redis::forks_for_bgsave(&Cast::start(&[&REDIS])?)
}

fn redis_cannot_fork_under_a_limit() -> Outcome {
    redis::cannot_fork_under_a_limit(&Cast::start(&[&LIMITED])?)
}

fn postgres_gets_an_error_instead_of_the_oom_killer() -> Outcome {
    postgres::gets_an_error_instead_of_the_oom_killer(&Cast::start(&[&POSTGRES])?)
}

fn redis_saves_in_mode_1_what_modes_0_and_2_refuse() -> Outcome {
    redis::saves_in_mode_1_what_modes_0_and_2_refuse()
}

fn postgres_sees_errors_where_mode_1_is_killed() -> Outcome {
    postgres::sees_errors_where_mode_1_is_killed()
}

fn mariadb_fails_cleanly_in_mode_2_with_a_pool_above_the_limit() -> Outcome {
    mariadb::fails_cleanly_with_a_pool_above_the_limit()
}

fn mariadb_serves_with_huge_pages() -> Outcome {
    let _host = Setting::put(THP, "madvise")?;
    mariadb::serves_with_huge_pages(&Cast::start(&[&MARIADB])?)
}

fn a_nested_namespace_has_the_policy_of_the_outer_one() -> Outcome {
    nested::has_the_policy_of_the_outer_one(&Cast::start(&[&NESTED])?)
}

fn vkctl_sets_by_the_runtimes_name() -> Outcome {
    for runtime in [Runtime::Crun, Runtime::Runc] {
        let container = Container::start(runtime, "named", &["sleep", "10000"])?;
        program::output(&["vkctl", "set", "oci:named", "vm.overcommit_memory=1"])?;
        let mode = container.read(OVERCOMMIT)?;
        expect_eq("the mode inside", mode.as_str(), "1")?;
        container.stop()?;
    }
    Ok(())
}

fn vkctl_lists_as_json() -> Outcome {
    let container = Container::create(Runtime::Crun, Spec::new("listed", &["sleep", "10000"]))?;
    container.set(&[("thp_enabled", "never")])?;
    let list = vkctl_list()?;
    let namespaces = list["namespaces"].as_array().cloned().unwrap_or_default();
    let target = container.target()?;
    let ours = namespaces.iter().find(|it| it["ns"] == target.as_str());
    let Some(ours) = ours else {
        return expect(false, list, format!("{target} in it"));
    };
    let word = &ours["keys"]["thp_enabled"];
    expect(word == "never", format!("thp_enabled is {word}"), "never")?;
    container.stop()?;
    let gone = !vkctl_list()?.to_string().contains(&format!("\"{target}\""));
    expect(gone, format!("{target} is still listed"), "it gone")
}

fn vkctl_lists_where_namespaces_are() -> Outcome {
    let container = Container::start(Runtime::Crun, "placed", &["sleep", "10000"])?;
    let cgroup = cgroup_of(container.pid())?;
    let ours = listed(&container.target()?)?;
    expect(ours["container"] == "placed", &ours, "its name")?;
    expect(ours["cgroup"] == cgroup.as_str(), &ours, &cgroup)?;
    expect(ours["reason"].is_null(), &ours, "no reason")?;

    let scout = Scout::send_into_new_namespace()?;
    let pid = scout.pid()?;
    let plain = listed(&target(scout.namespace()?))?;
    expect(plain["container"].is_null(), &plain, "no container")?;
    let reason = "no memory cgroup of its own";
    expect(plain["reason"] == reason, &plain, reason)?;
    expect(plain["pid"] == pid, &plain, pid)?;
    expect(plain["comm"] == "exe", &plain, "exe")?;

    // A cgroup as Docker names it, without a runtime that knows of it.
    let id = "3f9a1c".repeat(10) + "3f9a";
    let docker = Cgroup::make(&format!("docker-{id}.scope"))?;
    docker.takes(pid)?;
    let named = listed(&target(scout.namespace()?))?;
    expect(named["container"] == id.as_str(), &named, &id)?;
    expect(named["reason"].is_null(), &named, "no reason")?;
    let other = Cgroup::make("vk-other")?;
    other.takes(pid)?;
    let unnamed = listed(&target(scout.namespace()?))?;
    let reason = "no OCI container id";
    expect(unnamed["reason"] == reason, &unnamed, reason)?;
    scout.recall()?;
    Ok(())
}

/// Returns what `vkctl list --all` has of a namespace.
fn listed(target: &str) -> Result<serde_json::Value> {
    let text = program::output(&["vkctl", "list", "--all", "--json"])?;
    let list: serde_json::Value = serde_json::from_str(&text)?;
    let namespaces = list["namespaces"].as_array().into_iter().flatten();
    let found = namespaces.into_iter().find(|it| it["ns"] == target);
    found
        .cloned()
        .with_context(|| format!("no {target} in {text}"))
}

fn cgroup_of(pid: u32) -> Result<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let path = text.trim().strip_prefix("0::").context("no cgroup")?;
    Ok(path.to_owned())
}

fn vkctl_list() -> Result<serde_json::Value> {
    let text = program::output(&["vkctl", "list", "--json"])?;
    Ok(serde_json::from_str(&text)?)
}
