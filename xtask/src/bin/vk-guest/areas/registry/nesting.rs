//! Nested namespaces: they inherit, they may have values of their own, they do not get out.

use std::fs;

use crate::calls::Space;
use crate::container::{Container, Runtime};
use crate::policy::{chosen, set, shown, target, unset, MODE, THP};
use crate::problem::{expect, expect_contains, expect_eq, Outcome};
use crate::program;
use crate::row::{row, rows};
use crate::scout::{Order, Scout};
use crate::stream::Stream;

/// A commit limit of 256 MiB, which a scout is far below.
const LIMITED: &[(&str, &str)] = &[
    ("vm.overcommit_memory", "2"),
    ("vm.overcommit_kbytes", "262144"),
];

pub(super) fn nested_namespaces_inherit_three_deep() -> Outcome {
    let mut first = Scout::send_into_new_namespace()?;
    let mut second = Scout::send_below(&first)?;
    let mut third = Scout::send_below(&second)?;
    let outer = target(first.namespace()?);
    set(
        &outer,
        &[("vm.overcommit_memory", "1"), ("thp_enabled", "never")],
    )?;
    for (deep, scout) in [&mut first, &mut second, &mut third]
        .into_iter()
        .enumerate()
    {
        let what = format!("the mode {} deep", deep + 1);
        expect_eq(&what, scout.read(MODE)?.as_str(), "1")?;
        let what = format!("THP {} deep", deep + 1);
        expect_eq(&what, chosen(&scout.read(THP)?), "never")?;
    }
    let ns = target(third.namespace()?);
    let inherited = ("1".to_owned(), outer);
    expect_eq(
        "what is shown",
        shown(&ns, "vm.overcommit_memory")?,
        inherited,
    )?;
    let listed = row("list", "", &ns)?;
    expect_eq("its policy in the list", listed.word("policy"), "inherited")?;
    expect_eq("its level", listed.word("level"), "3")?;
    let parent = target(second.namespace()?);
    expect_eq("its parent", listed.word("parent"), parent.as_str())
}

pub(super) fn a_value_of_its_own_wins_and_unset_gives_the_outer_back() -> Outcome {
    let mut first = Scout::send_into_new_namespace()?;
    let mut second = Scout::send_below(&first)?;
    let mut third = Scout::send_below(&second)?;
    let (outer, middle) = (target(first.namespace()?), target(second.namespace()?));
    set(
        &outer,
        &[("vm.overcommit_memory", "1"), ("thp_enabled", "never")],
    )?;
    set(
        &middle,
        &[
            ("vm.overcommit_memory", "2"),
            ("vm.overcommit_kbytes", "4194304"),
        ],
    )?;
    expect_eq("the first", first.read(MODE)?.as_str(), "1")?;
    expect_eq("the second", second.read(MODE)?.as_str(), "2")?;
    expect_eq("the third", third.read(MODE)?.as_str(), "2")?;
    // What the second has not set is still the first one's.
    expect_eq("THP of the third", chosen(&third.read(THP)?), "never")?;
    unset(&middle)?;
    expect_eq("the second after unset", second.read(MODE)?.as_str(), "1")?;
    expect_eq("the third after unset", third.read(MODE)?.as_str(), "1")?;
    unset(&outer)?;
    let host = fs::read_to_string(MODE)?.trim().to_owned();
    expect_eq("the third at last", third.read(MODE)?, host)
}

pub(super) fn a_change_reaches_what_is_nested_at_once() -> Outcome {
    let first = Scout::send_into_new_namespace()?;
    let second = Scout::send_below(&first)?;
    let mut third = Scout::send_below(&second)?;
    let outer = target(first.namespace()?);
    for value in ["1", "0", "1", "0", "1"] {
        set(&outer, &[("vm.overcommit_memory", value)])?;
        expect_eq("the third", third.read(MODE)?.as_str(), value)?;
    }
    Ok(())
}

pub(super) fn a_change_reaches_all_that_are_left_below() -> Outcome {
    let outer = Scout::send_into_new_namespace()?;
    let ns = target(outer.namespace()?);
    let mut below = Vec::new();
    for _ in 0..4 {
        below.push(Scout::send_below(&outer)?);
    }
    let mut stream = Stream::begin()?;
    let change = |value: &str, below: &mut [Scout]| -> Outcome {
        set(&ns, &[("vm.overcommit_memory", value)])?;
        for (place, scout) in below.iter_mut().enumerate() {
            let what = format!("{place} of {} at {value}", scout.namespace()?);
            expect_eq(&what, scout.read(MODE)?.as_str(), value)?;
        }
        Ok(())
    };
    change("1", &mut below)?;
    // The last that was born, one between two others, and the first.
    for (place, value) in [(3, "0"), (1, "1"), (0, "0")] {
        let one = below.remove(place);
        let gone = format!("gone {} ", target(one.namespace()?));
        one.recall()?;
        stream.until(&gone)?;
        change(value, &mut below)?;
    }
    change("1", &mut [Scout::send_below(&outer)?])
}

