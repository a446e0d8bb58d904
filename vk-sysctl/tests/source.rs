//! Every place that the tables name, looked up in the kernel's source.
//!
//! `VK_KERNEL_SOURCE=PATH cargo test -p vk-sysctl --test source -- --ignored`, with the source of
//! 7.2.12.

use std::fs;
use std::path::PathBuf;

use vk_sysctl::{Key, Place, NAMESPACED, TABLE, UNSUPPORTED};

/// Returns the line of the kernel's source that `place` names.
fn line(place: Place) -> String {
    let root = std::env::var_os("VK_KERNEL_SOURCE").expect("VK_KERNEL_SOURCE, with 7.2.12");
    let path = PathBuf::from(root).join(place.file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let at = usize::try_from(place.line).unwrap() - 1;
    text.lines().nth(at).unwrap_or_default().to_owned()
}

/// Returns the entry of the kernel's table that begins at `place`, without white space.
fn row(place: Place) -> String {
    let lines = (place.line..).map(|line| self::line(Place { line, ..place }));
    let row: String = lines
        .take_while(|text| !text.trim().starts_with('}'))
        .collect();
    row.split_whitespace().collect()
}

/// The handler of each key, with its bounds if they are in the table.
const HANDLERS: [(Key, &str, &str, &str); Key::COUNT] = [
    (
        Key::OvercommitMemory,
        "overcommit_policy_handler",
        "SYSCTL_ZERO",
        "SYSCTL_TWO",
    ),
    (Key::OvercommitRatio, "overcommit_ratio_handler", "", ""),
    (Key::OvercommitKbytes, "overcommit_kbytes_handler", "", ""),
    (Key::AdminReserveKbytes, "proc_doulongvec_minmax", "", ""),
    (Key::UserReserveKbytes, "proc_doulongvec_minmax", "", ""),
    (Key::MaxMapCount, "proc_dointvec_minmax", "SYSCTL_ZERO", ""),
    (Key::MmapMinAddr, "mmap_min_addr_handler", "", ""),
    (
        Key::NrOpen,
        "proc_douintvec_minmax",
        "&sysctl_nr_open_min",
        "&sysctl_nr_open_max",
    ),
    (
        Key::FileMax,
        "proc_doulongvec_minmax",
        "SYSCTL_LONG_ZERO",
        "SYSCTL_LONG_MAX",
    ),
    (Key::PipeMaxSize, "proc_dopipe_max_size", "SYSCTL_ONE", ""),
    (Key::PipeUserPagesHard, "proc_doulongvec_minmax", "", ""),
    (Key::PipeUserPagesSoft, "proc_doulongvec_minmax", "", ""),
    (Key::MountMax, "proc_dointvec_minmax", "SYSCTL_ONE", ""),
    // Its bounds are in the handler.
    (Key::ThreadsMax, "sysctl_max_threads", "", ""),
    (
        Key::PidMax,
        "proc_dointvec_minmax",
        "&pid_max_min",
        "&pid_max_max",
    ),
    (
        Key::DmesgRestrict,
        "proc_dointvec_minmax_sysadmin",
        "SYSCTL_ZERO",
        "SYSCTL_ONE",
    ),
];

#[test]
#[ignore = "needs the kernel's source"]
fn each_row_has_its_handler_and_bounds() {
    for ((key, handler, least, greatest), own) in HANDLERS.into_iter().zip(Key::ALL) {
        assert_eq!(key, own);
        let row = row(key.entry().table);
        assert!(row.contains(&format!(".proc_handler={handler},")), "{row}");
        assert!(row.contains(".mode=0644,"), "{row}");
        for (field, bound) in [(".extra1=", least), (".extra2=", greatest)] {
            let expected = format!("{field}{bound},");
            assert!(bound.is_empty() || row.contains(&expected), "{row}");
            assert!(!bound.is_empty() || !row.contains(field), "{row}");
        }
    }
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or_default()
}

#[test]
#[ignore = "needs the kernel's source"]
fn each_row_of_the_table_is_there() {
    for entry in TABLE {
        let row = line(entry.table);
        assert!(row.contains("procname"), "{}: {row}", entry.name);
        let quoted = format!("\"{}\"", entry.procname);
        assert!(row.contains(&quoted), "{}: {row}", entry.name);
        assert!(!entry.reads.is_empty());
        for &place in entry.reads {
            // The minimum address is kept twice: with and without the security module's.
            let word = entry.global.trim_start_matches("dac_");
            let read = line(place);
            assert!(read.contains(word), "{} at {place}: {read}", entry.name);
        }
    }
}

#[test]
#[ignore = "needs the kernel's source"]
fn each_namespaced_row_is_there() {
    for row in NAMESPACED {
        let text = line(row.table);
        let name = last_part(row.name);
        let word = match row.name {
            "net." => "nsproxy->net_ns",
            "user." => "user_table[]",
            _ => name,
        };
        assert!(text.contains(word), "{}: {text}", row.name);
    }
}

#[test]
#[ignore = "needs the kernel's source"]
fn each_reason_is_there() {
    for row in UNSUPPORTED {
        let text = line(row.place);
        let word = match row.name {
            "kernel.keys." => "key_sysctls",
            "vm.dirty_" => "writeback_sysctls",
            name => last_part(name),
        };
        assert!(text.contains(word), "{}: {text}", row.name);
    }
}
