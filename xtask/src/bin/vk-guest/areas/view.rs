//! What a container reads about memory is what is enforced on it.

use anyhow::Result;

use crate::actor;
use crate::area::{checks, Area, Module};
use crate::container::{Container, Runtime};
use crate::meminfo;
use crate::nested::Nested;
use crate::oci::Spec;
use crate::pairs::Pairs;
use crate::problem::{expect, expect_contains, expect_eq, Outcome};
use crate::setting::{read, Setting, OVERCOMMIT, THP, THP_2M};

/// The area.
pub(crate) const AREA: Area = Area {
    name: "view",
    module: Module::Loaded,
    checks: checks![
        meminfo_has_the_containers_commit_limit,
        meminfo_has_what_the_container_has_committed,
        meminfo_of_the_host_stays_the_hosts,
        the_thp_file_has_the_containers_word_in_brackets,
        the_thp_file_of_the_host_has_the_hosts,
        the_thp_file_is_not_writable_from_inside,
        a_nested_namespace_reads_what_the_outer_one_reads,
        a_container_without_a_policy_reads_what_the_host_reads,
    ],
};

const MEMINFO: &str = "/proc/meminfo";

const LIMITED: Pairs<'static> = &[
    ("vm.overcommit_memory", "2"),
    ("vm.overcommit_kbytes", "98304"),
    ("thp_enabled", "never"),
];

fn limited() -> Result<Container> {
    let container = Container::start(Runtime::Crun, "limited", &["sleep", "10000"])?;
    container.set(LIMITED)?;
    Ok(container)
}

fn meminfo_has_the_containers_commit_limit() -> Outcome {
    let limit = meminfo::kb(&limited()?.read(MEMINFO)?, "CommitLimit")?;
    expect_eq("CommitLimit", limit, 98304)
}

fn meminfo_has_what_the_container_has_committed() -> Outcome {
    let container = limited()?;
    let committed = |container: &Container| -> Result<u64> {
        meminfo::kb(&container.read(MEMINFO)?, "Committed_AS")
    };
    let before = committed(&container)?;
    expect(
        before < 98304,
        format!("{before} kB"),
        "less than the limit",
    )?;
    let _others = actor::held(&["map", "64", "touch", "hold"])?;
    let still = committed(&container)?;
    let seen = format!("Committed_AS {before} -> {still} kB when the host maps");
    expect(still.abs_diff(before) < 32 << 10, seen, "no such growth")?;
    let holder = "/vk/vk-guest act map 48 touch hold >/dev/null 2>&1 & sleep 1";
    container.output(&["sh", "-c", holder])?;
    let after = committed(&container)?;
    let seen = format!("Committed_AS {before} -> {after} kB");
    expect(after >= before + (48 << 10), seen, "at least 48 MiB more")
}

fn meminfo_of_the_host_stays_the_hosts() -> Outcome {
    let before = meminfo::kb(&read(MEMINFO)?, "CommitLimit")?;
    let _container = limited()?;
    expect_eq(
        "CommitLimit",
        meminfo::kb(&read(MEMINFO)?, "CommitLimit")?,
        before,
    )
}

fn the_thp_file_has_the_containers_word_in_brackets() -> Outcome {
    let container = limited()?;
    for (word, text, of_size) in [
        (
            "never",
            "always madvise [never]",
            "always inherit madvise [never]",
        ),
        (
            "madvise",
            "always [madvise] never",
            "always inherit [madvise] never",
        ),
        (
            "always",
            "[always] madvise never",
            "[always] inherit madvise never",
        ),
    ] {
        container.set(&[("thp_enabled", word)])?;
        expect_eq("the file inside", container.read(THP)?.as_str(), text)?;
        expect_eq("that of 2 MiB", container.read(THP_2M)?.as_str(), of_size)?;
    }
    Ok(())
}

fn the_thp_file_of_the_host_has_the_hosts() -> Outcome {
    let _container = limited()?;
    let _host = Setting::put(THP, "always")?;
    expect_eq(
        "the host's file",
        read(THP)?.as_str(),
        "[always] madvise never",
    )
}

fn the_thp_file_is_not_writable_from_inside() -> Outcome {
    let host = [read(THP)?, read(THP_2M)?];
    // The runtime mounts /sys read-only; a process with the right to may mount its own.
    let spec = Spec::new("limited", &["sleep", "10000"]).capability("CAP_SYS_ADMIN");
    let container = Container::create(Runtime::Crun, spec)?;
    container.set(LIMITED)?;
    container.begin()?;
    container.output(&["mkdir", "/tmp/sys"])?;
    container.output(&["mount", "-t", "sysfs", "sysfs", "/tmp/sys"])?;
    for path in [THP, THP_2M] {
        let its = path.replace("/sys/", "/tmp/sys/");
        let output = container.exec(&["sh", "-c", &format!("echo always | tee {its}")])?;
        expect(output.status != 0, "the write succeeded", "a refusal")?;
        expect_contains("the refusal", &output.stderr, "not permitted")?;
    }
    expect_eq("the host's words", [read(THP)?, read(THP_2M)?], host)?;
    expect_eq(
        "the word inside",
        container.read(THP)?.as_str(),
        "always madvise [never]",
    )
}

fn a_nested_namespace_reads_what_the_outer_one_reads() -> Outcome {
    let nested = Nested::start("nested")?;
    nested.outer.set(LIMITED)?;
    for path in [OVERCOMMIT, THP] {
        expect_eq(path, nested.read(path)?, nested.outer.read(path)?)?;
    }
    expect_eq("the mode", nested.read(OVERCOMMIT)?.as_str(), "2")?;
    let limit = meminfo::kb(&nested.read(MEMINFO)?, "CommitLimit")?;
    expect_eq("CommitLimit", limit, 98304)?;
    let reading = nested.act(&["map", "200"])?;
    expect_eq("its mapping", reading.word("map"), Some("ENOMEM"))
}

fn a_container_without_a_policy_reads_what_the_host_reads() -> Outcome {
    let _armed = limited()?;
    let plain = Container::start(Runtime::Runc, "plain", &["sleep", "10000"])?;
    for path in [OVERCOMMIT, THP] {
        expect_eq(path, plain.read(path)?, read(path)?)?;
    }
    let inside = meminfo::kb(&plain.read(MEMINFO)?, "CommitLimit")?;
    let host = meminfo::kb(&read(MEMINFO)?, "CommitLimit")?;
    expect_eq("CommitLimit", inside, host)?;
    let reading = actor::inside(&plain, &["map", "200"])?;
    expect_eq("its mapping", reading.word("map"), Some("ok"))
}
