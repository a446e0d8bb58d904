//! `protect_host=1`.

use super::common::{DMESG_RESTRICT, KEYS};
use crate::dmesg::KernelLog;
use crate::loaded::Loaded;
use crate::policy::{set, target};
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::Scout;
use crate::setting::{read, THP, THP_2M};
use crate::values::Values;

const THP_64K: &str = "/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled";
const DEFRAG: &str = "/sys/kernel/mm/transparent_hugepage/defrag";
const KHUGEPAGED_DEFRAG: &str = "/sys/kernel/mm/transparent_hugepage/khugepaged/defrag";

/// Files of huge pages, three of which no policy answers for.
const THP_FILES: [(&str, &str); 8] = [
    (THP, "never"),
    (THP_2M, "never"),
    // Of another size, of which no container has its own.
    (THP_64K, "never"),
    (DEFRAG, "never"),
    ("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "never"),
    (
        "/sys/kernel/mm/transparent_hugepage/hugepages-64kB/shmem_enabled",
        "never",
    ),
    (KHUGEPAGED_DEFRAG, "0"),
    ("/sys/kernel/mm/transparent_hugepage/use_zero_page", "0"),
];

pub(super) fn protect_host_refuses_writes_to_the_hosts_values() -> Outcome {
    let unprotected = writes_pass_by_default();
    let loaded = Loaded::with(&["protect_host=1"])?;
    let protected = writes_are_refused();
    drop(loaded);
    crate::module::load(&[])?;
    unprotected.and(protected)
}

fn writes_pass_by_default() -> Outcome {
    let mut scout = Scout::send_into_new_namespace()?;
    for (path, _) in THP_FILES {
        let own = crate::setting::chosen(&read(path)?).to_owned();
        expect_eq(path, scout.write(path, &own)?, None)?;
    }
    for key in KEYS {
        expect_eq(key.path, scout.write(key.path, &read(key.path)?)?, None)?;
    }
    Ok(())
}

fn writes_are_refused() -> Outcome {
    let host = Values::read();
    let mut scout = Scout::send_into_new_namespace()?;
    let log = KernelLog::from_now()?;
    for (path, value) in THP_FILES {
        let refused = scout.write(path, value)?;
        expect_eq(path, refused.as_deref(), Some("EPERM"))?;
    }
    for path in KEYS.iter().map(|key| key.path).chain([
        "/proc/sys/vm/overcommit_memory",
        "/proc/sys/vm/overcommit_ratio",
        "/proc/sys/vm/overcommit_kbytes",
    ]) {
        let refused = scout.write(path, &read(path)?)?;
        expect_eq(path, refused.as_deref(), Some("EPERM"))?;
    }
    let changes = host.changes(&Values::read(), &[]);
    expect(changes.is_empty(), changes.join(", "), "the host's values")?;
    let lines = log.lines()?;
    let told = lines
        .iter()
        .filter(|line| line.contains("the host's values are protected"));
    let count = told.count();
    expect(
        (1..=5).contains(&count),
        format!("{count} lines"),
        "one for each second",
    )?;
    // Another file of /proc/sys is none of ours, and a private value may be written by leave.
    expect_eq(
        "another",
        scout.write("/proc/sys/vm/swappiness", &read("/proc/sys/vm/swappiness")?)?,
        None,
    )?;
    let ns = target(scout.namespace()?);
    set(
        &ns,
        &[
            ("vm.overcommit_ratio", "50"),
            ("vm.overcommit_ratio.inside", "rw"),
            ("thp_enabled", "never"),
            ("thp_enabled.inside", "rw"),
            ("thp_defrag", "never"),
            ("thp_defrag.inside", "rw"),
        ],
    )?;
    expect_eq(
        "its own ratio",
        scout.write("/proc/sys/vm/overcommit_ratio", "51")?,
        None,
    )?;
    expect_eq("its own word", scout.write(THP, "madvise")?, None)?;
    expect_eq("its own effort", scout.write(DEFRAG, "madvise")?, None)?;
    // The file of khugepaged has the same name, and those of other sizes are the host's.
    for (path, value) in [(KHUGEPAGED_DEFRAG, "0"), (THP_64K, "never")] {
        let refused = scout.write(path, value)?;
        expect_eq(path, refused.as_deref(), Some("EPERM"))?;
    }
    // The host itself writes as ever.
    let _host = crate::setting::Setting::put(DMESG_RESTRICT, &read(DMESG_RESTRICT)?)?;
    Ok(())
}
