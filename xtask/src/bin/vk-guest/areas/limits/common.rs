//! What holds for every key.

use anyhow::Result;

use crate::container::{Container, Runtime};
use crate::device::ask;
use crate::dmesg::KernelLog;
use crate::policy::{is_armed, set, shown, target, unset};
use crate::problem::{expect, expect_contains, expect_eq, skip, Outcome, Problem};
use crate::row::row;
use crate::scout::{Ask, Order, Scout, HAMMERED, VALUES};
use crate::setting::{read, Setting};
use crate::values::Values;

/// A key, its file, and two values that a container can have while the host has its own.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) values: [&'static str; 2],
}

/// Those that are served, but for the modes of the commit accounting.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    Key { name: "vm.max_map_count", path: MAX_MAP_COUNT, values: ["1000", "262144"] },
    Key { name: "vm.admin_reserve_kbytes", path: ADMIN_RESERVE, values: ["1024", "2048"] },
    Key { name: "vm.user_reserve_kbytes", path: USER_RESERVE, values: ["1024", "2048"] },
    Key { name: "vm.mmap_min_addr", path: MMAP_MIN_ADDR, values: ["1048576", "2097152"] },
    Key { name: "fs.nr_open", path: NR_OPEN, values: ["1000", "2097152"] },
    Key { name: "fs.file-max", path: FILE_MAX, values: ["1000", "2000"] },
    Key { name: "fs.pipe-max-size", path: PIPE_MAX_SIZE, values: ["4096", "2097152"] },
    Key { name: "fs.pipe-user-pages-hard", path: PIPE_USER_PAGES_HARD, values: ["100", "200"] },
    Key { name: "fs.pipe-user-pages-soft", path: PIPE_USER_PAGES_SOFT, values: ["100", "200"] },
    Key { name: "fs.mount-max", path: MOUNT_MAX, values: ["100", "200000"] },
    Key { name: "kernel.threads-max", path: THREADS_MAX, values: ["10", "20"] },
    Key { name: "kernel.dmesg_restrict", path: DMESG_RESTRICT, values: ["1", "1"] },
];

pub(super) const MAX_MAP_COUNT: &str = "/proc/sys/vm/max_map_count";
const ADMIN_RESERVE: &str = "/proc/sys/vm/admin_reserve_kbytes";
const USER_RESERVE: &str = "/proc/sys/vm/user_reserve_kbytes";
pub(super) const MMAP_MIN_ADDR: &str = "/proc/sys/vm/mmap_min_addr";
/// What Debian's kernels have there.
pub(super) const STOCK_FLOOR: &str = "65536";
pub(super) const NR_OPEN: &str = "/proc/sys/fs/nr_open";
pub(super) const FILE_MAX: &str = "/proc/sys/fs/file-max";
pub(super) const PIPE_MAX_SIZE: &str = "/proc/sys/fs/pipe-max-size";
pub(super) const PIPE_USER_PAGES_HARD: &str = "/proc/sys/fs/pipe-user-pages-hard";
pub(super) const PIPE_USER_PAGES_SOFT: &str = "/proc/sys/fs/pipe-user-pages-soft";
pub(super) const MOUNT_MAX: &str = "/proc/sys/fs/mount-max";
pub(super) const THREADS_MAX: &str = "/proc/sys/kernel/threads-max";
pub(super) const DMESG_RESTRICT: &str = "/proc/sys/kernel/dmesg_restrict";

/// A process in a container with a policy, one in a container without, one of the host.
pub(super) struct Three {
    pub(super) ours: Scout,
    pub(super) neighbour: Scout,
    pub(super) host: Scout,
    pub(super) ns: String,
}

impl Three {
    /// Sends them; the first gets the policy.
    pub(super) fn send(pairs: &[(&str, &str)]) -> Result<Self> {
        let ours = Scout::send_into_new_namespace()?;
        let ns = target(ours.namespace()?);
        set(&ns, pairs)?;
        Ok(Self {
            ours,
            neighbour: Scout::send_into_new_namespace()?,
            host: Scout::send()?,
            ns,
        })
    }

    /// Gives all three the same order, of which each may fail.
    pub(super) fn all(&mut self, order: &Order) -> Result<[Result<String, i32>; 3]> {
        Ok([
            self.ours.order(order)?,
            self.neighbour.order(order)?,
            self.host.order(order)?,
        ])
    }

