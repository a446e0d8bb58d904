//! The torture mode: loads that go on until their time is over, on a kernel that finds mistakes.

use std::collections::HashSet;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};
use xtask::protocol::Line;

use crate::areas::limits::common::readers_and_writers_see_whole_values;
use crate::areas::neutral::ends_as_without_the_module;
use crate::areas::overcommit::walk::{
    walks_as_without_the_module, walks_while_policies_change, STRIDE, WALKERS,
};
use crate::areas::registry::life::{
    a_birth_without_memory_inherits, bears_while_policies_are_set, objects_are_gone,
    what_is_below_a_birth_without_memory_inherits,
};
use crate::areas::ALL;
use crate::churn::Churn;
use crate::container::{wait_until, Container, Runtime};
use crate::crowd::Crowd;
use crate::device::ask;
use crate::dmesg::KernelLog;
use crate::fault::Fault;
use crate::policy::{self, listed, MODE};
use crate::problem::{expect, expect_eq, Outcome, Problem};
use crate::scout::{Order, Scout};
use crate::slab::Slabs;
use crate::stream::Stream;
use crate::test::{line, run_area};
use crate::tracer::Tracer;
use crate::{leaks, module, namespace, port};

/// How often a load tells how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(300);

/// How long the kernel may take to free what was let go.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);

/// Where kmemleak says what leaked.
const LEAKS: &str = "/sys/kernel/debug/kmemleak";

/// A load: does its work once and returns how many things it did.
type Load = fn(round: u64) -> Result<u64>;

/// All loads: name, what is counted, the work.
const LOADS: &[(&str, &str, Load)] = &[
    ("checks", "areas run", checks),
    ("churn", "containers with a policy", churn),
    ("registry", "namespaces made and ended", registry),
    ("crowd", "namespaces that live at once", crowd),
    ("flips", "policy changes", flips),
    ("inline", "times that inline hooks went in and out", inline),
    ("neutral", "sequences compared", neutral),
    (
        "parameters",
        "seconds of 64 readers and writers",
        parameters,
    ),
    ("overcommit", "steps of a random walk", walk),
    (
        "walk",
        "steps of a random walk, without the module and with it",
        neutral_walk,
    ),
];

/// When a load has gone on for long enough.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// After this time.
    Time(Duration),
    /// When so many things are done.
    Count(u64),
}

impl Until {
    /// Until `count` things are done, if there is one, else for `minutes`.
    pub(crate) fn new(minutes: u64, count: Option<u64>) -> Self {
        let time = Duration::from_secs(60 * minutes);
        count.map_or(Self::Time(time), Self::Count)
    }

    fn is_over(self, started: Instant, done: u64) -> bool {
        match self {
            Self::Time(time) => started.elapsed() >= time,
            Self::Count(count) => done >= count,
        }
    }
}

/// Runs the loads in `names`, all if that is empty, each `until` its end.
pub(crate) fn run(names: &[String], until: Until) {
    for (name, what, load) in LOADS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            let area = "torture".to_owned();
            port::send(&Line::Begin { area });
            run_load(name, what, *load, until);
            let area = "torture".to_owned();
            port::send(&Line::End { area });
        }
    }
}

fn run_load(name: &str, what: &str, load: Load, until: Until) {
    let log = KernelLog::from_now();
    let slabs = Slabs::now();
    let started = Instant::now();
    let mut told = started;
    let mut done = 0;
    let mut rounds = 0;
    let mut outcome = Ok(());
    while !until.is_over(started, done) && outcome.is_ok() {
        match load(rounds) {
            Ok(count) => done += count,
            Err(error) => outcome = Err(error.into()),
        }
        rounds += 1;
        if told.elapsed() > TOLD_EVERY {
            let minutes = started.elapsed().as_secs() / 60;
            port::say(format!(
                "torture {name}: {done} {what} in {minutes} minutes"
            ));
            told = Instant::now();
        }
    }
    if module::is_loaded() {
        outcome = outcome.and_then(|()| Ok(module::unload()?));
    }
    port::say(format!("torture {name}: {rounds} rounds, {done} {what}"));
    port::send(&line(format!("torture/{name}"), outcome));
    let grown = slabs
        .map_err(Problem::from)
        .and_then(|slabs| nothing_grew(&slabs, done));
    // KASAN keeps what was freed for a while, and kmemleak notes all there is: it tells what leaked.
    if fs::metadata(LEAKS).is_err() {
        port::send(&line(format!("torture/{name}-leaves-no-object"), grown));
    }
    let alarms = log.and_then(is_quiet);
    port::send(&line(format!("torture/{name}-kernel-log-is-clean"), alarms));
}

