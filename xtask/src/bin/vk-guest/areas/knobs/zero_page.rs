//! The huge zero page for read faults: `thp_use_zero_page`.

use anyhow::Result;

use super::memory::Memory;
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::Order;
use crate::setting::{read, Setting, THP};

const ZERO_PAGE: &str = "/sys/kernel/mm/transparent_hugepage/use_zero_page";

const WORDS: [&str; 2] = ["0", "1"];

/// Reads what nobody has touched; returns the huge pages of its own that it got for that.
fn huge_kb_of_a_read(memory: &mut Memory) -> Result<u64> {
    memory.maps(&Order::Hold(4), 4)?;
    memory.works("read")?;
    memory.smaps("AnonHugePages")
}

pub(super) fn a_read_gets_the_zero_page_as_the_containers_word_says() -> Outcome {
    let _always = Setting::put(THP, "always")?;
    let mut its = Memory::of_host()?;
    let mut expected = Vec::new();
    for word in WORDS {
        let _host = Setting::put(ZERO_PAGE, word)?;
        expected.push(huge_kb_of_a_read(&mut its)?);
    }
    let seen = format!("{expected:?} kB for the host at {WORDS:?}");
    expect(expected[0] > 0 && expected[1] == 0, seen, "some, and none")?;
    let [mut one, mut other] = [Memory::of_container(&[])?, Memory::of_container(&[])?];
    for (at, word) in WORDS.into_iter().enumerate() {
        one.set(&[("thp_use_zero_page", word)])?;
        other.set(&[("thp_use_zero_page", WORDS[1 - at])])?;
        for (host_at, host) in WORDS.into_iter().enumerate() {
            let _host = Setting::put(ZERO_PAGE, host)?;
            let what = |who: &str| format!("{who} at {word} with the host at {host}");
            expect_eq(&what("one"), huge_kb_of_a_read(&mut one)?, expected[at])?;
            expect_eq(
                &what("its opposite"),
                huge_kb_of_a_read(&mut other)?,
                expected[1 - at],
            )?;
            expect_eq(
                &what("the host"),
                huge_kb_of_a_read(&mut its)?,
                expected[host_at],
            )?;
            // A write gets a page of its own, whatever the word is.
            one.maps(&Order::Hold(4), 4)?;
            one.works("touch")?;
            expect_eq(&what("a write"), one.smaps("AnonHugePages")?, 4096)?;
        }
    }
    Ok(())
}

pub(super) fn the_zero_page_file_is_the_containers_own_and_the_hosts_stays() -> Outcome {
    for host in WORDS {
        let _host = Setting::put(ZERO_PAGE, host)?;
        let mut ours = Memory::of_container(&[])?;
        expect_eq("unset", ours.scout.read(ZERO_PAGE)?.as_str(), host)?;
        for word in WORDS {
            ours.set(&[
                ("thp_use_zero_page", word),
                ("thp_use_zero_page.inside", "ro"),
            ])?;
            expect_eq(
                "the file inside",
                ours.scout.read(ZERO_PAGE)?.as_str(),
                word,
            )?;
            expect_eq("the host's", read(ZERO_PAGE)?.as_str(), host)?;
            let refused = ours.scout.write(ZERO_PAGE, "0")?;
            expect_eq("a write", refused.as_deref(), Some("EPERM"))?;
        }
        ours.set(&[("thp_use_zero_page.inside", "rw")])?;
        for (text, refusal) in [("0\n", None), ("1", None), ("2", Some("EINVAL"))] {
            let refused = ours.scout.write(ZERO_PAGE, text)?;
            expect_eq(&format!("{text:?}"), refused.as_deref(), refusal)?;
        }
        expect_eq("the word then", ours.scout.read(ZERO_PAGE)?.as_str(), "1")?;
        // The host changes its own while the container's keeps the kernel's flag raised.
        for meanwhile in ["1", "0"] {
            let _meanwhile = Setting::put(ZERO_PAGE, meanwhile)?;
            expect_eq("the host's new", read(ZERO_PAGE)?.as_str(), meanwhile)?;
            expect_eq("the container's", ours.scout.read(ZERO_PAGE)?.as_str(), "1")?;
        }
        ours.set(&[("thp_use_zero_page", "inherit")])?;
        expect_eq("the host's in the end", read(ZERO_PAGE)?.as_str(), host)?;
        expect_eq("unset again", ours.scout.read(ZERO_PAGE)?.as_str(), host)?;
    }
    Ok(())
}