    /// Expects that what is asked for fails inside with `errno` and nowhere else.
    pub(super) fn only_ours_fails(&mut self, ask: Ask, errno: i32) -> Outcome {
        let seen = self.all(&Order::Ask(ask))?;
        expect(
            seen[0] == Err(errno) && seen[1].is_ok() && seen[2].is_ok(),
            format!("{ask:?}: {seen:?}"),
            format!("errno {errno} inside only"),
        )
    }

    /// Expects that what is asked for is granted to all.
    pub(super) fn none_fails(&mut self, ask: Ask) -> Outcome {
        let seen = self.all(&Order::Ask(ask))?;
        expect(
            seen.iter().all(Result::is_ok),
            format!("{ask:?}: {seen:?}"),
            "no error",
        )
    }
}

pub(super) fn each_key_is_seen_inside_and_nowhere_else() -> Outcome {
    let _log = Setting::put(DMESG_RESTRICT, "0")?;
    let host = Values::read();
    let mut three = Three::send(&[("vm.overcommit_memory", "1")])?;
    let owns: Vec<String> = KEYS
        .iter()
        .map(|key| read(key.path))
        .collect::<Result<_>>()?;
    for nth in [0, 1] {
        let pairs: Vec<_> = KEYS.iter().map(|key| (key.name, key.values[nth])).collect();
        set(&three.ns, &pairs)?;
        for (key, own) in KEYS.iter().zip(&owns) {
            let value = key.values[nth];
            expect_eq(key.name, three.ours.read(key.path)?.as_str(), value)?;
            expect_eq("the neighbour's", &three.neighbour.read(key.path)?, own)?;
            expect_eq("that of the host", &three.host.read(key.path)?, own)?;
            let shown = shown(&three.ns, key.name)?;
            expect_eq("what is shown", shown, (value.to_owned(), "own".to_owned()))?;
        }
    }
    let changes = host.changes(&Values::read(), &[]);
    expect(changes.is_empty(), changes.join(", "), "the host's values")?;
    unset(&three.ns)?;
    for key in KEYS {
        expect_eq(key.name, three.ours.read(key.path)?, read(key.path)?)?;
    }
    Ok(())
}

pub(super) fn several_keys_are_set_at_once_or_not_at_all() -> Outcome {
    let mut three = Three::send(&[("vm.mmap_min_addr", "1048576")])?;
    for bad in [
        "vm.swappiness=1",
        "kernel.dmesg_restrict=2",
        "vm.overcommit_memory=3",
    ] {
        let (name, value) = bad.split_once('=').unwrap_or((bad, ""));
        let pairs = [
            ("vm.mmap_min_addr", "2097152"),
            ("thp_enabled", "never"),
            (name, value),
        ];
        let answer = ask("set", &three.ns, &pairs)?;
        expect(!answer.is_ok(), format!("{bad} was taken"), "a refusal")?;
        expect_eq(
            "the floor",
            three.ours.read(MMAP_MIN_ADDR)?.as_str(),
            "1048576",
        )?;
        expect_eq(
            "thp_enabled",
            shown(&three.ns, "thp_enabled")?.1.as_str(),
            "host",
        )?;
    }
    Ok(())
}

pub(super) fn a_key_that_is_not_served_is_refused_with_its_reason() -> Outcome {
    let three = Three::send(&[("thp_enabled", "never")])?;
    for (name, reason) in [
        ("vm.swappiness", "cgroup v2 has one for all groups"),
        ("vm.dirty_ratio", "writeback is throttled for the machine"),
        ("kernel.core_pattern", "the helper runs as the host's root"),
        ("kernel.msgmax", "the kernel keeps it per namespace"),
        ("kernel.pid_max", "the kernel keeps it per pid namespace"),
        ("net.ipv4.ip_forward", "the kernel keeps it per namespace"),
        ("vm.no_such_key", "unknown key"),
    ] {
        let answer = ask("set", &three.ns, &[(name, "1")])?;
        expect_contains(name, &answer.head, reason)?;
        expect_contains(name, &answer.head, &format!("key={name}"))?;
    }
    Ok(())
}

