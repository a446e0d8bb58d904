//! Who may ask for a change: the task that opened the device and the task that writes, both.

use super::refusal::{is_refused, refuses, Expected, State};
use crate::door::{Door, Reply};
use crate::policy::{set, shown, target, Tidy};
use crate::problem::{expect, expect_contains, expect_eq, Outcome};
use crate::row::row;
use crate::scout::{Order, Scout};

/// A namespace to change, and the request that would.
struct Victim {
    _scout: Scout,
    ns: String,
    request: String,
}

impl Victim {
    fn new() -> anyhow::Result<Self> {
        let scout = Scout::send_into_new_namespace()?;
        let ns = target(scout.namespace()?);
        set(&ns, &[("vm.overcommit_memory", "1")])?;
        let request = format!("vkernel 1 set {ns}\nvm.overcommit_memory=2\n");
        Ok(Self {
            _scout: scout,
            ns,
            request,
        })
    }

    /// Expects that nobody but root was served.
    fn is_refused(&self, before: &State, reply: &Reply) -> Outcome {
        is_refused(reply, self.request.as_bytes(), Expected::new("EPERM"))?;
        before.is_the_same()
    }

    /// Expects that root still is, so that it was the caller that was refused.
    fn yields_to_root(&self) -> Outcome {
        let reply = Door::open()?.ask(self.request.as_bytes())?;
        expect(reply.is_ok(), reply.head(), "ok")
    }
}

pub(super) fn refuses_a_caller_without_cap_sys_admin() -> Outcome {
    let victim = Victim::new()?;
    let before = State::of(&victim.ns)?;
    let mut scout = Scout::send()?;
    scout.does(&Order::DropAdmin)?;
    let changes = [
        victim.request.clone(),
        format!("vkernel 1 unset {}\n", victim.ns),
        "vkernel 1 set default\nvm.overcommit_memory=1\n".to_owned(),
        "vkernel 1 unset default\n".to_owned(),
        "vkernel 1 arm\n".to_owned(),
        "vkernel 1 disarm\n".to_owned(),
    ];
    for request in changes {
        let reply = scout.ask(&request)?;
        is_refused(&reply, request.as_bytes(), Expected::new("EPERM"))?;
        before.is_the_same()?;
    }
    for verb in ["list", "features", "hooks", "stat", "show default"] {
        let reply = scout.ask(&format!("vkernel 1 {verb}\n"))?;
        expect(reply.is_ok(), reply.head(), format!("ok to {verb}"))?;
    }
    victim.yields_to_root()
}

pub(super) fn refuses_root_of_another_user_namespace() -> Outcome {
    let victim = Victim::new()?;
    let before = State::of(&victim.ns)?;
    let mut scout = Scout::send()?;
    scout.does(&Order::NewUser)?;
    let reply = scout.ask(&victim.request)?;
    victim.is_refused(&before, &reply)?;
    victim.yields_to_root()
}

pub(super) fn refuses_root_over_the_descriptor_of_an_unprivileged_opener() -> Outcome {
    let victim = Victim::new()?;
    let before = State::of(&victim.ns)?;
    let mut scout = Scout::send()?;
    scout.does(&Order::DropAdmin)?;
    scout.does(&Order::Open)?;
    let reply = scout.borrow_door()?.ask(victim.request.as_bytes())?;
    victim.is_refused(&before, &reply)?;
    expect_contains("the sentence", reply.head(), "opener")?;
    victim.yields_to_root()
}

pub(super) fn refuses_an_unprivileged_writer_over_the_descriptor_of_root() -> Outcome {
    let victim = Victim::new()?;
    let before = State::of(&victim.ns)?;
    let mut scout = Scout::send()?;
    scout.does(&Order::DropAdmin)?;
    scout.lend_door(&Door::open()?)?;
    let reply = scout.tell(&victim.request)?;
    victim.is_refused(&before, &reply)?;
    let is_opener = reply.head().contains("opener");
    expect(!is_opener, reply.head(), "nothing about the opener")?;
    victim.yields_to_root()
}

