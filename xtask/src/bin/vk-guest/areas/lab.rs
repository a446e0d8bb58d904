//! The lab itself: the checks of the other areas stand on what these prove.

use std::fs;
use std::time::Duration;

use anyhow::Context;

use crate::actor::{self, Reading};
use crate::area::{checks, Area, Module};
use crate::container::{Container, Runtime};
use crate::dmesg::KernelLog;
use crate::oci::Spec;
use crate::problem::{expect, expect_contains, expect_eq, skip, Outcome};
use crate::{namespace, program};

/// The area.
pub(crate) const AREA: Area = Area {
    name: "lab",
    module: Module::Out,
    checks: checks![
        reads_the_kernel_log_from_a_mark,
        crun_containers_have_their_own_pid_namespace,
        runc_containers_have_their_own_pid_namespace,
        containers_have_their_own_memory_cgroup,
        a_created_container_has_not_begun,
        a_stopped_container_leaves_nothing,
        redis_serves_in_a_container,
        namespaces_have_numbers_of_their_own,
        a_container_reads_what_the_host_reads,
        an_actor_in_a_container_maps_and_holds,
    ],
};

const START_LIMIT: Duration = Duration::from_secs(60);

fn reads_the_kernel_log_from_a_mark() -> Outcome {
    fs::write("/dev/kmsg", "vk-guest: before the mark\n")?;
    let log = KernelLog::from_now()?;
    fs::write("/dev/kmsg", "vk-guest: behind the mark\n")?;
    let lines = log.lines()?.join("\n");
    expect_contains("the log", &lines, "behind the mark")?;
    expect(!lines.contains("before the mark"), lines, "nothing older")
}

fn crun_containers_have_their_own_pid_namespace() -> Outcome {
    has_its_own_pid_namespace(Runtime::Crun)
}

fn runc_containers_have_their_own_pid_namespace() -> Outcome {
    has_its_own_pid_namespace(Runtime::Runc)
}

fn has_its_own_pid_namespace(runtime: Runtime) -> Outcome {
    let container = Container::start(runtime, "sleeper", &["sleep", "1000"])?;
    let status = fs::read_to_string(format!("/proc/{}/status", container.pid()))?;
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let numbers = numbers.unwrap_or_default().split_whitespace();
    let inner: Vec<&str> = numbers.skip(1).collect();
    expect_eq("its pid inside", inner, vec!["1"])?;
    let first = container.output(&["cat", "/proc/1/comm"])?;
    expect_eq("process 1 inside", first.as_str(), "sleep")
}

fn containers_have_their_own_memory_cgroup() -> Outcome {
    for runtime in [Runtime::Crun, Runtime::Runc] {
        let spec = Spec::new("limited", &["sleep", "1000"]).memory_max(64 << 20);
        let container = Container::create(runtime, spec)?;
        let limit = fs::read_to_string(container.cgroup_dir().join("memory.max"))
            .context("no memory.max in the container's cgroup")?;
        expect_eq("memory.max", limit.trim(), "67108864")?;
        let member = fs::read_to_string(format!("/proc/{}/cgroup", container.pid()))?;
        expect_eq("its cgroup", member.trim(), "0::/vk/limited")?;
        container.stop()?;
    }
    Ok(())
}

fn a_created_container_has_not_begun() -> Outcome {
    let spec = Spec::new("waiting", &["sleep", "1000"]);
    let container = Container::create(Runtime::Crun, spec)?;
    let program = || fs::read_link(format!("/proc/{}/exe", container.pid()));
    let before = program()?.display().to_string();
    expect(
        !before.contains("sleep"),
        before,
        "the runtime's own program",
    )?;
    container.begin()?;
    let begun = crate::container::wait_until(START_LIMIT, || {
        program().is_ok_and(|path| path.display().to_string().contains("sleep"))
    });
    expect(begun, program()?.display(), "sleep")
}

fn a_stopped_container_leaves_nothing() -> Outcome {
    let container = Container::start(Runtime::Crun, "gone", &["sleep", "1000"])?;
    let (pid, cgroup) = (container.pid(), container.cgroup_dir());
    container.stop()?;
    let process = format!("/proc/{pid}");
    expect(fs::metadata(&process).is_err(), process, "no such process")?;
    expect(!cgroup.exists(), cgroup.display(), "no such cgroup")?;
    let list = program::output(&["crun", "list", "--quiet"])?;
    expect_eq("crun's list", list.as_str(), "")
}

fn redis_serves_in_a_container() -> Outcome {
    let server = [
        "redis-server",
        "--port",
        "0",
        "--unixsocket",
        "/run/redis.sock",
    ];
    let container = Container::start(Runtime::Crun, "redis", &server)?;
    container.wait_for_log("Ready to accept connections", START_LIMIT)?;
    let client = ["redis-cli", "-s", "/run/redis.sock"];
    let set = container.output(&[&client[..], &["set", "key", "value"]].concat())?;
    expect_eq("the answer to SET", set.as_str(), "OK")?;
    let get = container.output(&[&client[..], &["get", "key"]].concat())?;
    expect_eq("the answer to GET", get.as_str(), "value")
}

fn namespaces_have_numbers_of_their_own() -> Outcome {
    let Ok(host) = namespace::id_of(1) else {
        return skip("this kernel gives name spaces no numbers (before 6.18)");
    };
    let first = Container::start(Runtime::Crun, "first", &["sleep", "1000"])?;
    let second = Container::start(Runtime::Runc, "second", &["sleep", "1000"])?;
    let mut numbers = vec![host, first.namespace()?, second.namespace()?];
    numbers.dedup();
    expect(numbers.len() == 3, format!("{numbers:?}"), "three numbers")
}

fn a_container_reads_what_the_host_reads() -> Outcome {
    let container = Container::start(Runtime::Crun, "reader", &["sleep", "1000"])?;
    for file in [
        "/proc/sys/vm/overcommit_memory",
        "/sys/kernel/mm/transparent_hugepage/enabled",
    ] {
        let host = fs::read_to_string(file)?;
        expect_eq(file, container.read(file)?.as_str(), host.trim())?;
    }
    Ok(())
}

fn an_actor_in_a_container_maps_and_holds() -> Outcome {
    let words = [
        "/vk/vk-guest",
        "act",
        "map",
        "16",
        "nohuge",
        "touch",
        "hold",
    ];
    let container = Container::start(Runtime::Crun, "actor", &words)?;
    container.wait_for_log("eligible", START_LIMIT)?;
    let log = container.log()?;
    let reading = Reading::parse(&log);
    expect_eq("the mapping", reading.word("map"), Some("ok"))?;
    expect_eq("AnonHugePages", reading.number("anon_huge_kb")?, 0)?;
    let spec = Spec::new("small", &actor::command(&["map", "64", "touch"]));
    let small = Container::create(
        Runtime::Crun,
        spec.memory_max(16 << 20).capability("CAP_SYS_PTRACE"),
    )?;
    small.begin()?;
    small.wait(START_LIMIT)?;
    expect(
        !small.log()?.contains("eligible"),
        small.log()?,
        "its end at its memory limit",
    )
}
