//! Kernel parameters: a container reads and is governed by its own, the host keeps its own.

use anyhow::Result;

use crate::actor;
use crate::area::{checks, Area, Module};
use crate::container::{Container, Runtime};
use crate::problem::{expect, expect_eq, Outcome};
use crate::program;
use crate::setting::{read, Setting, OVERCOMMIT};

/// The area.
pub(crate) const AREA: Area = Area {
    name: "sysctl",
    module: Module::Loaded,
    checks: checks![
        each_container_reads_its_own,
        the_host_keeps_its_own,
        a_change_of_the_hosts_is_not_seen_inside,
        a_container_without_a_policy_reads_the_hosts,
        a_write_from_inside_is_refused,
        a_write_from_inside_is_taken_where_it_is_allowed,
        a_write_beyond_the_bounds_is_refused,
        a_malformed_write_is_refused_as_by_the_kernel,
        reads_in_pieces_give_what_the_kernel_gives,
        unset_brings_the_hosts_back,
        the_sysctl_command_works_inside,
    ],
};

const RATIO: &str = "/proc/sys/vm/overcommit_ratio";
const KBYTES: &str = "/proc/sys/vm/overcommit_kbytes";

fn contained(name: &str, mode: &str) -> Result<Container> {
    let container = Container::start(Runtime::Crun, name, &["sleep", "10000"])?;
    container.set(&[("vm.overcommit_memory", mode)])?;
    Ok(container)
}

fn each_container_reads_its_own() -> Outcome {
    let one = contained("one", "1")?;
    let two = contained("two", "2")?;
    two.set(&[("vm.overcommit_ratio", "37")])?;
    expect_eq("one's mode", one.read(OVERCOMMIT)?.as_str(), "1")?;
    one.set(&[("vm.overcommit_kbytes", "98304")])?;
    expect_eq("one's kbytes", one.read(KBYTES)?.as_str(), "98304")?;
    expect_eq("two's mode", two.read(OVERCOMMIT)?.as_str(), "2")?;
    expect_eq("two's ratio", two.read(RATIO)?.as_str(), "37")
}

fn the_host_keeps_its_own() -> Outcome {
    let before = [read(OVERCOMMIT)?, read(RATIO)?, read(KBYTES)?];
    let container = contained("own", "2")?;
    container.set(&[("vm.overcommit_ratio", "11")])?;
    let after = [read(OVERCOMMIT)?, read(RATIO)?, read(KBYTES)?];
    expect_eq("the host's values", after, before)
}

fn a_change_of_the_hosts_is_not_seen_inside() -> Outcome {
    let container = contained("own", "1")?;
    let _host = Setting::put(OVERCOMMIT, "2")?;
    expect_eq("the mode inside", container.read(OVERCOMMIT)?.as_str(), "1")?;
    expect_eq("the host's", read(OVERCOMMIT)?.as_str(), "2")
}

fn a_container_without_a_policy_reads_the_hosts() -> Outcome {
    let _armed = contained("own", "1")?;
    let plain = Container::start(Runtime::Runc, "plain", &["sleep", "10000"])?;
    let _host = Setting::put(RATIO, "61")?;
    expect_eq("the ratio inside", plain.read(RATIO)?.as_str(), "61")
}

/// Writes inside; returns `ok` or the name of the error.
fn write(container: &Container, value: &str) -> Result<String> {
    let reading = actor::inside(container, &["write", OVERCOMMIT, value])?;
    Ok(reading.word("write").unwrap_or("nothing").to_owned())
}

fn a_write_from_inside_is_refused() -> Outcome {
    let container = contained("own", "1")?;
    expect_eq("a write", write(&container, "0")?.as_str(), "EPERM")?;
    expect_eq("the mode inside", container.read(OVERCOMMIT)?.as_str(), "1")
}

fn a_write_from_inside_is_taken_where_it_is_allowed() -> Outcome {
    let host = read(OVERCOMMIT)?;
    let container = contained("own", "1")?;
    container.set(&[("vm.overcommit_memory.inside", "rw")])?;
    expect_eq("a write", write(&container, "2\n")?.as_str(), "ok")?;
    expect_eq("the mode inside", container.read(OVERCOMMIT)?.as_str(), "2")?;
    expect_eq("the host's", read(OVERCOMMIT)?, host)
}

fn a_write_beyond_the_bounds_is_refused() -> Outcome {
    let container = contained("own", "1")?;
    container.set(&[
        ("vm.overcommit_memory.inside", "rw"),
        ("vm.overcommit_memory.max", "1"),
    ])?;
    let result = write(&container, "2")?;
    expect(result != "ok", "the write succeeded", "a refusal")?;
    expect_eq("the mode inside", container.read(OVERCOMMIT)?.as_str(), "1")
}

fn a_malformed_write_is_refused_as_by_the_kernel() -> Outcome {
    let container = contained("own", "1")?;
    container.set(&[("vm.overcommit_memory.inside", "rw")])?;
    for value in ["x", "3", "-1", "99999999999", "1x"] {
        let host = actor::on_host(&["write", OVERCOMMIT, value])?;
        let host = host.word("write").unwrap_or("nothing").to_owned();
        expect(host != "ok", format!("the host takes {value}"), "an error")?;
        expect_eq(value, write(&container, value)?, host)?;
    }
    expect_eq("the mode inside", container.read(OVERCOMMIT)?.as_str(), "1")
}

fn reads_in_pieces_give_what_the_kernel_gives() -> Outcome {
    let container = contained("own", "2")?;
    container.set(&[("vm.overcommit_ratio", "123")])?;
    for bytes in ["bs=1", "bs=2", "bs=3", "bs=4"] {
        let words = ["dd", &format!("if={RATIO}"), bytes, "status=none"];
        let kernels = {
            let _host = Setting::put(RATIO, "123")?;
            program::output(&words)?
        };
        expect_eq(bytes, container.output(&words)?, kernels)?;
    }
    Ok(())
}

fn unset_brings_the_hosts_back() -> Outcome {
    let host = read(OVERCOMMIT)?;
    let container = contained("own", "1")?;
    expect_eq("the mode inside", container.read(OVERCOMMIT)?.as_str(), "1")?;
    container.unset()?;
    expect_eq("the mode inside", container.read(OVERCOMMIT)?, host)
}

fn the_sysctl_command_works_inside() -> Outcome {
    let container = contained("own", "1")?;
    let words = ["sysctl", "-n", "vm.overcommit_memory"];
    expect_eq("sysctl -n", container.output(&words)?.as_str(), "1")
}
