//! The demo: five containers with opposite policies, one table, and each claim about them checked.
//!
//! What it checks are checks of the areas: on the containers of the table where they are about
//! those, else as the area runs them.

pub(crate) mod cast;
pub(crate) mod commit;
pub(crate) mod mariadb;
pub(crate) mod nested;
pub(crate) mod place;
pub(crate) mod postgres;
pub(crate) mod redis;
pub(crate) mod role;
pub(crate) mod scan;
mod table;

use std::fs;
use std::time::{Duration, Instant};

use xtask::protocol::Line;

use crate::areas::{host, thp};
use crate::container::wait_until;
use crate::demo::cast::Cast;
use crate::demo::role::{FIVE, LIMITED, MARIADB, POSTGRES, REDIS};
use crate::dmesg::KernelLog;
use crate::port::{say, send};
use crate::problem::{expect, expect_eq, Outcome, Problem};
use crate::setting::{read, MIN_FREE, OVERCOMMIT, THP};
use crate::test::{line, log_is_clean, run_by_name, run_named};
use crate::values::Values;
use crate::{module, program, watchdog};

/// A check while the containers of the table run.
type OnStage = fn(&Cast) -> Outcome;

/// Those there are, by the names that the areas give them.
const ON_STAGE: &[(&str, OnStage)] = &[
    (
        "userland/redis-starts-without-its-warning-in-mode-1",
        redis::starts_without_its_warning,
    ),
    (
        "userland/the-same-redis-warns-without-a-policy",
        redis::warns_without_a_policy,
    ),
    (
        "userland/redis-forks-for-bgsave-in-mode-1",
        redis::forks_for_bgsave,
    ),
    ("userland/redis-cannot-fork-under-a-limit", |_| {
        redis::cannot_fork_under_a_limit(&Cast::start(&[&LIMITED])?)
    }),
    (
        "overcommit/mode-2-refuses-while-mode-1-grants-the-same",
        |cast| commit::is_refused_while_it_is_granted(cast.get(&POSTGRES)?, cast.get(&REDIS)?),
    ),
    (
        "overcommit/mode-2-refuses-above-its-limit-with-the-kernels-line",
        |cast| commit::is_logged_in_the_kernels_words(cast.get(&POSTGRES)?),
    ),
    (
        "userland/postgres-gets-an-error-instead-of-the-oom-killer",
        postgres::gets_an_error_instead_of_the_oom_killer,
    ),
    (
        "thp/always-gives-huge-pages-unasked-with-the-host-at-madvise",
        |cast| thp::gives_huge_pages_unasked(cast.get(&MARIADB)?, "madvise"),
    ),
    (
        "thp/always-gives-huge-pages-unasked-with-the-host-at-never",
        |cast| thp::gives_huge_pages_unasked(cast.get(&MARIADB)?, "never"),
    ),
    ("thp/never-gives-none-with-the-host-at-always", |cast| {
        thp::gives_none_with_the_host_at_always(cast.get(&REDIS)?)
    }),
    (
        "thp/khugepaged-collapses-the-containers-and-none-of-the-hosts",
        |cast| scan::collapses_the_containers_and_none_of_the_hosts(cast.get(&MARIADB)?),
    ),
    (
        "userland/mariadb-serves-with-huge-pages",
        mariadb::serves_with_huge_pages,
    ),
    (
        "userland/a-nested-namespace-has-the-policy-of-the-outer-one",
        nested::has_the_policy_of_the_outer_one,
    ),
    ("host/gets-no-huge-page-at-never-in-10000-faults", |_| {
        host::gets_no_huge_page_at_never_in_10000_faults()
    }),
    ("host/is-not-eligible-at-never", |_| {
        host::is_not_eligible_at_never()
    }),
    (
        "host/may-change-its-own-settings-while-containers-run",
        |_| host::may_change_its_own_settings_while_containers_run(),
    ),
];

/// The areas' checks with containers of their own, once those of the table are gone.
const AFTERWARDS: &[&str] = &[
    "host/collapses-on-request-as-without-the-module",
    "host/min-free-kbytes-of-the-admin-comes-back",
    "hook/ftrace-enabled-0-is-refused-while-armed",
    "hook/arming-and-loading-are-refused-while-ftrace-enabled-is-0",
    "hook/armed-sites-jump-to-stubs-and-are-restored-byte-for-byte",
    "lifecycle/rmmod-with-live-policies-says-in-use-and-changes-nothing",
    "lifecycle/rmmod-succeeds-after-a-forced-disarm",
    "lifecycle/rmmod-succeeds-once-the-containers-are-gone",
];

/// How many objects hold the module, and who else does.
const REFERENCES: &str = "/sys/module/vkernel/refcnt";

/// How long after the end of a container its object may stay.
const GONE_LIMIT: Duration = Duration::from_secs(5);

/// Runs the demo.
pub(crate) fn run() {
    watchdog::start();
    let log = KernelLog::from_now();
    let area = "demo".to_owned();
    send(&Line::Begin { area: area.clone() });
    if let Err(problem) = play() {
        send(&line("demo/stage".to_owned(), Err(problem)));
    }
    AFTERWARDS.iter().for_each(|name| run_by_name(name));
    run_named("demo/kernel-log-is-clean", || log_is_clean(log?));
    send(&Line::End { area });
}

/// Puts the five on the stage, shows them, checks them, and lets them go.
fn play() -> Outcome {
    fs::write(THP, "madvise")?;
    fs::write(OVERCOMMIT, "0")?;
    let before = Values::read();
    step("load vkernel.ko", || Ok(module::load(&[])?))?;
    let cast = step("create five, set policies", || Ok(Cast::create(&FIVE)?))?;
    for member in cast.members() {
        let what = format!("start {}", member.role.name);
        step(&what, || Ok(member.begin()?))?;
    }
    let during = Values::read();
    let lines = step("look around in each", || table::lines(&cast))?;
    lines.into_iter().for_each(say);
    for (name, check) in ON_STAGE {
        run_named(name, || check(&cast));
    }
    step("stop the containers", || Ok(cast.stop()?))?;
    run_named("demo/the-five-are-gone-within-5-s", are_gone);
    step("take the module out", || Ok(module::unload()?))?;
    let after = Values::read();
    run_named(
        "host/values-are-the-same-before-during-and-after-policies",
        || {
            host::are_the_same("in use", before.changes(&during, &[MIN_FREE]))?;
            host::are_the_same("taken out", before.changes(&after, &[]))
        },
    );
    Ok(())
}

/// Expects that no dead container is listed, and that soon none holds the module.
fn are_gone() -> Outcome {
    let list = program::output(&["vkctl", "list"])?;
    expect(!list.contains("ns:"), list, "nothing listed")?;
    let references = || read(REFERENCES).unwrap_or_default();
    wait_until(GONE_LIMIT, || references() == "0");
    expect_eq("what holds the module", references().as_str(), "0")
}

/// Runs `work`, and prints a line with its time.
fn step<T>(name: &str, work: impl FnOnce() -> Result<T, Problem>) -> Result<T, Problem> {
    let started = Instant::now();
    let done = work();
    let seconds = started.elapsed().as_secs_f64();
    let verdict = if done.is_ok() { "done" } else { "FAILED" };
    say(format!("{name:<28} {verdict} {seconds:>7.1} s"));
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::find;

    #[test]
    fn each_check_has_the_name_of_one_of_an_area() {
        let staged = ON_STAGE.iter().map(|(name, _)| *name);
        for name in staged.chain(AFTERWARDS.iter().copied()) {
            assert!(find(name).is_some(), "{name}");
        }
    }
}
