//! What the verbs answer when they are taken.

use crate::dmesg::KernelLog;
use crate::door::Door;
use crate::policy::{listed, set, shown, target, unset, MODE};
use crate::problem::{expect, expect_contains, expect_eq, Outcome};
use crate::row::{row, rows};
use crate::scout::Scout;

/// What hooks belong to.
const FEATURES: &[&str] = &[
    "lifecycle",
    "sysctl",
    "overcommit",
    "thp",
    "thp-defrag",
    "thp-shmem",
    "thp-zero-page",
    "thp-vote",
    "thp-vote-scan",
    "thp-vote-file",
    "parameters",
    "permission",
    "protection",
    "maps",
    "min-addr",
    "descriptors",
    "pipes",
    "mounts",
    "threads",
    "log",
    "files",
];

/// All keys of a policy.
const KEYS: &[&str] = &[
    "thp_enabled",
    "thp_defrag",
    "thp_shmem_enabled",
    "thp_use_zero_page",
    "thp_khugepaged",
    "vm.overcommit_memory",
    "vm.overcommit_ratio",
    "vm.overcommit_kbytes",
    "vm.admin_reserve_kbytes",
    "vm.user_reserve_kbytes",
    "vm.max_map_count",
    "vm.mmap_min_addr",
    "fs.nr_open",
    "fs.file-max",
    "fs.pipe-max-size",
    "fs.pipe-user-pages-hard",
    "fs.pipe-user-pages-soft",
    "fs.mount-max",
    "kernel.threads-max",
    "kernel.dmesg_restrict",
];

pub(super) fn verbs_that_read_answer_line_by_line() -> Outcome {
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    for whom in [ns.as_str(), "default"] {
        let keys = rows("show", whom, &[])?;
        let names: Vec<_> = keys.iter().map(|row| row.name.as_str()).collect();
        expect_eq("what `show` names", names, KEYS.to_vec())?;
        for row in &keys {
            let words = ["source", "inside", "min", "max", "enforced"];
            let empty = words.iter().find(|word| row.word(word).is_empty());
            expect_eq("a word that is missing", empty, None)?;
        }
    }
    let here = row("list", "", &ns);
    expect(here.is_err(), &ns, "no namespace without a policy")?;
    let all = rows("list", "", &[("all", "1")])?;
    let Some(here) = all.into_iter().find(|row| row.name == ns) else {
        return expect(false, "not in the list of all", &ns);
    };
    expect_eq("its pid", here.word("pid"), &scout.pid()?.to_string())?;
    expect_eq("its tasks", here.word("tasks"), "1")?;
    expect_eq("its parent", here.word("parent"), "host")?;
    expect_eq("its comm", here.word("comm"), "exe")?;
    let features = rows("features", "", &[])?;
    let names: Vec<_> = features.iter().map(|row| row.name.as_str()).collect();
    expect_eq("the features", names.as_slice(), FEATURES)?;
    let refused: Vec<_> = features
        .iter()
        .filter(|row| row.word("state") != "served")
        .collect();
    expect(refused.is_empty(), format!("{refused:?}"), "all served")?;
    let hooks = rows("hooks", "", &[])?;
    let short = hooks.iter().find(|row| row.word("entry").len() != 32);
    expect(short.is_none(), format!("{short:?}"), "16 bytes of each")?;
    rows("stat", "", &[])?;
    rows("stat", &ns, &[])?;
    Ok(())
}

pub(super) fn set_show_and_unset_belong_together() -> Outcome {
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    let pairs = [
        ("thp_enabled", "never"),
        ("vm.overcommit_memory", "2"),
        ("vm.overcommit_ratio", "77"),
    ];
    set(&ns, &pairs)?;
    for (key, value) in pairs {
        let own = (value.to_owned(), "own".to_owned());
        expect_eq(key, shown(&ns, key)?, own)?;
    }
    expect_eq("the list", listed(false)?, vec![ns.clone()])?;
    expect_eq("enforced", row("list", "", &ns)?.word("enforced"), "yes")?;
    rows("unset", &ns, &[("vm.overcommit_ratio", "inherit")])?;
    expect_eq(
        "the source of what was unset",
        shown(&ns, "vm.overcommit_ratio")?.1.as_str(),
        "host",
    )?;
    expect_eq(
        "the source of what was not",
        shown(&ns, "vm.overcommit_memory")?.1.as_str(),
        "own",
    )?;
    unset(&ns)?;
    for (key, _) in pairs {
        expect_eq(key, shown(&ns, key)?.1.as_str(), "host")?;
    }
    expect_eq("the list at the end", listed(false)?, vec![])
}

