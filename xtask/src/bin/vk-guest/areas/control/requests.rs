//! Requests that are refused whoever asks: each by its errno, its line and its key.

use std::fs;
use std::os::fd::AsFd;

use super::refusal::{refuses, Expected, State};
use crate::calls::write_past_the_end;
use crate::device::ask_raw;
use crate::door::Door;
use crate::policy::{references, set, target};
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::Scout;

pub(super) fn refuses_what_is_no_request() -> Outcome {
    let requests: &[&[u8]] = &[
        b"list\n",
        b"vkernel\n",
        b"VKERNEL 1 list\n",
        b"vkernel1 list\n",
        b"\0\0\0\0",
        b"\xff\xfe\xfd\n",
        b"{\"version\": 1}\n",
    ];
    for request in requests {
        refuses("", request, Expected::new("EINVAL"))?;
    }
    refuses("", b"vkernel 1\n", Expected::new("EOPNOTSUPP"))
}

pub(super) fn refuses_an_empty_request() -> Outcome {
    for request in [&b""[..], b"\n", b" \n", b"\n\n\n"] {
        refuses("", request, Expected::new("EINVAL"))?;
    }
    Ok(())
}

pub(super) fn refuses_a_request_of_65537_bytes() -> Outcome {
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    let mut request = format!("vkernel 1 set {ns}\nvm.overcommit_memory=1\n").into_bytes();
    request.resize(65537, b'\n');
    refuses(&ns, &request, Expected::new("EMSGSIZE"))?;
    request.resize(1 << 20, b'\n');
    refuses(&ns, &request, Expected::new("EMSGSIZE"))
}

pub(super) fn refuses_a_request_that_cannot_be_read_whole() -> Outcome {
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    let before = State::of(&ns)?;
    let request = format!("vkernel 1 set {ns}\nvm.overcommit_memory=1\n");
    let mut door = Door::open()?;
    let written = write_past_the_end(door.as_fd(), request.as_bytes());
    let errno = written.err().and_then(|error| error.raw_os_error());
    expect_eq("the error", errno, Some(libc::EFAULT))?;
    let left = door.read(100)?;
    expect(left.is_empty(), format!("{left:?}"), "no answer")?;
    before.is_the_same()
}

pub(super) fn refuses_an_unknown_version() -> Outcome {
    for version in ["0", "2", "01", "1.0", "one"] {
        let request = format!("vkernel {version} list\n");
        let expected = Expected::new("EINVAL").at(1, version);
        refuses("", request.as_bytes(), expected)?;
    }
    Ok(())
}

pub(super) fn refuses_an_unknown_verb() -> Outcome {
    for verb in ["frobnicate", "LIST", "watches", "lists", "list\t"] {
        let request = format!("vkernel 1 {verb}\n");
        let shown = verb.replace('\t', "?");
        let expected = Expected::new("EOPNOTSUPP").at(1, &shown);
        refuses("", request.as_bytes(), expected)?;
    }
    Ok(())
}

pub(super) fn refuses_an_unknown_key() -> Outcome {
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    let cases = [
        (
            "set",
            "vm.overcommit_memory=1\nvm.swappiness=1\n",
            3,
            "vm.swappiness",
        ),
        (
            "set",
            "\n\nVM.OVERCOMMIT_MEMORY=1\n",
            4,
            "VM.OVERCOMMIT_MEMORY",
        ),
        (
            "set",
            "vm.overcommit_memory.most=1\n",
            2,
            "vm.overcommit_memory.most",
        ),
        ("set", "=1\n", 2, ""),
        ("set", " thp_enabled=never\n", 2, "?thp_enabled"),
        ("unset", "thp_enable=inherit\n", 2, "thp_enable"),
        ("show", "thp_enabled=never\n", 2, "thp_enabled"),
        ("stat", "all=1\n", 2, "all"),
    ];
    for (verb, lines, line, key) in cases {
        let request = format!("vkernel 1 {verb} {ns}\n{lines}");
        let expected = Expected::new("EINVAL").at(line, key);
        refuses(&ns, request.as_bytes(), expected)?;
    }
    for (verb, lines, key) in [
        ("list", "everything=1\n", "everything"),
        ("arm", "force=1\n", "force"),
        ("disarm", "feature=thp\n", "feature"),
        ("features", "a=b\n", "a"),
        ("hooks", "a=b\n", "a"),
    ] {
        let request = format!("vkernel 1 {verb}\n{lines}");
        let expected = Expected::new("EINVAL").at(2, key);
        refuses(&ns, request.as_bytes(), expected)?;
    }
    Ok(())
}

