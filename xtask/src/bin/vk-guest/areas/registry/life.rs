//! From birth to end.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::calls::{self, Space};
use crate::container::{wait_until, Container, Runtime};
use crate::device::ask;
use crate::dmesg::KernelLog;
use crate::door::Door;
use crate::fault::Fault;
use crate::firstborn::Firstborn;
use crate::loaded::Without;
use crate::namespace;
use crate::policy::{listed, references, set, target, Tidy, MODE};
use crate::problem::{expect, expect_eq, skip, Outcome};
use crate::row::row;
use crate::scout::{Order, Scout};
use crate::stream::Stream;

/// How long the last trace of a dead namespace may last.
const GONE_LIMIT: Duration = Duration::from_secs(5);

/// More than the limit that the checks set.
const LARGE: usize = 512 << 20;

/// A commit limit of 256 MiB, which this program's own memory is far below.
const LIMITED: &[(&str, &str)] = &[
    ("vm.overcommit_memory", "2"),
    ("vm.overcommit_kbytes", "262144"),
];

pub(super) fn the_default_holds_before_the_first_instruction() -> Outcome {
    let _tidy = Tidy;
    let host = fs::read_to_string(MODE)?.trim().to_owned();
    let before = Firstborn::make(c"/proc/sys/vm/overcommit_memory", LARGE)?;
    expect_eq("what it reads without a default", before.text()?, host)?;
    expect_eq("its mapping", before.map_errno(), None)?;
    set("default", LIMITED)?;
    for _ in 0..20 {
        let child = Firstborn::make(c"/proc/sys/vm/overcommit_memory", LARGE)?;
        expect_eq("what it reads first", child.text()?.as_str(), "2")?;
        expect_eq("its mapping", child.map_errno(), Some(libc::ENOMEM))?;
        child.end()?;
    }
    Ok(())
}

pub(super) fn the_default_holds_for_the_first_program_of_a_container() -> Outcome {
    let _tidy = Tidy;
    set(
        "default",
        &[
            ("vm.overcommit_memory", "2"),
            ("vm.overcommit_kbytes", "4194304"),
        ],
    )?;
    for runtime in [Runtime::Crun, Runtime::Runc] {
        let container = Container::start(runtime, "first", &["cat", MODE])?;
        container.wait(Duration::from_secs(30))?;
        expect_eq("what it printed", container.log()?.trim(), "2")?;
    }
    Ok(())
}

/// Lets each allocation of a birth fail in turn: the namespace then has the policy around it, and
/// the module says so once. On the debug kernel, by the load `registry` of torture.
pub(crate) fn a_birth_without_memory_inherits() -> Outcome {
    let Some(mut fault) = Fault::new()? else {
        return skip("this kernel injects no faults (CONFIG_FAILSLAB); the debug kernel does");
    };
    let _tidy = Tidy;
    let host = fs::read_to_string(MODE)?.trim().to_owned();
    set("default", LIMITED)?;
    let before = failed_births()?;
    let log = KernelLog::from_now()?;
    let mut nth = 0;
    loop {
        nth += 1;
        let known = failed_births()?;
        let born = fault.at(nth, || {
            Firstborn::make(c"/proc/sys/vm/overcommit_memory", 0)
        })?;
        let Some(born) = born else { break };
        // Without it, or the memory to make it, there is no namespace to look at.
        let Ok(child) = born else { continue };
        let is_lost = failed_births()? != known;
        let expected = if is_lost { host.as_str() } else { "2" };
        let what = format!("what it reads with fault {nth}");
        expect_eq(&what, child.text()?.as_str(), expected)?;
        child.end()?;
    }
    let count = failed_births()? - before;
    let seen = format!("{count} births failed in {} faults", nth - 1);
    expect(count > 0, seen, "some of them")?;
    let lines = log.lines()?;
    let told = lines
        .iter()
        .filter(|line| line.contains("no memory for ns:"));
    expect_eq("the lines of the log", told.count() as u64, count)?;
    let after = Firstborn::make(c"/proc/sys/vm/overcommit_memory", 0)?;
    expect_eq("what the next one reads", after.text()?.as_str(), "2")?;
    after.end()?;
    Ok(())
}

