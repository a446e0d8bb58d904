//! What a container's knobs hold for besides the process that they were set for.

use super::memory::Memory;
use crate::policy::chosen;
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::{Kind, Order};
use crate::setting::{Setting, THP};

const DIR: &str = "/sys/kernel/mm/transparent_hugepage";

/// Forks, and mappings that mremap(2) makes longer, have what the container has.
pub(super) fn a_fork_and_a_moved_mapping_follow_the_containers_word() -> Outcome {
    for (host, word, is_huge) in [("never", "always", true), ("always", "never", false)] {
        let _host = Setting::put(THP, host)?;
        let mut ours = Memory::of_container(&[("thp_enabled", word)])?;
        let mut its = Memory::of_host()?;
        for (memory, expected, who) in [(&mut ours, is_huge, word), (&mut its, !is_huge, host)] {
            memory.maps(&Order::Hold(4), 4)?;
            memory.scout.does(&Order::ForkTwice)?;
            memory.works("touch")?;
            let forked = memory.smaps("AnonHugePages")?;
            expect_eq(
                &format!("huge pages of a fork at {who}, kB"),
                forked > 0,
                expected,
            )?;
            memory.maps(&Order::Grow(16), 16)?;
            memory.works("touch")?;
            let grown = memory.smaps("AnonHugePages")?;
            let seen = format!("{forked} kB of huge pages, {grown} kB when it has grown at {who}");
            expect(
                (grown > forked) == expected,
                seen,
                format!("more: {expected}"),
            )?;
        }
    }
    Ok(())
}

/// A namespace in a container, without values of its own.
pub(super) fn what_is_nested_has_the_outer_ones_knobs() -> Outcome {
    let _host = Setting::put(THP, "always")?;
    let mut memory = Memory::of_container(&[
        ("thp_defrag", "defer"),
        ("thp_shmem_enabled", "always"),
        ("thp_use_zero_page", "0"),
    ])?;
    memory.scout.does(&Order::NewPid)?;
    for (file, word) in [
        ("defrag", "defer"),
        ("shmem_enabled", "always"),
        ("use_zero_page", "0"),
    ] {
        let text = memory.scout.read(&format!("{DIR}/{file}"))?;
        expect_eq(file, chosen(&text), word)?;
    }
    memory.maps(&Order::Hold(4), 4)?;
    memory.works("read")?;
    expect_eq(
        "huge pages for reads, kB",
        memory.smaps("AnonHugePages")?,
        4096,
    )?;
    memory.maps(&Order::HoldKind(Kind::Memfd, 4), 4)?;
    memory.works("touch")?;
    expect_eq(
        "huge pages of a memfd, kB",
        memory.smaps("ShmemPmdMapped")?,
        4096,
    )?;
    // One of its own wins.
    memory.set(&[("thp_shmem_enabled", "never")])?;
    memory.maps(&Order::HoldKind(Kind::Memfd, 4), 4)?;
    memory.works("touch")?;
    expect_eq("of one at never, kB", memory.smaps("ShmemPmdMapped")?, 0)
}