/// Expects no cache of the kernel to have kept an object for each of the `done` things, nor for each
/// hundredth of them.
fn nothing_grew(before: &Slabs, done: u64) -> Outcome {
    /// What a kernel at rest comes to have more or fewer of, in a cache: the areas of ended stacks, for
    /// one, of which it lets 16,384 pages wait on two processors, five to a stack.
    const NOISE: u64 = 4000;
    let most = NOISE + done / 100;
    let mut grown = Vec::new();
    let settled = wait_until(SETTLE_LIMIT, || {
        grown = before.grown_by_more_than(most).unwrap_or_default();
        grown.is_empty()
    });
    expect(
        settled,
        grown.join(" "),
        format!("at most {most} more objects in any cache"),
    )
}

/// Expects no alarm in the log, and nothing leaked.
fn is_quiet(log: KernelLog) -> Outcome {
    leaks::are_none()?;
    let alarms = log.alarms()?;
    expect(alarms.is_empty(), alarms.join(" | "), "no alarm")
}

/// Every check of every area, as `test` runs them.
fn checks(_round: u64) -> Result<u64> {
    for area in ALL {
        run_area(area, None);
    }
    Ok(ALL.len() as u64)
}

/// Containers that get a policy and end, by both runtimes, before or after they began; two readers
/// watch, one that waits and one that looks afterwards.
fn churn(round: u64) -> Result<u64> {
    load_module()?;
    let _waiting = Waiting::start()?;
    let mut stream = Stream::begin()?;
    let runtime = match round % 2 {
        0 => Runtime::Crun,
        _ => Runtime::Runc,
    };
    let words = ["/vk/vk-guest", "act", "map", "8", "huge", "touch", "hold"];
    let containers = [0, 1, 2].map(|index| {
        let name = format!("churn{index}");
        Container::start(runtime, &name, &words)
    });
    for (index, container) in containers.into_iter().enumerate() {
        let container = container?;
        let policy = POLICIES[index % POLICIES.len()];
        ask("set", &target(&container)?, policy)?.accepted()?;
        if round % 3 == 0 {
            ask("unset", &target(&container)?, &[])?.accepted()?;
        }
        let target = target(&container)?;
        container.stop()?;
        stream.until(&format!("gone {target} "))?;
    }
    Ok(3)
}

/// Namespaces that come and go while four threads set policies for the latest; addresses are used
/// again at once. First, births whose allocations fail.
fn registry(round: u64) -> Result<u64> {
    const CYCLES: usize = 500;
    load_module()?;
    if round == 0 && Fault::are_injected() {
        passes(a_birth_without_memory_inherits())?;
        passes(what_is_below_a_birth_without_memory_inherits())?;
    }
    passes(bears_while_policies_are_set(CYCLES, 4, CYCLES as u64 / 20))?;
    Ok(CYCLES as u64)
}

/// Ten thousand namespaces at once, all known, each with the policy that is set for it and no other,
/// while others come and go.
fn crowd(_round: u64) -> Result<u64> {
    const LIVE: usize = 10_000;
    const CYCLES: usize = 1000;
    load_module()?;
    let crowd = Crowd::gather(LIVE)?;
    passes(each_is_known(&crowd))?;
    // What a request takes does not depend on how many live: it is done before most of these end.
    passes(bears_while_policies_are_set(CYCLES, 4, CYCLES as u64 / 20))?;
    passes(each_has_its_own_policy(&crowd))?;
    drop(crowd);
    passes(objects_are_gone())?;
    Ok(LIVE as u64)
}

/// Expects each namespace in the list of all.
fn each_is_known(crowd: &Crowd) -> Outcome {
    let listed: HashSet<String> = listed(true)?.into_iter().collect();
    for pid in crowd.pids() {
        let ns = policy::target(namespace::id_of(pid.unsigned_abs())?);
        expect(
            listed.contains(&ns),
            format!("{ns} not listed"),
            "all of them",
        )?;
    }
    Ok(())
}

/// Gives some of them policies, and reads the values inside of those and of their neighbours.
fn each_has_its_own_policy(crowd: &Crowd) -> Outcome {
    const EVERY: usize = 499;
    let host = fs::read_to_string(MODE)?.trim().to_owned();
    let some: Vec<(usize, u32)> = (0..crowd.pids().len())
        .step_by(EVERY)
        .map(|index| (index, crowd.pids()[index].unsigned_abs()))
        .collect();
    for (index, pid) in &some {
        let ns = policy::target(namespace::id_of(*pid)?);
        policy::set(&ns, &[("vm.overcommit_memory", &(index % 3).to_string())])?;
    }
    for (index, pid) in &some {
        expect_eq("its own", read_inside(*pid)?, (index % 3).to_string())?;
        let neighbour = crowd.pids()[(index + 1) % crowd.pids().len()].unsigned_abs();
        expect_eq(
            "that of its neighbour",
            read_inside(neighbour)?,
            host.clone(),
        )?;
    }
    expect_eq("those with a policy", listed(false)?.len(), some.len())
}

