//! Which hooks are inline, and who says so.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::jump::Jump;
use crate::bpf::{self, Place, Program};
use crate::door::Door;
use crate::loaded::Loaded;
use crate::meminfo::kb;
use crate::module;
use crate::policy::{listed, set, target, MODE};
use crate::problem::{expect, expect_contains, expect_eq, skip, Outcome};
use crate::program;
use crate::row::{row, rows, Row};
use crate::scout::{Order, Scout};
use crate::setting::Setting;

const SWITCH: &str = "/proc/sys/kernel/ftrace_enabled";
const RELEASE: &str = "/proc/sys/kernel/osrelease";
const HOOK: &str = "vm_commit_limit";

/// The hooks of Debian's kernel that answer for no gate and cannot be inline all the same; the README of
/// vk-ffi-shims says why.
const REFUSED: [&str; 3] = [
    "overcommit_ratio_handler",
    "overcommit_kbytes_handler",
    "security_file_free",
];

/// What `hooks` says of a hook whose function this kernel has not.
const ABSENT: &str = "absent";

/// The hooks whose functions this kernel has.
fn present() -> anyhow::Result<Vec<Row>> {
    let all = rows("hooks", "", &[])?;
    Ok(all
        .into_iter()
        .filter(|row| row.word("state") != ABSENT)
        .collect())
}

/// Sends a request that must be refused; returns its first line.
fn refused(request: &str) -> anyhow::Result<String> {
    let reply = Door::open()?.ask(request.as_bytes())?;
    anyhow::ensure!(!reply.is_ok(), "accepted: {request:?}");
    Ok(reply.head().to_owned())
}

pub(super) fn what_cannot_be_inline_stays_with_ftrace_and_says_why() -> Outcome {
    let _loaded = Loaded::with(&[])?;
    let hooks = rows("hooks", "", &[])?;
    let mut features: BTreeSet<_> = hooks.iter().map(|row| row.word("feature")).collect();
    for row in hooks.iter().filter(|row| row.word("state") == ABSENT) {
        features.remove(row.word("feature"));
    }
    let everything: Vec<_> = features.iter().map(|name| ("feature", *name)).collect();
    rows("arm", "", &everything)?;
    let (mut inline, mut refused) = (0, Vec::new());
    for row in rows("hooks", "", &[])? {
        if !features.contains(row.word("feature")) {
            continue;
        }
        expect_eq(&row.name, row.word("state"), "armed")?;
        let reason = row.word("reason");
        match row.word("backend") {
            "inline" => {
                expect_eq(&row.name, reason, "")?;
                expect(row.word("kind") != "shadow", &row.name, "no gate")?;
                inline += 1;
            }
            "ftrace" if row.word("kind") == "shadow" => {
                expect_contains(&row.name, reason, "inline: it answers for a gate")?;
            }
            "ftrace" => {
                expect_contains(&row.name, reason, "to be displaced at +")?;
                refused.push(row.name);
            }
            other => return expect(false, other, "inline or ftrace"),
        }
    }
    if fs::read_to_string(RELEASE)?.trim().ends_with("-amd64") {
        expect_eq("refused", refused, REFUSED.map(str::to_owned).to_vec())?;
    }
    expect(inline >= 6, inline, "6 hooks or more")
}

pub(super) fn one_hook_is_inline_and_the_others_are_not() -> Outcome {
    let _loaded = Loaded::with(&["backend=ftrace"])?;
    let choice = format!("backend.{HOOK}");
    rows("arm", "", &[(choice.as_str(), "inline")])?;
    expect_eq(
        "the choice",
        row("hooks", "", HOOK)?.word("backend"),
        "inline",
    )?;
    let mut scout = Scout::send_into_new_namespace()?;
    let pairs = [
        ("vm.overcommit_memory", "2"),
        ("vm.overcommit_kbytes", "98304"),
    ];
    set(&target(scout.namespace()?), &pairs)?;
    for row in present()? {
        let expected = if row.name == HOOK { "inline" } else { "ftrace" };
        expect_eq(&row.name, row.word("backend"), expected)?;
    }
    expect_eq("the value inside", scout.read(MODE)?.as_str(), "2")?;
    let refused = scout.order(&Order::Map(256))?;
    expect_eq("256 MiB", refused.err(), Some(libc::ENOMEM))?;
    let taken = scout.order(&Order::Map(16))?;
    expect_eq("16 MiB", taken.err(), None)?;
    // And back: the original is behind the nop again, not behind our jump.
    rows("disarm", "", &[])?;
    rows("arm", "", &[(choice.as_str(), "ftrace")])?;
    expect(Jump::all()?.is_empty(), "a jump", "none")?;
    let refused = scout.order(&Order::Map(256))?;
    expect_eq("256 MiB by ftrace", refused.err(), Some(libc::ENOMEM))?;
    let taken = scout.order(&Order::Map(8))?;
    expect_eq("8 MiB by ftrace", taken.err(), None)
}