pub(super) fn refuses_wrong_values_by_line_and_key() -> Outcome {
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    set(
        &ns,
        &[("vm.overcommit_memory", "1"), ("thp_enabled", "never")],
    )?;
    let cases = [
        ("thp_enabled", "sometimes"),
        ("thp_enabled", "[always]"),
        ("thp_enabled", ""),
        ("vm.overcommit_memory", "3"),
        ("vm.overcommit_memory", "-1"),
        ("vm.overcommit_memory", "one"),
        ("vm.overcommit_memory", "1 2"),
        ("vm.overcommit_memory", ""),
        ("vm.overcommit_memory", "99999999999999999999"),
        ("vm.overcommit_ratio", "-2147483649"),
        ("vm.overcommit_ratio", "2147483648"),
        ("vm.overcommit_kbytes", "-1"),
        ("vm.overcommit_kbytes", "18446744073709551616"),
        ("vm.overcommit_memory.inside", "yes"),
        ("vm.overcommit_memory.min", "7x"),
        ("vm.overcommit_memory.max", ""),
        ("thp_enabled.min", "always"),
    ];
    for (key, value) in cases {
        let request = format!("vkernel 1 set {ns}\n\n{key}={value}\n");
        let expected = Expected::new("EINVAL").at(3, key);
        refuses(&ns, request.as_bytes(), expected)?;
    }
    let request = format!("vkernel 1 set {ns}\nvm.overcommit_memory\n");
    let expected = Expected::new("EINVAL").at(2, "vm.overcommit_memory");
    refuses(&ns, request.as_bytes(), expected)?;
    for (verb, pair, key) in [
        ("list", "all=yes", "all"),
        ("disarm", "force=perhaps", "force"),
        ("disarm", "timeout_s=-1", "timeout_s"),
        ("disarm", "timeout_s=soon", "timeout_s"),
        ("arm", "feature=everything", "feature"),
    ] {
        let request = format!("vkernel 1 {verb}\n{pair}\n");
        let expected = Expected::new("EINVAL").at(2, key);
        refuses(&ns, request.as_bytes(), expected)?;
    }
    Ok(())
}

pub(super) fn refuses_rules_without_a_value() -> Outcome {
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    for pair in ["inside=rw", "min=1", "max=1"] {
        let request = format!("vkernel 1 set {ns}\nvm.overcommit_memory.{pair}\n");
        let key = format!(
            "vm.overcommit_memory.{}",
            pair.split('=').next().unwrap_or("")
        );
        let expected = Expected::new("EINVAL").at(2, &key);
        refuses(&ns, request.as_bytes(), expected)?;
    }
    let nothing = format!("vkernel 1 set {ns}\n");
    refuses(&ns, nothing.as_bytes(), Expected::new("EINVAL"))
}

pub(super) fn refuses_a_missing_or_misspelt_target() -> Outcome {
    for verb in ["show", "set", "unset"] {
        let request = format!("vkernel 1 {verb}\nthp_enabled=never\n");
        let expected = Expected::new("EINVAL").at(1, verb);
        refuses("", request.as_bytes(), expected)?;
    }
    let misspelt = [
        "ns:",
        "ns:x",
        "ns:-1",
        "ns:+1",
        "ns:1:2",
        "NS:1",
        "1",
        "pid:1",
        "Default",
        "*",
        "ns:18446744073709551616",
        "ns:000000000000000000001",
    ];
    for word in misspelt {
        let request = format!("vkernel 1 set {word}\nthp_enabled=never\n");
        let expected = Expected::new("EINVAL").at(1, word);
        refuses("", request.as_bytes(), expected)?;
    }
    for (request, word) in [
        ("vkernel 1 list default\n", "default"),
        ("vkernel 1 disarm ns:1\n", "ns:1"),
        ("vkernel 1 show default more\n", "more"),
    ] {
        let expected = Expected::new("EINVAL").at(1, word);
        refuses("", request.as_bytes(), expected)?;
    }
    Ok(())
}