fn read_inside(pid: u32) -> Result<String> {
    let mut scout = Scout::send()?;
    scout.does(&Order::Enter(format!("/proc/{pid}/ns/pid")))?;
    scout.read(MODE)
}

/// Random sequences under the host's own policy, under each of its words in turn.
fn neutral(round: u64) -> Result<u64> {
    const COUNT: u64 = 500;
    let words = ["madvise", "always", "never"];
    let word = words[round as usize % words.len()];
    module::remove();
    passes(ends_as_without_the_module(word, round * COUNT, COUNT))?;
    Ok(COUNT)
}

/// Random walks while policies change, and now and then one under a neutral policy.
fn walk(round: u64) -> Result<u64> {
    const PAUSES: u64 = 25;
    load_module()?;
    if round % 10 == 0 {
        passes(walks_as_without_the_module(round, PAUSES / 5))?;
    }
    let walked = walks_while_policies_change(round, PAUSES).map_err(told)?;
    port::say(format!("torture overcommit: {walked:?}"));
    Ok(walked.steps)
}

/// One walk after the other, each without the module and then under a neutral policy.
fn neutral_walk(round: u64) -> Result<u64> {
    const PAUSES: u64 = 25;
    load_module()?;
    passes(walks_as_without_the_module(round, PAUSES))?;
    let steps = PAUSES * STRIDE * WALKERS as u64;
    port::say(format!(
        "torture walk: {steps} steps of seed {round} the same"
    ));
    Ok(steps)
}

fn told(problem: Problem) -> anyhow::Error {
    match problem {
        Problem::Failed { seen, expected } => anyhow::anyhow!("{seen}, expected {expected}"),
        Problem::Skipped(why) => anyhow::anyhow!(why),
    }
}

fn passes(outcome: Outcome) -> Result<()> {
    outcome.map_err(told)
}

/// A reader that waits for events, as long as it is kept.
struct Waiting(Child);

impl Waiting {
    fn start() -> Result<Self> {
        let mut vkctl = Command::new("vkctl");
        let child = vkctl.arg("watch").stdout(Stdio::null()).spawn();
        child.map(Self).context("cannot start vkctl")
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One container whose policy changes all the time while it maps and touches.
fn flips(_round: u64) -> Result<u64> {
    const CHANGES: u64 = 200;
    load_module()?;
    let script = "while :; do /vk/vk-guest act map 16 huge touch; done";
    let container = Container::start(Runtime::Crun, "flips", &["sh", "-c", script])?;
    let target = target(&container)?;
    for change in 0..CHANGES {
        let policy = POLICIES[change as usize % POLICIES.len()];
        ask("set", &target, policy)?.accepted()?;
    }
    container.stop()?;
    Ok(CHANGES)
}

/// Sixteen readers and writers of a parameter in each of four containers.
fn parameters(_round: u64) -> Result<u64> {
    const SECONDS: u64 = 20;
    load_module()?;
    match readers_and_writers_see_whole_values(SECONDS) {
        Ok(()) => Ok(SECONDS),
        Err(Problem::Failed { seen, .. }) => bail!("{seen}"),
        Err(Problem::Skipped(why)) => bail!("{why}"),
    }
}

/// Policies that differ from each other and from the host's.
const POLICIES: &[&[(&str, &str)]] = &[
    &[("vm.overcommit_memory", "1"), ("thp_enabled", "never")],
    &[("vm.overcommit_memory", "0"), ("thp_enabled", "always")],
    &[("vm.overcommit_memory", "1"), ("thp_enabled", "madvise")],
];

fn target(container: &Container) -> Result<String> {
    Ok(format!("ns:{}", container.namespace()?))
}

/// Inline hooks that go in and out under those who execute the functions, with tracers on the same.
fn inline(round: u64) -> Result<u64> {
    const CYCLES: u64 = 10;
    load_with(true)?;
    let mut scout = Scout::send_into_new_namespace()?;
    let ns = format!("ns:{}", scout.namespace()?);
    ask("set", &ns, &[("vm.overcommit_memory", "1")])?.accepted()?;
    let churn = Churn::start(2)?;
    let tracer = match round % 2 {
        0 => None,
        _ => Some(Tracer::functions("function", &["__vm_enough_memory"])?),
    };
    for _ in 0..CYCLES {
        ensure!(scout.read(MODE)? == "1", "not the container's value");
        ask("disarm", "", &[])?.accepted()?;
        ask("arm", "", &[])?.accepted()?;
    }
    drop(tracer);
    churn.stop()?;
    scout.recall()?;
    Ok(CYCLES)
}

fn load_module() -> Result<()> {
    load_with(false)
}

fn load_with(is_inline: bool) -> Result<()> {
    if module::use_inline(is_inline) {
        module::remove();
    }
    match module::is_loaded() {
        true => Ok(()),
        false => module::load(&[]),
    }
}