pub(super) fn what_is_born_below_a_policy_has_it_first_thing() -> Outcome {
    let first = Scout::send_into_new_namespace()?;
    set(
        &target(first.namespace()?),
        &[("vm.overcommit_memory", "1")],
    )?;
    for _ in 0..10 {
        let mut born = Scout::send_below(&first)?;
        expect_eq("the newborn", born.read(MODE)?.as_str(), "1")?;
    }
    Ok(())
}

pub(super) fn forks_and_new_namespaces_do_not_escape() -> Outcome {
    let mut scout = Scout::send_into_new_namespace()?;
    set(
        &target(scout.namespace()?),
        &[("vm.overcommit_memory", "1")],
    )?;
    let ways = [
        Order::Orphan,
        Order::ForkTwice,
        Order::NewPid,
        Order::ForkTwice,
        Order::Clone3(vec![Space::Pid]),
        Order::Orphan,
        Order::Clone3(vec![Space::Pid, Space::User]),
        Order::NewPid,
        Order::ForkTwice,
    ];
    for way in ways {
        scout.does(&way)?;
        let what = format!("after {way:?}");
        expect_eq(&what, scout.read(MODE)?.as_str(), "1")?;
    }
    Ok(())
}

pub(super) fn setns_does_not_lead_out() -> Outcome {
    let sibling = Scout::send_into_new_namespace()?;
    let mut scout = Scout::send_into_new_namespace()?;
    set(
        &target(scout.namespace()?),
        &[("vm.overcommit_memory", "1")],
    )?;
    // It still sees the host's /proc, so it can name them.
    for pid in [1, sibling.pid()?] {
        let refused = scout.order(&Order::Enter(format!("/proc/{pid}/ns/pid")))?;
        expect_eq("setns", refused.err(), Some(libc::EINVAL))?;
        expect_eq("the value then", scout.read(MODE)?.as_str(), "1")?;
    }
    Ok(())
}

pub(super) fn a_user_namespace_does_not_lead_out() -> Outcome {
    let sibling = Scout::send_into_new_namespace()?;
    let mut scout = Scout::send_into_new_namespace()?;
    set(
        &target(scout.namespace()?),
        &[("vm.overcommit_memory", "1")],
    )?;
    // All capabilities, but in a user namespace of its own.
    scout.does(&Order::NewUser)?;
    for pid in [1, sibling.pid()?] {
        let path = format!("/proc/{pid}/ns/pid");
        let refused = scout.order(&Order::Enter(path))?;
        expect(refused.is_err(), "setns succeeded", "a refusal")?;
        expect_eq("the value then", scout.read(MODE)?.as_str(), "1")?;
    }
    let denied = scout.write(MODE, "0")?;
    expect(denied.is_some(), "a write succeeded", "a refusal")?;
    scout.does(&Order::NewPid)?;
    expect_eq("the value below", scout.read(MODE)?.as_str(), "1")?;
    let refused = scout.order(&Order::Map(1))?.err();
    expect_eq("a mapping in mode 1", refused, None)
}

pub(super) fn thirty_two_deep_is_still_inside() -> Outcome {
    /// MAX_PID_NS_LEVEL of include/linux/pid_namespace.h.
    const DEEPEST: usize = 32;
    let mut scout = Scout::send_into_new_namespace()?;
    let outermost = target(scout.namespace()?);
    set(&outermost, LIMITED)?;
    for level in 2..=DEEPEST {
        scout.does(&Order::NewPid)?;
        let what = format!("the mode {level} deep");
        expect_eq(&what, scout.read(MODE)?.as_str(), "2")?;
    }
    let deepest = target(scout.namespace()?);
    let level = row("list", "", &deepest)?.word("level").to_owned();
    expect_eq("its level", level, DEEPEST.to_string())?;
    let refused = scout.order(&Order::Map(512))?.err();
    expect_eq("a mapping", refused, Some(libc::ENOMEM))?;
    let inherited = ("2".to_owned(), outermost.clone());
    expect_eq(
        "what is shown",
        shown(&deepest, "vm.overcommit_memory")?,
        inherited,
    )?;
    let refused = scout.order(&Order::NewPid)?.err();
    expect_eq("one deeper", refused, Some(libc::ENOSPC))?;
    set(&outermost, &[("vm.overcommit_memory", "1")])?;
    expect_eq("after a change", scout.read(MODE)?.as_str(), "1")?;
    unset(&outermost)?;
    let host = fs::read_to_string(MODE)?.trim().to_owned();
    expect_eq("after unset", scout.read(MODE)?, host)
}

pub(super) fn who_enters_a_namespace_has_its_policy() -> Outcome {
    let container = Container::start(Runtime::Crun, "entered", &["sleep", "1000"])?;
    set(
        &target(container.namespace()?),
        &[("vm.overcommit_memory", "1")],
    )?;
    let pid = container.pid().to_string();
    let enter = ["nsenter", "--target", &pid, "--pid", "cat", MODE];
    let read = program::output(&enter)?;
    expect_eq("what it reads", read.as_str(), "1")?;
    let all = rows("list", "", &[])?;
    let names: Vec<_> = all.iter().map(|row| row.name.as_str()).collect();
    let ns = target(container.namespace()?);
    expect_contains("the list", &names.join(" "), &ns)
}
