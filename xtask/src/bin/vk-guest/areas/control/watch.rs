//! `watch`: what a reader is told, in which order, and how a read that waits ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{kill_process, Pid, Signal};

use super::refusal::{refuses, Expected};
use crate::container::wait_until;
use crate::device::ask;
use crate::door::Door;
use crate::mapping::HUGE_BYTES;
use crate::policy::{references, set, target, unset, Tidy, MODE};
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::{Order, Scout};
use crate::stream::{Stream, Told};

/// How many events a reader may be behind.
const ROOM: usize = 512;

/// A commit limit of 256 MiB, which a scout is far below.
const LIMITED: &[(&str, &str)] = &[
    ("vm.overcommit_memory", "2"),
    ("vm.overcommit_kbytes", "262144"),
];

/// A scout maps 512 MiB and room to align them to huge pages.
const ASKED_BYTES: usize = (512 << 20) + HUGE_BYTES;

/// The texts of the lines about `name`.
fn about<'a>(lines: &'a [Told], name: &str) -> Vec<&'a str> {
    let ours = lines.iter().filter(|told| told.is_about(name));
    ours.map(|told| told.text.as_str()).collect()
}

/// Expects numbers without a gap, and times that do not go back.
fn are_in_order(lines: &[Told]) -> Outcome {
    let is_bad =
        |pair: &&[Told]| pair[1].seq != pair[0].seq + 1 || pair[1].time_ns < pair[0].time_ns;
    let bad = lines.windows(2).find(is_bad);
    expect_eq("a line out of order", bad, None)
}

/// Nanoseconds since the guest booted; it never sleeps.
fn uptime_ns() -> Result<u64> {
    let text = fs::read_to_string("/proc/uptime")?;
    let seconds: f64 = text.split(' ').next().unwrap_or("").parse()?;
    Ok((seconds * 1e9) as u64)
}

pub(super) fn a_watcher_is_told_everything_in_order() -> Outcome {
    let begun = uptime_ns()?;
    let mut stream = Stream::begin()?;
    let mut scout = Scout::send_into_new_namespace()?;
    let (ns, pid) = (target(scout.namespace()?), scout.pid()?);
    let us = std::process::id();
    set(&ns, LIMITED)?;
    expect_eq("a write", scout.write(MODE, "0")?.as_deref(), Some("EPERM"))?;
    let refused = scout.order(&Order::Map(512))?.err();
    expect_eq("a mapping", refused, Some(libc::ENOMEM))?;
    set(
        &ns,
        &[
            ("vm.overcommit_memory.inside", "rw"),
            ("vm.overcommit_memory.max", "1"),
        ],
    )?;
    let out = scout.write(MODE, "2")?;
    expect_eq("a write out of bounds", out.as_deref(), Some("EPERM"))?;
    expect_eq("a write within", scout.write(MODE, "1")?, None)?;
    unset(&ns)?;
    scout.recall()?;

    let lines = stream.until(&format!("gone {ns} "))?;
    are_in_order(&lines)?;
    let mode = "key=vm.overcommit_memory";
    let (ratio, kbytes) = ("key=vm.overcommit_ratio", "key=vm.overcommit_kbytes");
    let (ro, rw) = ("inside=ro min=- max=-", "inside=rw min=- max=1");
    let outside = format!("pid={us} from=outside");
    let expected = [
        format!("born {ns} parent=host level=1 pid={pid} policy=none comm=exe"),
        format!("set {ns} {mode} value=2 was=- {ro} {outside}"),
        // One of both counts: who sets the kilobytes sets the ratio to 0, as in the kernel.
        format!("set {ns} {ratio} value=0 was=- {ro} {outside}"),
        format!("set {ns} {kbytes} value=262144 was=- {ro} {outside}"),
        format!("denied {ns} {mode} pid={pid} reason=read-only comm=exe"),
        format!("refused {ns} bytes={ASKED_BYTES} by={ns} pid={pid} comm=exe"),
        format!("set {ns} {mode} value=2 was=2 {rw} {outside}"),
        format!("denied {ns} {mode} pid={pid} reason=out-of-bounds comm=exe"),
        format!("set {ns} {mode} value=1 was=2 {rw} pid={pid} from=inside"),
        format!("set {ns} {mode} value=- was=1 {ro} {outside}"),
        format!("set {ns} {ratio} value=- was=0 {ro} {outside}"),
        format!("set {ns} {kbytes} value=- was=262144 {ro} {outside}"),
        format!("gone {ns} policy=none"),
    ];
    expect_eq(
        "what is told",
        about(&lines, &ns),
        expected.iter().map(String::as_str).collect(),
    )?;
    let times = lines.first().zip(lines.last());
    let Some((first, last)) = times else {
        return expect(false, "no line", "some");
    };
    // /proc/uptime counts in hundredths.
    let until = uptime_ns()? + 10_000_000;
    let is_now = begun <= first.time_ns && last.time_ns <= until;
    let seen = format!("{} to {}", first.time_ns, last.time_ns);
    expect(is_now, seen, format!("within {begun} to {until}"))
}