/// A birth without memory leaves no hole: what is born below has the policy around both.
pub(crate) fn what_is_below_a_birth_without_memory_inherits() -> Outcome {
    if Fault::new()?.is_none() {
        return skip("this kernel injects no faults (CONFIG_FAILSLAB); the debug kernel does");
    }
    let outer = Scout::send_into_new_namespace()?;
    set(
        &target(outer.namespace()?),
        &[("vm.overcommit_memory", "1")],
    )?;
    let its = File::open(format!("/proc/{}/ns/pid", outer.pid()?))?;
    let ours = File::open("/proc/self/ns/pid")?;
    let (mut nth, mut lost) = (0, 0);
    loop {
        nth += 1;
        let known = failed_births()?;
        calls::enter(its.as_fd(), Space::Pid)?;
        let born = Firstborn::make_below_fault(c"/proc/sys/vm/overcommit_memory", nth);
        calls::enter(ours.as_fd(), Space::Pid)?;
        let Ok(child) = born else { continue };
        let left = fs::read_to_string(format!("/proc/{}/fail-nth", child.pid()))?;
        let what = format!("what is read below with fault {nth}");
        expect_eq(&what, child.text()?.as_str(), "1")?;
        child.end()?;
        lost += failed_births()? - known;
        if left.trim() != "0" {
            break;
        }
    }
    let seen = format!("{lost} births below a policy failed in {} faults", nth - 1);
    expect(lost > 0, seen, "some of them")
}

pub(super) fn namespaces_that_exist_at_load_are_adopted() -> Outcome {
    let without = Without::begin()?;
    let container = Container::start(Runtime::Crun, "older", &["sleep", "1000"])?;
    let mut outer = Scout::send_into_new_namespace()?;
    let mut inner = Scout::send()?;
    inner.does(&Order::Enter(format!("/proc/{}/ns/pid", outer.pid()?)))?;
    inner.does(&Order::NewPid)?;
    let host = fs::read_to_string(MODE)?.trim().to_owned();

    without.end()?;
    let all = listed(true)?;
    for ns in [
        container.namespace()?,
        outer.namespace()?,
        inner.namespace()?,
    ] {
        let ns = target(ns);
        expect(all.contains(&ns), format!("{all:?}"), &ns)?;
    }
    set(
        &target(container.namespace()?),
        &[("vm.overcommit_memory", "2")],
    )?;
    expect_eq(
        "the value in the container",
        container.read(MODE)?.as_str(),
        "2",
    )?;
    set(
        &target(outer.namespace()?),
        &[("vm.overcommit_memory", "1")],
    )?;
    expect_eq("the value in the outer", outer.read(MODE)?.as_str(), "1")?;
    expect_eq("the value in the inner", inner.read(MODE)?.as_str(), "1")?;
    expect_eq(
        "the host's",
        fs::read_to_string(MODE)?.trim(),
        host.as_str(),
    )
}

pub(super) fn a_dead_namespace_is_gone_within_5_s() -> Outcome {
    objects_are_gone()?;
    let container = Container::start(Runtime::Runc, "mortal", &["sleep", "1000"])?;
    let scout = Scout::send_into_new_namespace()?;
    let both = [target(container.namespace()?), target(scout.namespace()?)];
    for ns in &both {
        set(ns, &[("vm.overcommit_memory", "1")])?;
    }
    expect_eq("the references", references()?, 2)?;
    container.stop()?;
    scout.recall()?;
    for all in [false, true] {
        let listed = listed(all)?;
        let dead = both.iter().find(|ns| listed.contains(*ns));
        expect_eq("the dead one listed", dead, None)?;
    }
    objects_are_gone()
}

/// A descriptor keeps what is left of a namespace whose last process has ended.
pub(super) fn a_dying_namespace_takes_no_policy_and_ends_once() -> Outcome {
    objects_are_gone()?;
    let mut stream = Stream::begin()?;
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    set(&ns, &[("vm.overcommit_memory", "1")])?;
    let trace = File::open(format!("/proc/{}/ns/pid", scout.pid()?))?;
    scout.recall()?;
    let refused = ask("set", &ns, &[("vm.overcommit_memory", "2")])?;
    expect_eq("a set then", refused.errno(), Some("ESRCH"))?;
    let listed = listed(true)?;
    expect(
        !listed.contains(&ns),
        format!("{listed:?}"),
        "it not listed",
    )?;

    // Another one ends, and this one does not.
    let other = Scout::send_into_new_namespace()?;
    let other_ns = target(other.namespace()?);
    other.recall()?;
    let gone = format!("gone {ns} ");
    let before = stream.until(&format!("gone {other_ns} "))?;
    let is_gone = before.iter().any(|told| told.text.starts_with(&gone));
    expect(!is_gone, format!("{before:?}"), "its end not told yet")?;
    expect_eq("who holds the module: it and the stream", references()?, 2)?;
    drop(trace);
    let last = stream.until(&gone)?.pop().map(|told| told.text);
    expect_eq("its end", last, Some(format!("gone {ns} policy=own")))?;
    drop(stream);
    objects_are_gone()
}