pub(super) fn what_is_laxer_than_the_host_is_refused_where_none_may_be() -> Outcome {
    let _log = Setting::put(DMESG_RESTRICT, "1")?;
    let _floor = Setting::put(MMAP_MIN_ADDR, STOCK_FLOOR)?;
    let mut three = Three::send(&[
        ("vm.mmap_min_addr", "1048576"),
        ("vm.mmap_min_addr.inside", "rw"),
        ("kernel.dmesg_restrict", "1"),
        ("kernel.dmesg_restrict.inside", "rw"),
    ])?;
    for (name, path, value) in [
        ("vm.mmap_min_addr", MMAP_MIN_ADDR, "0"),
        ("vm.mmap_min_addr", MMAP_MIN_ADDR, "65535"),
        ("kernel.dmesg_restrict", DMESG_RESTRICT, "0"),
    ] {
        let answer = ask("set", &three.ns, &[(name, value)])?;
        expect_contains(name, &answer.head, "error EPERM")?;
        expect_contains(name, &answer.head, "it protects the kernel that all share")?;
        let refused = three.ours.write(path, value)?;
        expect_eq(name, refused.as_deref(), Some("EPERM"))?;
    }
    // As strict as the host is strict enough.
    let refused = three.ours.write(MMAP_MIN_ADDR, &read(MMAP_MIN_ADDR)?)?;
    expect_eq("the host's own value", refused, None)
}

pub(super) fn a_host_that_turns_stricter_is_followed() -> Outcome {
    let mut three = Three::send(&[("vm.mmap_min_addr", "1048576")])?;
    {
        let _host = Setting::put(MMAP_MIN_ADDR, "2097152")?;
        expect_eq(
            "the floor",
            three.ours.read(MMAP_MIN_ADDR)?.as_str(),
            "2097152",
        )?;
        expect_eq(
            "what is shown",
            shown(&three.ns, "vm.mmap_min_addr")?.0.as_str(),
            "2097152",
        )?;
    }
    expect_eq(
        "the floor",
        three.ours.read(MMAP_MIN_ADDR)?.as_str(),
        "1048576",
    )
}

/// Returns what happened to a key of a namespace so often.
fn audited(ns: &str, key: &str, event: &str) -> Result<String> {
    let row = row("stat", ns, ns)?;
    Ok(row.word(&format!("{key}.{event}")).to_owned())
}

pub(super) fn refused_writes_are_counted_by_key_and_logged_once_per_burst() -> Outcome {
    let mut three = Three::send(&[
        ("vm.mmap_min_addr", "1048576"),
        ("vm.overcommit_ratio", "50"),
        ("vm.overcommit_ratio.inside", "rw"),
        ("vm.overcommit_ratio.max", "60"),
    ])?;
    let log = KernelLog::from_now()?;
    for _ in 0..20 {
        let refused = three.ours.write(MMAP_MIN_ADDR, "2097152")?;
        expect_eq("a write", refused.as_deref(), Some("EPERM"))?;
    }
    const RATIO: &str = "/proc/sys/vm/overcommit_ratio";
    let beyond = three.ours.write(RATIO, "61")?;
    expect_eq("beyond its bound", beyond.as_deref(), Some("EPERM"))?;
    let invalid = three.ours.write(RATIO, "x")?;
    expect_eq("no number", invalid.as_deref(), Some("EINVAL"))?;
    expect_eq("within its bound", three.ours.write(RATIO, "60")?, None)?;
    for (key, event, count) in [
        ("vm.mmap_min_addr", "denied", "20"),
        ("vm.overcommit_ratio", "denied", "1"),
        ("vm.overcommit_ratio", "invalid", "1"),
        ("vm.overcommit_ratio", "written", "1"),
    ] {
        let what = format!("{key}.{event}");
        expect_eq(&what, audited(&three.ns, key, event)?.as_str(), count)?;
    }
    let lines: Vec<String> = log.lines()?;
    let refusals: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("was refused"))
        .collect();
    // A line a second, and a slow machine may take a few for so many writes.
    let seen = format!("{} lines for 21 refusals: {refusals:?}", refusals.len());
    expect(
        (1..=7).contains(&refusals.len()),
        seen,
        "one for each second",
    )?;
    let first = refusals.first().map_or("", |line| line.as_str());
    for part in [
        "vkernel: ns:",
        " pid ",
        "(exe)",
        "vm.mmap_min_addr",
        "it is read-only inside",
    ] {
        expect_contains("the line", first, part)?;
    }
    Ok(())
}

