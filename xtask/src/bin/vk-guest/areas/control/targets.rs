//! Whom a request is about: namespaces that are there, are not, or die meanwhile; the default.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::refusal::{refuses, Expected};
use crate::container::{wait_until, Container, Runtime};
use crate::door::Door;
use crate::namespace;
use crate::policy::{listed, references, set, shown, target, unset, Tidy, MODE};
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::Scout;

/// The requests that name a target, each a whole one for `T`.
const REQUESTS: &[&str] = &[
    "vkernel 1 show T\n",
    "vkernel 1 stat T\n",
    "vkernel 1 set T\nvm.overcommit_memory=1\n",
    "vkernel 1 unset T\n",
];

pub(super) fn refuses_a_namespace_that_is_not_there() -> Outcome {
    for number in [0, 1 << 40, u64::MAX] {
        are_refused(&target(number), "ESRCH")?;
    }
    Ok(())
}

pub(super) fn refuses_the_namespace_of_the_host() -> Outcome {
    are_refused(&target(namespace::id_of(1)?), "ESRCH")
}

pub(super) fn refuses_a_target_that_died() -> Outcome {
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    set(&ns, &[("vm.overcommit_memory", "1")])?;
    scout.recall()?;
    are_refused(&ns, "ESRCH")
}

fn are_refused(ns: &str, errno: &str) -> Outcome {
    for request in REQUESTS {
        let request = request.replace('T', ns);
        refuses("", request.as_bytes(), Expected::new(errno))?;
    }
    Ok(())
}

pub(super) fn a_target_that_dies_meanwhile_leaves_nothing() -> Outcome {
    const TIMES: u32 = 20;
    let (mut taken, mut refused) = (0, 0);
    for time in 0..TIMES {
        let scout = Scout::send_into_new_namespace()?;
        let ns = target(scout.namespace()?);
        let is_over = AtomicBool::new(false);
        let wrong = std::thread::scope(|scope| -> anyhow::Result<_> {
            let killer = scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(u64::from(time * 3)));
                let result = scout.recall();
                is_over.store(true, Ordering::Release);
                result
            });
            let mut wrong = None;
            let mut door = Door::open()?;
            let request = format!("vkernel 1 set {ns}\nvm.overcommit_memory=1\n");
            loop {
                let was_over = is_over.load(Ordering::Acquire);
                let reply = door.ask(request.as_bytes())?;
                match reply.refusal() {
                    None if reply.is_ok() && !was_over => taken += 1,
                    Some(refusal) if refusal.errno == "ESRCH" => refused += 1,
                    _ => wrong = Some(format!("{} (over: {was_over})", reply.head())),
                }
                if was_over {
                    break;
                }
            }
            match killer.join() {
                Ok(result) => result.map(|()| wrong),
                Err(_) => anyhow::bail!("the killer panicked"),
            }
        })?;
        expect_eq("the wrong answer", wrong, None)?;
        expect(!listed(true)?.contains(&ns), &ns, "a dead one not listed")?;
    }
    expect(taken > 0, "none was taken", "some before the death")?;
    expect(refused > 0, "none was refused", "some after the death")?;
    let gone = wait_until(Duration::from_secs(5), || {
        references().is_ok_and(|count| count == 0)
    });
    let seen = format!("{} references after 5 s", references()?);
    expect(gone, seen, "none")
}

pub(super) fn default_is_for_namespaces_born_afterwards() -> Outcome {
    let _tidy = Tidy;
    let mut older = Scout::send_into_new_namespace()?;
    let host = std::fs::read_to_string(MODE)?.trim().to_owned();
    set(
        "default",
        &[("vm.overcommit_memory", "2"), ("vm.overcommit_ratio", "90")],
    )?;
    expect_eq(
        "the default",
        shown("default", "vm.overcommit_memory")?,
        ("2".to_owned(), "default".to_owned()),
    )?;
    let mut younger = Scout::send_into_new_namespace()?;
    expect_eq(
        "the value in the younger",
        younger.read(MODE)?.as_str(),
        "2",
    )?;
    let ns = target(younger.namespace()?);
    let own = ("90".to_owned(), "own".to_owned());
    expect_eq("its ratio", shown(&ns, "vm.overcommit_ratio")?, own)?;
    let container = Container::start(Runtime::Crun, "younger", &["cat", MODE])?;
    container.wait(Duration::from_secs(20))?;
    expect_eq("the value in a container", container.log()?.trim(), "2")?;
    expect_eq("the value in the older", older.read(MODE)?, host.clone())?;
    unset("default")?;
    let mut youngest = Scout::send_into_new_namespace()?;
    expect_eq("the value after `unset`", youngest.read(MODE)?, host)?;
    // Taking the default away takes nothing from those that have it.
    expect_eq(
        "the value it was born with",
        younger.read(MODE)?.as_str(),
        "2",
    )
}
