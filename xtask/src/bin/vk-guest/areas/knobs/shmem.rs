//! Huge pages of shared memory: `thp_shmem_enabled`.
//!
//! What is expected at a word is what the kernel itself gives a task of the host at that word.

use anyhow::Result;

use super::memory::Memory;
use crate::policy::chosen;
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::{Kind, Order};
use crate::setting::{read, Setting};

const SHMEM: &str = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
const SHMEM_2M: &str = "/sys/kernel/mm/transparent_hugepage/hugepages-2048kB/shmem_enabled";

const WORDS: [&str; 6] = ["always", "within_size", "advise", "never", "deny", "force"];
const KINDS: [Kind; 3] = [Kind::Anonymous, Kind::Memfd, Kind::Sysv];
const WORK: [&str; 2] = ["touch", "huge touch"];

/// Huge pages and eligibility that some work brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    huge_kb: u64,
    eligible: u64,
}

fn seen(memory: &mut Memory, order: &Order, words: &str) -> Result<Seen> {
    const MIB: usize = 4;
    memory.maps(order, MIB)?;
    memory.works(words)?;
    Ok(Seen {
        huge_kb: memory.smaps("ShmemPmdMapped")?,
        eligible: memory.smaps("THPeligible")?,
    })
}

/// Every kind of memory, without and with advice.
fn all_kinds(memory: &mut Memory) -> Result<Vec<Seen>> {
    let mut all = Vec::new();
    for kind in KINDS {
        for words in WORK {
            all.push(seen(memory, &Order::HoldKind(kind, 4), words)?);
        }
    }
    Ok(all)
}

/// Memory that was there before it was mapped, by write(2) and by fallocate(2).
fn all_filled(memory: &mut Memory) -> Result<Vec<Seen>> {
    [false, true]
        .into_iter()
        .map(|is_allocated| {
            let order = Order::HoldFilled {
                mib: 4,
                is_allocated,
            };
            seen(memory, &order, "read")
        })
        .collect()
}

/// Compares what a container has at each word under each of the host's with what the host has.
fn follows_as_the_host(all: fn(&mut Memory) -> Result<Vec<Seen>>) -> Outcome {
    let mut its = Memory::of_host()?;
    let mut expected = Vec::new();
    for word in WORDS {
        let _host = Setting::put(SHMEM, word)?;
        expected.push(all(&mut its)?);
    }
    let differ = expected[0].iter().any(|seen| seen.huge_kb > 0);
    expect(differ, "no huge page of the host's at always", "some")?;
    let mut ours = Memory::of_container(&[("thp_shmem_enabled", "never")])?;
    for (at, word) in WORDS.into_iter().enumerate() {
        ours.set(&[("thp_shmem_enabled", word)])?;
        for host in ["never", "always"] {
            let _host = Setting::put(SHMEM, host)?;
            let what = format!("memory at {word} with the host at {host}");
            expect_eq(&what, &all(&mut ours)?, &expected[at])?;
            let of_host = WORDS.iter().position(|it| *it == host).unwrap_or(0);
            let what = format!("the host's at {host} beside {word}");
            expect_eq(&what, &all(&mut its)?, &expected[of_host])?;
        }
    }
    Ok(())
}

pub(super) fn shared_memory_follows_the_containers_word_as_the_hosts_own_would() -> Outcome {
    follows_as_the_host(all_kinds)
}

pub(super) fn what_is_written_to_a_memfd_follows_the_containers_word() -> Outcome {
    follows_as_the_host(all_filled)
}

pub(super) fn the_hosts_deny_stands_above_a_containers_word() -> Outcome {
    let mut ours = Memory::of_container(&[("thp_shmem_enabled", "always")])?;
    let _host = Setting::put(SHMEM, "deny")?;
    for word in WORDS {
        ours.set(&[("thp_shmem_enabled", word)])?;
        for seen in all_kinds(&mut ours)? {
            let none = Seen {
                huge_kb: 0,
                eligible: 0,
            };
            expect_eq(&format!("memory at {word} under deny"), seen, none)?;
        }
    }
    Ok(())
}

pub(super) fn the_shmem_files_are_the_containers_own_and_the_hosts_stay() -> Outcome {
    let _host = Setting::put(SHMEM, "advise")?;
    let hosts = [read(SHMEM)?, read(SHMEM_2M)?];
    let mut ours = Memory::of_container(&[])?;
    expect_eq("unset", chosen(&ours.scout.read(SHMEM)?), "advise")?;
    for word in WORDS {
        ours.set(&[
            ("thp_shmem_enabled", word),
            ("thp_shmem_enabled.inside", "ro"),
        ])?;
        expect_eq("the word inside", chosen(&ours.scout.read(SHMEM)?), word)?;
        expect_eq(
            "that of 2 MiB",
            chosen(&ours.scout.read(SHMEM_2M)?),
            "inherit",
        )?;
        for (path, text) in [(SHMEM, "always"), (SHMEM_2M, "inherit")] {
            let refused = ours.scout.write(path, text)?;
            expect_eq("a write", refused.as_deref(), Some("EPERM"))?;
        }
    }
    ours.set(&[("thp_shmem_enabled.inside", "rw")])?;
    for word in WORDS {
        expect_eq("the refusal", ours.scout.write(SHMEM, word)?, None)?;
        expect_eq("the word then", chosen(&ours.scout.read(SHMEM)?), word)?;
    }
    for (path, text, refusal) in [
        (SHMEM, "sometimes", Some("EINVAL")),
        (SHMEM_2M, "always", Some("EINVAL")),
        (SHMEM_2M, "inherit", None),
    ] {
        let refused = ours.scout.write(path, text)?;
        expect_eq(&format!("{text} to {path}"), refused.as_deref(), refusal)?;
    }
    expect_eq("the host's files", [read(SHMEM)?, read(SHMEM_2M)?], hosts)?;
    {
        let _meanwhile = Setting::put(SHMEM, "within_size")?;
        expect_eq("the host's new word", chosen(&read(SHMEM)?), "within_size")?;
        expect_eq("the container's", chosen(&ours.scout.read(SHMEM)?), "force")?;
    }
    ours.set(&[("thp_shmem_enabled", "inherit")])?;
    expect_eq("unset again", chosen(&ours.scout.read(SHMEM)?), "advise")
}
