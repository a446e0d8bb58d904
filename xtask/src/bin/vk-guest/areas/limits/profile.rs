//! Profiles, applied as a whole by vkctl.

use std::fs;

use anyhow::{ensure, Result};
use serde_json::{json, Value};

use crate::container::{Container, Runtime};
use crate::problem::{expect, expect_contains, expect_eq, Outcome};
use crate::program::{self, Output};
use crate::setting::read;
use crate::values::Values;

/// The sample of the original notes, completed to valid JSON.
fn sample() -> Value {
    json!({
        "fs": { "file-max": 9688404, "nr_open": 1048576 },
        "kernel": { "msgmax": 8192, "msgmnb": 16384, "msgmni": 32000, "msg_next_id": -1 },
        "net": { "nf_conntrack_max": 39316, "core.busy_poll": 1 },
        "vm": { "max_map_count": 65530, "mmap_min_addr": 65536 },
    })
}

fn apply(container: &Container, profile: &Value) -> Result<Output> {
    let path = "/run/vk-profile.json";
    fs::write(path, profile.to_string())?;
    let target = format!("pid:{}", container.pid());
    program::run(&["/vk/vkctl", "set", &target, "--profile", path])
}

/// Reads files inside, which have a line each, by one program.
fn inside<S: AsRef<str>>(container: &Container, paths: &[S]) -> Result<Vec<String>> {
    let words: Vec<_> = std::iter::once("cat")
        .chain(paths.iter().map(AsRef::as_ref))
        .collect();
    let lines: Vec<_> = container
        .output(&words)?
        .lines()
        .map(str::to_owned)
        .collect();
    ensure!(
        lines.len() == paths.len(),
        "{lines:?} in {} files",
        paths.len()
    );
    Ok(lines)
}

const MSGMAX: &str = "/proc/sys/kernel/msgmax";
const MSGMNB: &str = "/proc/sys/kernel/msgmnb";

pub(super) fn the_sample_profile_names_all_that_cannot_be_set() -> Outcome {
    let container = Container::start(Runtime::Crun, "sample", &["sleep", "10000"])?;
    let mut profile = sample();
    profile["kernel"]["msgmax"] = json!(4096);
    let refused = apply(&container, &profile)?;
    expect_eq("the exit code", refused.status, 1)?;
    for part in [
        "fs.file-max: 9688404 is laxer than the host's ",
        "net.nf_conntrack_max: entries are counted per net namespace",
        "net.core.busy_poll: poll, select, epoll",
    ] {
        expect_contains("the answer", &refused.stderr, part)?;
    }
    // Nothing was set, by the module or by the kernel.
    expect_eq("msgmax", container.read(MSGMAX)?, read(MSGMAX)?)?;
    let shown = program::output(&["/vk/vkctl", "show", &format!("pid:{}", container.pid())])?;
    expect(!shown.contains("own"), shown, "no value of its own")
}

pub(super) fn the_sample_profile_is_applied_but_for_what_cannot_be_set() -> Outcome {
    let host = Values::read();
    let native = [
        MSGMAX,
        MSGMNB,
        "/proc/sys/kernel/pid_max",
        "/proc/sys/kernel/hostname",
    ];
    let before = native.map(|path| read(path).unwrap_or_default());
    let container = Container::start(Runtime::Crun, "sample", &["sleep", "10000"])?;
    let mut profile = sample();
    profile["unsupported"] = json!("skip");
    for (key, value) in [
        ("msgmax", json!(4096)),
        ("msgmnb", json!(8192)),
        ("pid_max", json!(20000)),
        ("hostname", json!("sampled")),
        ("sem", json!([100, 16000, 50, 64])),
        ("shmmni", json!(100)),
    ] {
        profile["kernel"][key] = value;
    }
    profile["fs"]["mqueue.msg_max"] = json!(20);
    profile["net"]["ipv4.ip_unprivileged_port_start"] = json!(80);
    profile["vm"]["max_map_count"] = json!(262_144);
    let applied = apply(&container, &profile)?;
    expect(
        applied.status == 0,
        format!("status {}: {}", applied.status, applied.stderr),
        "0",
    )?;
    for part in [
        "net.core.busy_poll: ",
        "net.nf_conntrack_max: ",
        "fs.file-max: 9688404 is laxer",
    ] {
        expect_contains("what was skipped", &applied.stderr, part)?;
    }
    let expected = [
        ("fs/nr_open", "1048576"),
        ("kernel/msgmax", "4096"),
        ("kernel/msgmnb", "8192"),
        ("kernel/msgmni", "32000"),
        ("kernel/pid_max", "20000"),
        ("kernel/hostname", "sampled"),
        ("kernel/sem", "100\t16000\t50\t64"),
        ("kernel/shmmni", "100"),
        ("fs/mqueue/msg_max", "20"),
        ("net/ipv4/ip_unprivileged_port_start", "80"),
        ("vm/max_map_count", "262144"),
        ("vm/mmap_min_addr", "65536"),
    ];
    let paths = expected.map(|(path, _)| format!("/proc/sys/{path}"));
    for ((path, value), seen) in expected.into_iter().zip(inside(&container, &paths)?) {
        expect_eq(path, seen.as_str(), value)?;
    }
    let after = native.map(|path| read(path).unwrap_or_default());
    expect_eq("the host's", after, before)?;
    let changes = host.changes(&Values::read(), &[]);
    expect(changes.is_empty(), changes.join(", "), "the host's values")
}

pub(super) fn a_profile_of_which_the_kernel_refuses_a_part_changes_nothing() -> Outcome {
    let container = Container::start(Runtime::Crun, "refused", &["sleep", "10000"])?;
    const FILES: [&str; 3] = [MSGMAX, MSGMNB, "/proc/sys/vm/max_map_count"];
    let before = inside(&container, &FILES)?;
    expect_eq("vm.max_map_count", &before[2], &read(FILES[2])?)?;
    for bad in [
        json!({ "kernel": { "msgmax": 4096, "msgmnb": 8192, "msgmni": 40000 } }),
        json!({ "kernel": { "msgmax": 4096 }, "vm": { "max_map_count": 1000, "mmap_min_addr": 0 } }),
    ] {
        let refused = apply(&container, &bad)?;
        expect_eq("the exit code", refused.status, 1)?;
        expect_eq("inside", &inside(&container, &FILES)?, &before)?;
    }
    Ok(())
}
