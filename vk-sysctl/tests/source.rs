//! Every place that the tables name, looked up in the kernel's source.
//!
//! `VK_KERNEL_SOURCE=PATH cargo test -p vk-sysctl --test source -- --ignored`, with the source of
//! 7.2.12.

use std::fs;
use std::path::PathBuf;

use vk_sysctl::{Place, NAMESPACED, TABLE, UNSUPPORTED};

/// Returns the line of the kernel's source that `place` names.
fn line(place: Place) -> String {
    let root = std::env::var_os("VK_KERNEL_SOURCE").expect("VK_KERNEL_SOURCE, with 7.2.12");
    let path = PathBuf::from(root).join(place.file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let at = usize::try_from(place.line).unwrap() - 1;
    text.lines().nth(at).unwrap_or_default().to_owned()
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