pub(super) fn auto_is_inline_where_a_bpf_program_has_the_function() -> Outcome {
    const TAKEN: &str = "vm_commit_limit";
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return skip("this kernel has no BTF");
    }
    bpf::counts_runs(true)?;
    let program = Program::attach(Place::Fentry, TAKEN, None, 0)??;
    let _loaded = Loaded::with(&["backend=auto"])?;
    let mut scout = Scout::send_into_new_namespace()?;
    let pairs = [
        ("vm.overcommit_memory", "2"),
        ("vm.overcommit_kbytes", "98304"),
    ];
    set(&target(scout.namespace()?), &pairs)?;
    for row in present()? {
        let expected = match (row.name.as_str(), row.word("state")) {
            (TAKEN, _) => "inline",
            (_, "armed") => "ftrace",
            _ => "auto",
        };
        expect_eq(&row.name, row.word("backend"), expected)?;
    }
    let runs = program.runs()?;
    let limit = kb(&scout.read("/proc/meminfo")?, "CommitLimit")?;
    expect_eq("the limit inside", limit, 98304)?;
    expect(program.runs()? > runs, program.runs()?, "another run")?;
    drop(program);
    let limit = kb(&scout.read("/proc/meminfo")?, "CommitLimit")?;
    expect_eq("the limit without the program", limit, 98304)
}

pub(super) fn a_choice_is_refused_where_it_cannot_be() -> Outcome {
    let _loaded = Loaded::with(&["backend=ftrace"])?;
    let cases = [
        ("wake_up_new_task=inline", "EBUSY", "disarm"),
        ("__thp_vma_allowable_orders=inline", "EOPNOTSUPP", "gate"),
        ("no_such_function=inline", "EINVAL", "hooks"),
        ("vm_commit_limit=jump", "EINVAL", "auto, ftrace or inline"),
    ];
    for (choice, errno, word) in cases {
        let head = refused(&format!("vkernel 1 arm\nbackend.{choice}\n"))?;
        expect_contains(choice, &head, errno)?;
        expect_contains(choice, &head, word)?;
    }
    expect(Jump::all()?.is_empty(), "a jump", "none")
}

pub(super) fn an_unknown_back_end_is_refused_at_load() -> Outcome {
    module::remove();
    let answer = program::run(&["insmod", "/vk/vkernel.ko", "backend=fast"])?;
    expect_contains("what insmod says", &answer.stderr, "nvalid")?;
    expect(!module::is_loaded(), "the module is there", "not loaded")
}

/// With no policy only the lifecycle hooks are in, and both are inline.
pub(super) fn the_switch_of_ftrace_is_not_for_inline_hooks() -> Outcome {
    let _loaded = Loaded::with(&[])?;
    let _off = Setting::put(SWITCH, "0")?;
    rows("disarm", "", &[])?;
    rows("arm", "", &[])?;
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    let known = listed(true)?;
    expect(known.contains(&ns), format!("{known:?}"), &ns)?;
    let failed = row("features", "", "lifecycle")?;
    expect_eq("failed births", failed.word("failed_births"), "0")
}

/// The functions that decide, not the files: so what is seen at an inline back end is its own.
pub(super) fn the_knobs_of_huge_pages_are_turned_by_jumps() -> Outcome {
    const FEATURES: [&str; 4] = ["thp-defrag", "thp-shmem", "thp-vote", "thp-vote-file"];
    const DECIDE: [&str; 4] = [
        "vma_thp_gfp_mask",
        "shmem_allowable_huge_orders",
        "collapse_huge_page",
        "collapse_file",
    ];
    let scout = Scout::send_into_new_namespace()?;
    let pairs = [
        ("thp_enabled", "always"),
        ("thp_shmem_enabled", "always"),
        ("thp_defrag", "never"),
    ];
    set(&target(scout.namespace()?), &pairs)?;
    for row in rows("hooks", "", &[])? {
        if !FEATURES.contains(&row.word("feature")) || row.word("state") == ABSENT {
            continue;
        }
        expect_eq(&row.name, row.word("state"), "armed")?;
        let is_inline = row.word("backend") == "inline";
        let seen = format!(
            "{} by {}: {}",
            row.name,
            row.word("backend"),
            row.word("reason")
        );
        let expected = if DECIDE.contains(&row.name.as_str()) {
            is_inline
        } else {
            is_inline || row.word("reason").starts_with("inline: ")
        };
        expect(expected, seen, "a jump, or a reason against one")?;
    }
    Ok(())
}