pub(super) fn a_watcher_is_told_of_defaults_and_nesting() -> Outcome {
    let _tidy = Tidy;
    let mut stream = Stream::begin()?;
    set("default", &[("thp_enabled", "never")])?;
    let mut outer = Scout::send_into_new_namespace()?;
    let outer_ns = target(outer.namespace()?);
    unset("default")?;
    set(&outer_ns, LIMITED)?;
    outer.does(&Order::NewPid)?;
    let (inner_ns, pid) = (target(outer.namespace()?), outer.pid()?);
    let refused = outer.order(&Order::Map(512))?.err();
    expect_eq("a mapping", refused, Some(libc::ENOMEM))?;
    outer.recall()?;
    // One grace period ends both, on two processors maybe: in either order.
    let gone = [&outer_ns, &inner_ns].map(|ns| format!("gone {ns} policy="));
    let mut lines = Vec::new();
    for end in &gone {
        if !lines.iter().any(|told: &Told| told.text.starts_with(end)) {
            lines.extend(stream.until(end)?);
        }
    }
    let first = about(&lines, "default");
    let kinds: Vec<_> = first.iter().map(|text| text.split(' ').nth(3)).collect();
    expect_eq(
        "of the default",
        kinds,
        vec![Some("value=never"), Some("value=-")],
    )?;
    let born = about(&lines, &outer_ns)[0].to_owned();
    expect(born.contains(" policy=own "), born, "policy=own")?;
    let inner = about(&lines, &inner_ns);
    let expected = [
        format!("born {inner_ns} parent={outer_ns} level=2 pid={pid} policy=none comm=exe"),
        format!("refused {inner_ns} bytes={ASKED_BYTES} by={outer_ns} pid={pid} comm=exe"),
        format!("gone {inner_ns} policy=none"),
    ];
    expect_eq(
        "of the inner",
        inner,
        expected.iter().map(String::as_str).collect(),
    )
}

pub(super) fn a_watcher_is_told_when_hooks_go_in_and_out() -> Outcome {
    let _tidy = Tidy;
    let asks = |verb| ask(verb, "", &[]).and_then(|answer| answer.accepted());
    // What lingers is out then.
    asks("disarm")?;
    asks("arm")?;
    let mut stream = Stream::begin()?;
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    set(&ns, &[("thp_enabled", "never")])?;
    asks("disarm")?;
    asks("arm")?;
    let end = format!("set {ns} key=thp_enabled value=always ");
    set(&ns, &[("thp_enabled", "always")])?;
    let lines = stream.until(&end)?;
    let hooks = lines.iter().filter(|told| told.text.contains("hooked "));
    let texts: Vec<_> = hooks.map(|told| told.text.as_str()).collect();
    let expected = vec![
        "hooked thp",
        "hooked thp-vote",
        "hooked thp-vote-file",
        "unhooked thp-vote-file",
        "unhooked thp-vote",
        "unhooked thp",
        "unhooked lifecycle",
        "hooked lifecycle",
        "hooked thp",
        "hooked thp-vote",
        "hooked thp-vote-file",
    ];
    expect_eq("what is told of hooks", texts, expected)?;
    let place = |start: &str| lines.iter().position(|told| told.text.starts_with(start));
    let is_before = place("hooked thp") < place("set ");
    expect(
        is_before,
        format!("{lines:?}"),
        "hooks in before the value is",
    )
}

pub(super) fn a_slow_reader_is_told_what_it_lost() -> Outcome {
    const EVENTS: usize = ROOM + 100;
    let mut stream = Stream::begin()?;
    let mut scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    set(&ns, &[("vm.overcommit_memory", "1")])?;
    let before = stream.until(&format!("set {ns} "))?;
    let last = before.last().map_or(0, |told| told.seq);
    for _ in 0..EVENTS {
        scout.write(MODE, "0")?;
    }
    let mut told = Vec::new();
    while let Some(line) = stream.next()? {
        told.push(line);
    }
    expect_eq("the lines", told.len(), ROOM + 1)?;
    let lost = told.remove(0);
    let count: Option<u64> = lost.text.strip_prefix("lost ").and_then(|n| n.parse().ok());
    let Some(count) = count else {
        return expect(false, lost.text, "lost N");
    };
    let is_plausible = (100..200).contains(&count);
    expect(is_plausible, format!("{count} lost"), "some more than 100")?;
    expect_eq("the first that is left", told[0].seq, last + count + 1)?;
    are_in_order(&told)
}

pub(super) fn every_reader_gets_all() -> Outcome {
    let mut streams = [Stream::begin()?, Stream::begin()?];
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    for value in ["1", "0", "2"] {
        set(&ns, &[("vm.overcommit_memory", value)])?;
    }
    let end = format!("set {ns} key=vm.overcommit_memory value=2 ");
    // One reads while the other does not. What came before the birth, only the first may know.
    let born = format!("born {ns} ");
    let since_birth = |stream: &mut Stream| -> Result<Vec<Told>> {
        let lines = stream.until(&end)?.into_iter();
        Ok(lines
            .skip_while(|told| !told.text.starts_with(&born))
            .collect())
    };
    let first = since_birth(&mut streams[0])?;
    let second = since_birth(&mut streams[1])?;
    expect(first.len() >= 4, format!("{first:?}"), "four lines or more")?;
    expect_eq("what the second reader got", second, first)
}