pub(super) fn refuses_a_set_with_one_bad_line_among_good_ones() -> Outcome {
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    set(&ns, &[("vm.overcommit_memory", "1")])?;
    let good = [
        "thp_enabled=always",
        "vm.overcommit_memory=2",
        "vm.overcommit_kbytes=4096",
    ];
    for bad in 0..=good.len() {
        let mut lines = good.to_vec();
        lines.insert(bad, "vm.overcommit_ratio=many");
        let request = format!("vkernel 1 set {ns}\n{}\n", lines.join("\n"));
        let expected = Expected::new("EINVAL").at(bad as u32 + 2, "vm.overcommit_ratio");
        refuses(&ns, request.as_bytes(), expected)?;
    }
    // The good lines alone are taken, so that it was the bad one that was refused.
    let request = format!("vkernel 1 set {ns}\n{}\n", good.join("\n"));
    let reply = Door::open()?.ask(request.as_bytes())?;
    expect(reply.is_ok(), reply.head(), "ok")
}

/// A thousand of each kind: what one of them kept would be seen.
pub(super) fn refusals_leak_nothing() -> Outcome {
    const TIMES: usize = 1000;
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    let mut long = b"vkernel 1 list\n".to_vec();
    long.resize(65537, b'\n');
    let mut wide = format!("vkernel 1 set {ns}\n").into_bytes();
    wide.resize(60000, b'k');
    let requests = [
        b"vkernel 1 frobnicate\n".to_vec(),
        format!("vkernel 1 set {ns}\nthp_enabled=sometimes\n").into_bytes(),
        format!("vkernel 1 set {ns}\nthp_enabled=never\nno.such=1\n").into_bytes(),
        b"vkernel 1 set ns:1\nthp_enabled=never\n".to_vec(),
        long,
        wide,
    ];
    let ask_all = |times: usize| -> Outcome {
        for _ in 0..times {
            for request in &requests {
                let reply = Door::open()?.ask(request)?;
                expect(reply.refusal().is_some(), reply.head(), "a refusal")?;
            }
        }
        Ok(())
    };
    // What is allocated once and kept by design, before the counting begins.
    ask_all(20)?;
    let before = (State::of(&ns)?, unreclaimable_kb()?);
    ask_all(TIMES)?;
    before.0.is_the_same()?;
    expect_eq("the module's references", references()?, 0)?;
    let grown_kb = unreclaimable_kb()?.saturating_sub(before.1);
    // One page of each request would be 24 MB.
    expect(
        grown_kb < 4096,
        format!("{grown_kb} kB more kernel memory"),
        "less than 4096 kB",
    )
}

pub(super) fn random_requests_change_nothing() -> Outcome {
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    let seeds = [
        format!("vkernel 1 set {ns}\nthp_enabled=always\nvm.overcommit_memory=1\n"),
        format!("vkernel 1 unset {ns}\nvm.overcommit_kbytes=inherit\n"),
        "vkernel 1 list\nall=1\n".to_owned(),
    ];
    let before = State::of(&ns)?;
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize % below
    };
    for _ in 0..1000 {
        let mut request = seeds[next(seeds.len())].clone().into_bytes();
        for _ in 0..=next(4) {
            let place = next(request.len());
            match next(3) {
                0 => request[place] = next(256) as u8,
                1 => request.insert(place, b" \n=:.019"[next(8)]),
                _ => drop(request.remove(place)),
            }
        }
        // The last line keeps every changed `set` refused.
        request.extend(b"\nno.such.key=1\n");
        let answer = ask_raw(&request)?;
        let is_answer = answer.is_ok() || answer.errno().is_some();
        expect(is_answer, &answer.head, "ok or an error")?;
    }
    before.is_the_same()
}

/// The kernel's own memory, in kB.
fn unreclaimable_kb() -> anyhow::Result<u64> {
    // What waits for a grace period is not leaked.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let text = fs::read_to_string("/proc/meminfo")?;
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|it| it.parse::<u64>().ok()).unwrap_or(0)
    };
    Ok(of("SUnreclaim:") + of("VmallocUsed:") + of("Percpu:"))
}