pub(super) fn root_of_a_user_namespace_writes_where_the_host_said_so() -> Outcome {
    let permission = row("features", "", "permission")?;
    if permission.word("state") != "served" {
        let why = permission.word("reason");
        return skip(format!(
            "sysctl_perm() of this kernel cannot be hooked: {why}"
        ));
    }
    let mut scout = Scout::send()?;
    // A user of the host's that is nobody: as root it would be the host's root to the file's mode.
    scout.does(&Order::Become(100_000))?;
    let space = [crate::calls::Space::Pid, crate::calls::Space::User];
    scout.does(&Order::Clone3(space.to_vec()))?;
    let ns = target(scout.namespace()?);
    set(
        &ns,
        &[("vm.overcommit_ratio", "50"), ("vm.overcommit_memory", "1")],
    )?;
    const RATIO: &str = "/proc/sys/vm/overcommit_ratio";
    const MODE: &str = "/proc/sys/vm/overcommit_memory";
    let host = read(RATIO)?;
    expect_eq(
        "without leave",
        scout.write(RATIO, "51")?.as_deref(),
        Some("EACCES"),
    )?;
    set(&ns, &[("vm.overcommit_ratio.inside", "rw")])?;
    expect_eq("with leave", scout.write(RATIO, "51")?, None)?;
    expect_eq("the ratio", scout.read(RATIO)?.as_str(), "51")?;
    expect_eq(
        "another key",
        scout.write(MODE, "0")?.as_deref(),
        Some("EACCES"),
    )?;
    scout.does(&Order::DropAll)?;
    let refused = scout.write(RATIO, "52")?;
    expect_eq("without a capability", refused.as_deref(), Some("EACCES"))?;
    expect_eq("the host's ratio", read(RATIO)?, host)
}

pub(super) fn hooks_are_in_while_a_key_needs_them() -> Outcome {
    let loaded = crate::loaded::Loaded::with(&["linger_s=1"])?;
    let result = armed_by_need();
    drop(loaded);
    crate::module::load(&[])?;
    result
}

fn armed_by_need() -> Outcome {
    let three = Three::send(&[("vm.overcommit_memory", "1")])?;
    for feature in ["parameters", "permission", "protection", "min-addr", "log"] {
        let is_in = is_armed(feature)?;
        expect(!is_in, format!("{feature} is in"), "it not needed")?;
    }
    set(&three.ns, &[("vm.mmap_min_addr", "1048576")])?;
    for (feature, needed) in [("parameters", true), ("min-addr", true), ("log", false)] {
        expect_eq(feature, is_armed(feature)?, needed)?;
    }
    unset(&three.ns)?;
    let limit = std::time::Duration::from_secs(60);
    let is_out =
        || -> Result<bool, Problem> { Ok(!is_armed("parameters")? && !is_armed("min-addr")?) };
    let gone = crate::container::wait_until(limit, || is_out().unwrap_or(false));
    expect(gone, "the hooks are in", "them out")
}

pub(super) fn sixteen_readers_and_writers_in_each_of_four_containers_see_whole_values() -> Outcome {
    readers_and_writers_see_whole_values(10)
}

/// Sixteen in each of four containers, for so many seconds.
pub(crate) fn readers_and_writers_see_whole_values(seconds: u64) -> Outcome {
    let host = read(HAMMERED)?;
    let mut scouts = Vec::new();
    for _ in 0..4 {
        let scout = Scout::send_into_new_namespace()?;
        let pairs = [
            ("fs.pipe-user-pages-hard", VALUES[0]),
            ("fs.pipe-user-pages-hard.inside", "rw"),
        ];
        set(&target(scout.namespace()?), &pairs)?;
        scouts.push(scout);
    }
    let order = Order::Ask(Ask::Hammer(seconds));
    let reports: Vec<Result<String>> = std::thread::scope(|scope| {
        let runs: Vec<_> = scouts
            .iter_mut()
            .map(|scout| scope.spawn(|| scout.does(&order)))
            .collect();
        let joined = runs.into_iter().map(|run| run.join());
        joined
            .map(|report| report.unwrap_or_else(|_| anyhow::bail!("a thread panicked")))
            .collect()
    });
    for report in reports {
        report?;
    }
    expect_eq("the host's", read(HAMMERED)?, host)
}

pub(super) fn sysctl_a_works_inside_and_shows_the_private_values() -> Outcome {
    let container = Container::start(Runtime::Crun, "all", &["sleep", "10000"])?;
    let pairs: Vec<_> = KEYS.iter().map(|key| (key.name, key.values[0])).collect();
    let _log = Setting::put(DMESG_RESTRICT, "0")?;
    // Some files are for root with more capabilities, which it says: with a policy as before it.
    let before = container.exec(&["sysctl", "-a"])?;
    container.set(&pairs)?;
    let all = container.exec(&["sysctl", "-a"])?;
    expect_eq("the exit status", all.status, before.status)?;
    expect_eq("what it could not read", &all.stderr, &before.stderr)?;
    for key in KEYS {
        let line = format!("{} = {}", key.name, key.values[0]);
        let found = all.stdout.lines().any(|its| its == line);
        expect(found, format!("no line {line:?}"), "one")?;
    }
    let lines = all.stdout.lines().count();
    expect(lines > 300, format!("{lines} lines"), "hundreds")
}