/// A `vkctl watch --json` and what it prints.
struct Watching {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Watching {
    /// Starts it; returns when it waits for an event.
    fn start() -> Result<Self> {
        let mut child = Command::new("vkctl")
            .args(["watch", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start vkctl")?;
        let out = child.stdout.take().context("no output")?;
        let is_open = || references().is_ok_and(|count| count == 1);
        wait_until(Duration::from_secs(10), is_open);
        let lines = BufReader::new(out);
        Ok(Self { child, lines })
    }

    /// Waits for the next object.
    fn next(&mut self) -> Result<serde_json::Value> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Expects to be told of a birth and the end that follows.
///
/// The request may be on the way still, and what happens before it is taken is not told: so there
/// are namespaces until one was told of.
fn tells_of_a_life(watching: &mut Watching) -> Outcome {
    let is_told = AtomicBool::new(false);
    thread::scope(|scope| {
        let sender = scope.spawn(|| -> Result<()> {
            while !is_told.load(Ordering::Relaxed) {
                Scout::send_into_new_namespace()?.recall()?;
            }
            Ok(())
        });
        let told = (|| -> Outcome {
            let mut born = Vec::new();
            loop {
                let told = watching.next()?;
                expect(told["version"] == 1, &told, "version 1")?;
                match told["event"].as_str() {
                    Some("born") => born.push(told["target"].clone()),
                    Some("gone") if born.contains(&told["target"]) => return Ok(()),
                    _ => {}
                }
            }
        })();
        is_told.store(true, Ordering::Relaxed);
        let sent = sender.join();
        told?;
        expect(matches!(sent, Ok(Ok(()))), format!("{sent:?}"), "scouts")
    })
}

pub(super) fn a_read_waits_until_an_event_or_a_signal() -> Outcome {
    let gone = wait_until(Duration::from_secs(5), || {
        references().is_ok_and(|count| count == 0)
    });
    expect(gone, references()?, "no references")?;
    let mut watching = Watching::start()?;
    let pid = watching.child.id();
    tells_of_a_life(&mut watching)?;
    expect_eq("the references of a reader", references()?, 1)?;
    let unload = crate::module::unload();
    expect(unload.is_err(), "the module is gone", "EBUSY")?;

    let status = format!("/proc/{pid}/stat");
    let sleeps = || fs::read_to_string(&status).is_ok_and(|text| text.contains(") S "));
    let is_asleep = wait_until(Duration::from_secs(5), sleeps);
    expect(is_asleep, "it runs", "a reader that sleeps")?;
    let process = Pid::from_raw(pid as i32).context("no pid")?;
    kill_process(process, Signal::INT).context("cannot interrupt it")?;
    let ended = wait_until(Duration::from_secs(5), || {
        matches!(watching.child.try_wait(), Ok(Some(_)))
    });
    expect(ended, "it still reads after 5 s", "an end")?;
    let signal = watching.child.wait()?.signal();
    expect_eq("the signal that ended it", signal, Some(libc::SIGINT))
}

pub(super) fn the_next_request_ends_the_stream() -> Outcome {
    let features = Door::open()?.ask(b"vkernel 1 features\n")?.text;
    let mut door = Door::open()?;
    expect_eq("the write", door.write(b"vkernel 1 watch\n"), Ok(16))?;
    expect_eq("the answer", door.read(64)?, b"ok\n".to_vec())?;
    let mut same = Door::from(door.as_fd().try_clone_to_owned()?);
    let read = thread::scope(|scope| {
        // Nothing happens: it waits until the other request comes.
        let reader = scope.spawn(move || same.read(4096));
        thread::sleep(Duration::from_millis(300));
        let written = door.write(b"vkernel 1 features\n");
        (written, reader.join())
    });
    expect_eq("the next request", read.0, Ok(19))?;
    let Ok(text) = read.1 else {
        return expect(false, "a panic", "an answer");
    };
    let text = String::from_utf8_lossy(&text?).into_owned();
    expect_eq("what the reader got", text, features)?;
    refuses(
        "",
        b"vkernel 1 watch\na=b\n",
        Expected::new("EINVAL").at(2, "a"),
    )?;
    refuses(
        "",
        b"vkernel 1 watch ns:5\n",
        Expected::new("EINVAL").at(1, "ns:5"),
    )
}

pub(super) fn an_open_descriptor_is_enough_to_watch() -> Outcome {
    let mut plain = Scout::send()?;
    plain.does(&Order::DropAdmin)?;
    let mut inside = Scout::send_into_new_namespace()?;
    for scout in [&mut plain, &mut inside] {
        scout.does(&Order::Open)?;
        let mut stream = Stream::over(scout.borrow_door()?)?;
        let born = Scout::send_into_new_namespace()?;
        stream.until(&format!("born {} ", target(born.namespace()?)))?;
    }
    Ok(())
}