pub(super) fn inherit_takes_a_key_away() -> Outcome {
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    set(
        &ns,
        &[("vm.overcommit_memory", "1"), ("thp_enabled", "always")],
    )?;
    set(&ns, &[("vm.overcommit_memory", "inherit")])?;
    let source = |key| shown(&ns, key).map(|(_, source)| source);
    let inherited = source("vm.overcommit_memory")?;
    expect_eq("the source of the key", inherited.as_str(), "host")?;
    let other = source("thp_enabled")?;
    expect_eq("the source of the other", other.as_str(), "own")
}

pub(super) fn an_accepted_change_is_one_line_of_the_log() -> Outcome {
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    set(&ns, &[("vm.overcommit_memory", "1")])?;
    let log = KernelLog::from_now()?;
    set(&ns, &[("vm.overcommit_memory", "2")])?;
    let mut lines = log.lines()?;
    lines.retain(|line| line.contains("vm.overcommit_memory"));
    expect_eq("the number of lines", lines.len(), 1)?;
    let pid = format!("pid {}", std::process::id());
    for part in [ns.as_str(), "vm.overcommit_memory=2", "was 1", &pid] {
        expect_contains("the line", &lines[0], part)?;
    }
    Ok(())
}

pub(super) fn an_answer_is_read_in_pieces_and_replaced_by_the_next() -> Outcome {
    let mut door = Door::open()?;
    let whole = Door::open()?.ask(b"vkernel 1 features\n")?.text;
    expect_eq("the write", door.write(b"vkernel 1 features\n"), Ok(19))?;
    let mut pieces = Vec::new();
    loop {
        let piece = door.read(7)?;
        if piece.is_empty() {
            break;
        }
        pieces.extend(piece);
    }
    let pieces = String::from_utf8_lossy(&pieces).into_owned();
    expect_eq("the answer in pieces", pieces, whole)?;
    // What is not read of an answer is not read later.
    expect_eq("the write", door.write(b"vkernel 1 features\n"), Ok(19))?;
    door.read(7)?;
    for request in [&b"vkernel 1 list\n"[..], b"vkernel 1 nothing\n", b"none\n"] {
        let of_its_own = Door::open()?.ask(request)?;
        expect_eq("the next answer", door.ask(request)?, of_its_own)?;
    }
    Ok(())
}

pub(super) fn open_files_have_answers_of_their_own() -> Outcome {
    const THREADS: usize = 4;
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    let ask = |number: usize| -> std::io::Result<Option<String>> {
        let mut door = Door::open()?;
        let requests = [
            ("features".to_owned(), "lifecycle "),
            (format!("show {ns}"), "thp_enabled="),
            ("hooks".to_owned(), "wake_up_new_task "),
            (format!("stat {ns}"), ""),
        ];
        let (request, start) = &requests[number % requests.len()];
        for _ in 0..100 {
            let reply = door.ask(format!("vkernel 1 {request}\n").as_bytes())?;
            let is_whole = reply.lines().any(|line| line.starts_with(start));
            if !reply.is_ok() || !is_whole {
                return Ok(Some(format!("{request}: {}", reply.text)));
            }
        }
        Ok(None)
    };
    let wrong = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| scope.spawn(move || ask(number)))
            .collect();
        let results = threads.into_iter().map(|thread| match thread.join() {
            Ok(Ok(wrong)) => wrong,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("a panic".to_owned()),
        });
        results.flatten().collect::<Vec<_>>()
    });
    expect(wrong.is_empty(), wrong.join(" | "), "each its own answer")
}

pub(super) fn a_last_line_without_newline_counts() -> Outcome {
    let mut scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    let request = format!("vkernel 1 set {ns}\nvm.overcommit_memory=1");
    let reply = Door::open()?.ask(request.as_bytes())?;
    expect(reply.is_ok(), reply.head(), "ok")?;
    expect_eq("the value inside", scout.read(MODE)?.as_str(), "1")?;
    let reply = Door::open()?.ask(b"vkernel 1 list")?;
    expect(reply.is_ok(), reply.head(), "ok")
}

pub(super) fn the_longest_request_is_taken() -> Outcome {
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    let mut request = format!("vkernel 1 set {ns}\n").into_bytes();
    while request.len() + 23 <= 65536 {
        request.extend(b"vm.overcommit_memory=1\n");
    }
    request.resize(65536, b'\n');
    let reply = Door::open()?.ask(&request)?;
    expect(reply.is_ok(), reply.head(), "ok")?;
    expect_eq("the bytes taken", reply.written, Ok(65536))?;
    let value = shown(&ns, "vm.overcommit_memory")?;
    expect_eq("the value", value, ("1".to_owned(), "own".to_owned()))
}