/// Returns how many namespaces the module could not take in.
fn failed_births() -> Result<u64> {
    let lifecycle = row("features", "", "lifecycle")?;
    Ok(lifecycle.word("failed_births").parse()?)
}

/// Each object with a policy holds the module while it lives.
pub(crate) fn objects_are_gone() -> Outcome {
    let is_gone = wait_until(GONE_LIMIT, || references().is_ok_and(|count| count == 0));
    let seen = format!("{} references after 5 s", references()?);
    expect(is_gone, seen, "none")
}

/// What the threads set, each its own.
const VALUES: &[&str] = &["1", "2", "0"];

/// What the threads that set policies saw.
#[derive(Default)]
struct Race {
    /// The namespace of the latest child.
    latest: AtomicU64,
    is_over: AtomicBool,
    taken: AtomicU64,
    gone: AtomicU64,
}

/// Addresses of namespaces are used again at once: one that kept its object would hand an old
/// policy to a newborn, which reads the host's value first.
pub(super) fn a_thousand_namespaces_while_policies_are_set() -> Outcome {
    const COUNT: usize = 1000;
    bears_while_policies_are_set(COUNT, 4, COUNT as u64 / 20)
}

/// Makes and ends `count` namespaces, while so many threads give the latest one policies; more than
/// `least` of them are to be taken, and as many come too late.
pub(crate) fn bears_while_policies_are_set(count: usize, setters: usize, least: u64) -> Outcome {
    objects_are_gone()?;
    let failed = failed_births()?;
    let host = fs::read_to_string(MODE)?.trim().to_owned();
    let race = Race::default();
    thread::scope(|scope| -> Outcome {
        let setters: Vec<_> = (0..setters)
            .map(|number| VALUES[number % VALUES.len()])
            .map(|value| scope.spawn(|| race.sets(value)))
            .collect();
        let born = bears(count, &race, &host);
        race.is_over.store(true, Ordering::Release);
        for setter in setters {
            match setter.join() {
                Ok(wrong) => expect_eq("a wrong answer", wrong?, None)?,
                Err(_) => return expect(false, "a panic", "none"),
            }
        }
        born
    })?;
    let (taken, gone) = (race.taken.into_inner(), race.gone.into_inner());
    let seen = format!("{taken} taken, {gone} refused");
    expect(
        taken > least && gone > least,
        seen,
        format!("more than {least} of each"),
    )?;
    objects_are_gone()?;
    expect_eq("the list", listed(false)?, vec![])?;
    expect_eq("failed births", failed_births()?, failed)
}

fn bears(count: usize, race: &Race, host: &str) -> Outcome {
    for number in 0..count {
        let child = Firstborn::make(c"/proc/sys/vm/overcommit_memory", 0)?;
        let what = format!("what newborn {number} reads");
        expect_eq(&what, child.text()?.as_str(), host)?;
        race.latest
            .store(namespace::id_of(child.pid())?, Ordering::Release);
        // Ends at another moment of the setter's request each time.
        thread::sleep(Duration::from_micros(number as u64 * 37 % 3000));
        child.end()?;
    }
    Ok(())
}

impl Race {
    /// Sets a policy for the latest child until it is gone, then for the next; returns a wrong
    /// answer.
    fn sets(&self, value: &str) -> Result<Option<String>> {
        let mut door = Door::open()?;
        let mut dead = 0;
        while !self.is_over.load(Ordering::Acquire) {
            let latest = self.latest.load(Ordering::Acquire);
            if latest == dead {
                thread::sleep(Duration::from_micros(200));
                continue;
            }
            let ns = target(latest);
            let request = format!("vkernel 1 set {ns}\nvm.overcommit_memory={value}\n");
            let reply = door.ask(request.as_bytes())?;
            match reply.refusal() {
                None if reply.is_ok() => self.taken.fetch_add(1, Ordering::Relaxed),
                Some(refusal) if refusal.errno == "ESRCH" => {
                    dead = latest;
                    self.gone.fetch_add(1, Ordering::Relaxed)
                }
                _ => return Ok(Some(reply.head().to_owned())),
            };
        }
        Ok(None)
    }
}