pub(super) fn a_descriptor_passed_between_privileged_tasks_serves() -> Outcome {
    let victim = Victim::new()?;
    let mut scout = Scout::send()?;
    scout.lend_door(&Door::open()?)?;
    let reply = scout.tell(&victim.request)?;
    expect(reply.is_ok(), reply.head(), "ok")?;
    let value = shown(&victim.ns, "vm.overcommit_memory")?.0;
    expect_eq("the value", value.as_str(), "2")
}

pub(super) fn a_container_changes_only_what_is_below_it() -> Outcome {
    let _tidy = Tidy;
    let mut outer = Scout::send_into_new_namespace()?;
    let outer_ns = target(outer.namespace()?);
    let mut inner = Scout::send()?;
    inner.does(&Order::Enter(format!("/proc/{}/ns/pid", outer.pid()?)))?;
    inner.does(&Order::NewPid)?;
    let inner_ns = target(inner.namespace()?);
    let sibling = Scout::send_into_new_namespace()?;
    let sibling_ns = target(sibling.namespace()?);
    expect_eq(
        "the parent of the inner",
        list_parent(&inner_ns)?,
        outer_ns.clone(),
    )?;

    let set_of = |ns: &str| format!("vkernel 1 set {ns}\nvm.overcommit_memory=1\n");
    let unset_of = |ns: &str| format!("vkernel 1 unset {ns}\n");
    let before = State::of(&inner_ns)?;
    for whom in [outer_ns.as_str(), &sibling_ns, "default"] {
        for request in [set_of(whom), unset_of(whom)] {
            let reply = outer.ask(&request)?;
            is_refused(&reply, request.as_bytes(), Expected::new("EPERM"))?;
            before.is_the_same()?;
        }
    }
    let request = set_of(&outer_ns);
    let reply = inner.ask(&request)?;
    is_refused(&reply, request.as_bytes(), Expected::new("EPERM"))?;
    before.is_the_same()?;
    let reply = outer.ask(&set_of(&inner_ns))?;
    expect(reply.is_ok(), reply.head(), "ok for the one below")?;
    let own = ("1".to_owned(), "own".to_owned());
    expect_eq("its value", shown(&inner_ns, "vm.overcommit_memory")?, own)
}

fn list_parent(ns: &str) -> anyhow::Result<String> {
    let all = crate::row::rows("list", "", &[("all", "1")])?;
    let row = all.into_iter().find(|row| row.name == ns);
    Ok(row.map_or(String::new(), |row| row.word("parent").to_owned()))
}

pub(super) fn refuses_the_host_over_the_descriptor_of_a_container() -> Outcome {
    let mut scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    let before = State::of(&ns)?;
    scout.does(&Order::Open)?;
    let request = format!("vkernel 1 set {ns}\nvm.overcommit_memory=1\n");
    let reply = scout.borrow_door()?.ask(request.as_bytes())?;
    is_refused(&reply, request.as_bytes(), Expected::new("EPERM"))?;
    before.is_the_same()
}

pub(super) fn refuses_a_container_over_the_descriptor_of_the_host() -> Outcome {
    let mut scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    let before = State::of(&ns)?;
    scout.lend_door(&Door::open()?)?;
    let request = format!("vkernel 1 set {ns}\nvm.overcommit_memory=1\n");
    let reply = scout.tell(&request)?;
    is_refused(&reply, request.as_bytes(), Expected::new("EPERM"))?;
    before.is_the_same()
}

pub(super) fn only_the_host_arms_and_disarms() -> Outcome {
    let _tidy = Tidy;
    let mut scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    let before = State::of(&ns)?;
    for request in ["vkernel 1 disarm\n", "vkernel 1 arm\nfeature=overcommit\n"] {
        let reply = scout.ask(request)?;
        is_refused(&reply, request.as_bytes(), Expected::new("EPERM"))?;
        before.is_the_same()?;
        let reply = scout.borrow_door()?.ask(request.as_bytes())?;
        is_refused(&reply, request.as_bytes(), Expected::new("EPERM"))?;
        before.is_the_same()?;
    }
    expect_eq(
        "lifecycle armed",
        row("features", "", "lifecycle")?.word("armed"),
        "yes",
    )?;
    refuses(&ns, b"vkernel 1 arm\nfeature=no\n", Expected::new("EINVAL"))
}
