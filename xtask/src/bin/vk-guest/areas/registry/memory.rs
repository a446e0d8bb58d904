//! Whose a page is: by the memory cgroup that the kernel says it is charged to.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cgroup::{self, Cgroup};
use crate::container::{wait_until, Container, Runtime};
use crate::device::ask;
use crate::loaded::Without;
use crate::namespace;
use crate::policy::target;
use crate::problem::{expect, expect_eq, Outcome};
use crate::row::{row, rows};
use crate::scout::{Order, Scout};

/// How long the last trace of a dead namespace may last.
const GONE_LIMIT: Duration = Duration::from_secs(5);

/// Where the processes of the host are.
const HOSTS: &str = "/sys/fs/cgroup";

/// Who has no container.
const NOBODY: &str = "nobody";

/// A runtime makes the namespace somewhere, and moves its init before that executes the program.
pub(super) fn a_containers_pages_are_its_own() -> Outcome {
    for runtime in [Runtime::Crun, Runtime::Runc] {
        let words = ["/vk/vk-guest", "act", "map", "4", "nohuge", "touch", "hold"];
        let container = Container::start(runtime, "charged", &words)?;
        let place = cgroup::of(container.pid())?;
        expect_eq("the owner", owner(place)?, target(container.namespace()?))?;
        expect_eq(
            "that of the root",
            owner(cgroup::id(Path::new(HOSTS))?)?,
            NOBODY.to_owned(),
        )?;
    }
    none_failed()
}

pub(super) fn the_pages_of_containers_that_exist_at_load_are_theirs() -> Outcome {
    let without = Without::begin()?;
    let container = Container::start(Runtime::Crun, "older", &["sleep", "1000"])?;
    let cgroup = Cgroup::make("vk-older")?;
    let scout = Scout::send_into_new_namespace()?;
    cgroup.takes(scout.pid()?)?;
    without.end()?;
    let place = cgroup::of(container.pid())?;
    expect_eq("the owner", owner(place)?, target(container.namespace()?))?;
    expect_eq(
        "of the other",
        owner(cgroup.id()?)?,
        target(scout.namespace()?),
    )?;
    recall(scout)
}

/// Nobody moves the init: what it shares a cgroup with is moved away, and then it executes a program.
pub(super) fn pages_are_their_own_from_the_exec_of_the_init() -> Outcome {
    let cgroup = Cgroup::make("vk-exec")?;
    let mut outer = Command::new("unshare")
        .args(["--pid", "--fork", "--kill-child", "sh", "-c"])
        .arg("echo; read line; exec sleep 1000")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let seen = executes(&cgroup, &mut outer);
    outer.kill()?;
    outer.wait()?;
    let (before, after, ns) = seen?;
    expect_eq("the owner before", before, NOBODY.to_owned())?;
    expect_eq("the owner", after, ns)
}

/// Returns the owner of the cgroup before and after the exec, and the namespace.
fn executes(cgroup: &Cgroup, outer: &mut Child) -> Result<(String, String, String)> {
    let (stdin, stdout) = (outer.stdin.take(), outer.stdout.take());
    let (mut stdin, stdout) = (stdin.context("no pipe")?, stdout.context("no pipe")?);
    BufReader::new(stdout).read_line(&mut String::new())?;
    let pid = outer.id();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let init: u32 = children.trim().parse()?;
    cgroup.takes(pid)?;
    cgroup.takes(init)?;
    fs::write(format!("{HOSTS}/cgroup.procs"), pid.to_string())?;
    let before = owner(cgroup.id()?)?;
    stdin.write_all(b"\n")?;
    // It has its new name while it still executes.
    let stat = format!("/proc/{init}/stat");
    let sleeps = || fs::read_to_string(&stat).is_ok_and(|it| it.contains(" (sleep) S "));
    wait_until(GONE_LIMIT, sleeps);
    let ns = target(namespace::id_of(init)?);
    Ok((before, owner(cgroup.id()?)?, ns))
}

/// What was charged where the init was before stays there, and stays the container's.
pub(super) fn pages_follow_the_init_that_is_moved() -> Outcome {
    let (one, other) = (Cgroup::make("vk-one")?, Cgroup::make("vk-other")?);
    let mut scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    expect_eq("the owner before", owner(one.id()?)?, NOBODY.to_owned())?;
    one.takes(scout.pid()?)?;
    expect_eq("the owner", owner(one.id()?)?, ns.clone())?;
    expect_eq("that of the other", owner(other.id()?)?, NOBODY.to_owned())?;
    let page = touches(&mut scout)?;
    other.takes(scout.pid()?)?;
    expect_eq("the owner then", owner(other.id()?)?, ns.clone())?;
    let charged = charged_to(scout.pid()?, page)?;
    expect_eq("what the page is charged to", charged, one.id()?)?;
    expect_eq("its owner", owner(charged)?, ns)?;
    recall(scout)?;
    none_failed()
}

pub(super) fn pages_of_a_cgroup_that_two_are_in_abstain() -> Outcome {
    let shared = Cgroup::make("vk-shared")?;
    let (one, other) = (
        Scout::send_into_new_namespace()?,
        Scout::send_into_new_namespace()?,
    );
    let (first, second) = (target(one.namespace()?), target(other.namespace()?));
    shared.takes(one.pid()?)?;
    expect_eq("the owner", owner(shared.id()?)?, first)?;
    shared.takes(other.pid()?)?;
    expect_eq("of both", owner(shared.id()?)?, "ambiguous".to_owned())?;
    one.recall()?;
    becomes(shared.id()?, &second)?;
    recall(other)?;
    becomes(shared.id()?, NOBODY)
}

/// A namespace whose init's parent is in the same cgroup says nothing about it.
pub(super) fn pages_of_a_cgroup_shared_with_the_outside_are_the_outsides() -> Outcome {
    let cgroup = Cgroup::make("vk-outside")?;
    let mut scout = Scout::send()?;
    cgroup.takes(scout.pid()?)?;
    scout.does(&Order::NewPid)?;
    expect_eq("with the host's", owner(cgroup.id()?)?, NOBODY.to_owned())?;
    recall(scout)?;

    let mut scout = Scout::send_into_new_namespace()?;
    let outer = target(scout.namespace()?);
    cgroup.takes(scout.pid()?)?;
    scout.does(&Order::NewPid)?;
    expect_eq("with the outer's", owner(cgroup.id()?)?, outer)?;
    recall(scout)
}

/// As under a systemd in a container: the init moves into a cgroup of its own below.
pub(super) fn pages_of_nested_cgroups_are_those_of_the_one_around() -> Outcome {
    let around = Cgroup::make("vk-around")?;
    let below = Cgroup::make("vk-around/init")?;
    let service = Cgroup::make("vk-around/service")?;
    let mut scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    around.takes(scout.pid()?)?;
    below.takes(scout.pid()?)?;
    around.gives_memory()?;
    for (name, cgroup) in [
        ("around", &around),
        ("the init's", &below),
        ("another", &service),
    ] {
        expect_eq(name, owner(cgroup.id()?)?, ns.clone())?;
    }
    // Pages of a removed cgroup are its parent's.
    service.takes(scout.pid()?)?;
    let page = touches(&mut scout)?;
    expect_eq("charged to", charged_to(scout.pid()?, page)?, service.id()?)?;
    below.takes(scout.pid()?)?;
    let removed = service.id()?;
    drop(service);
    // The kernel hands them over on a workqueue.
    let (pid, id) = (scout.pid()?, around.id()?);
    let is_handed = wait_until(GONE_LIMIT, || {
        charged_to(pid, page).is_ok_and(|it| it == id)
    });
    let seen = format!("charged to {}", charged_to(pid, page)?);
    expect(is_handed, seen, format!("{id}, when the other is gone"))?;
    expect_eq("its owner", owner(id)?, ns)?;
    let refused = ask("owner", "", &[("cgroup", &removed.to_string())])?;
    expect_eq("the answer about the other", refused.errno(), Some("ESRCH"))?;
    recall(scout)
}

pub(super) fn pages_of_a_dead_namespace_are_nobodys() -> Outcome {
    let around = Cgroup::make("vk-dead")?;
    around.gives_memory()?;
    let cgroup = Cgroup::make("vk-dead/one")?;
    for _ in 0..3 {
        let scout = Scout::send_into_new_namespace()?;
        let ns = target(scout.namespace()?);
        cgroup.takes(scout.pid()?)?;
        expect_eq("the owner", owner(cgroup.id()?)?, ns)?;
        recall(scout)?;
        becomes(cgroup.id()?, NOBODY)?;
    }
    none_failed()
}

/// Only the last few places count, so that nobody makes the module keep more and more.
pub(super) fn pages_of_the_oldest_of_many_places_are_nobodys() -> Outcome {
    let cgroups: Vec<Cgroup> = (0..6)
        .map(|number| Cgroup::make(&format!("vk-place{number}")))
        .collect::<Result<_>>()?;
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    for cgroup in &cgroups {
        cgroup.takes(scout.pid()?)?;
    }
    for (number, cgroup) in cgroups.iter().enumerate() {
        let expected = if number < 2 { NOBODY } else { &ns };
        expect_eq(
            &format!("place {number}"),
            owner(cgroup.id()?)?.as_str(),
            expected,
        )?;
    }
    recall(scout)
}

/// Ends a scout, so that its cgroup can be removed.
fn recall(scout: Scout) -> Outcome {
    Ok(scout.recall()?)
}

/// Asks the module whose the pages of a cgroup are.
fn owner(cgroup: u64) -> Result<String> {
    let rows = rows("owner", "", &[("cgroup", &cgroup.to_string())])?;
    let row = rows.first().context("an answer without a line")?;
    Ok(row.word("owner").to_owned())
}

/// Expects the cgroup to be `wanted`'s within the time that the end of a namespace may take.
fn becomes(cgroup: u64, wanted: &str) -> Outcome {
    let is_so = wait_until(GONE_LIMIT, || owner(cgroup).is_ok_and(|it| it == wanted));
    expect(
        is_so,
        format!("the owner is {} after 5 s", owner(cgroup)?),
        wanted,
    )
}

fn none_failed() -> Outcome {
    let lifecycle = row("features", "", "lifecycle")?;
    expect_eq("failed claims", lifecycle.word("failed_claims"), "0")
}

/// Lets a scout touch memory; returns the address.
fn touches(scout: &mut Scout) -> Result<u64> {
    let start = scout.does(&Order::Hold(1))?.parse()?;
    scout.does(&Order::Work("nohuge touch".to_owned()))?;
    Ok(start)
}

/// Returns what the kernel itself says: the cgroup that a page of the process is charged to.
fn charged_to(pid: u32, address: u64) -> Result<u64> {
    /// Documentation/admin-guide/mm/pagemap.rst.
    const FRAME: u64 = (1 << 55) - 1;
    let frame = word(&format!("/proc/{pid}/pagemap"), address / 4096)? & FRAME;
    anyhow::ensure!(frame != 0, "the page is not there");
    word("/proc/kpagecgroup", frame)
}

fn word(path: &str, index: u64) -> Result<u64> {
    let mut bytes = [0; 8];
    let file = File::open(path).with_context(|| format!("cannot open {path}"))?;
    file.read_exact_at(&mut bytes, 8 * index)
        .with_context(|| format!("cannot read {path}"))?;
    Ok(u64::from_ne_bytes(bytes))
}
