//! How hard the allocation of a huge page tries: `thp_defrag`, seen in the kernel's own trace event.

use anyhow::{ensure, Result};

use crate::calls::write_to_process;
use crate::policy::{chosen, set, target};
use crate::problem::{expect_eq, Outcome};
use crate::scout::{Order, Scout};
use crate::setting::{read, Setting, THP};
use crate::tracer::Tracer;

const DEFRAG: &str = "/sys/kernel/mm/transparent_hugepage/defrag";

const WORDS: [&str; 5] = ["always", "defer", "defer+madvise", "madvise", "never"];

/// What it is told about its memory before it fills it.
const ADVICE: [&str; 2] = ["populate", "huge populate"];

/// Records each allocation of a huge page.
fn recorder() -> Result<Tracer> {
    Tracer::event("kmem/mm_page_alloc", "order == 9")
}

/// Fills a huge page and returns what the kernel asked its allocator for.
fn effort(scout: &mut Scout, tracer: &Tracer, words: &str) -> Result<String> {
    scout.does(&Order::Hold(2))?;
    scout.does(&Order::Work(words.to_owned()))?;
    last_of(tracer, scout.pid()?)
}

/// Returns the flags of the last allocation by `pid`.
fn last_of(tracer: &Tracer, pid: u32) -> Result<String> {
    let flags = tracer.takes(pid, "gfp_flags")?;
    ensure!(!flags.is_empty(), "no huge page was allocated");
    Ok(flags.last().cloned().unwrap_or_default())
}

/// The host's own flags at each word, without and with advice: what a container must get, too.
fn flags_of_the_host(tracer: &Tracer) -> Result<Vec<[String; 2]>> {
    let mut scout = Scout::send()?;
    let mut flags = Vec::new();
    for word in WORDS {
        let _host = Setting::put(DEFRAG, word)?;
        let [plain, advised] = ADVICE.map(|words| effort(&mut scout, tracer, words));
        flags.push([plain?, advised?]);
    }
    Ok(flags)
}

pub(super) fn an_allocation_tries_as_hard_as_the_containers_word_says() -> Outcome {
    let _always = Setting::put(THP, "always")?;
    let tracer = recorder()?;
    let expected = flags_of_the_host(&tracer)?;
    let (mut ours, mut its) = (Scout::send_into_new_namespace()?, Scout::send()?);
    let ns = target(ours.namespace()?);
    for (at, word) in WORDS.into_iter().enumerate() {
        set(&ns, &[("thp_defrag", word)])?;
        for (host_at, host) in WORDS.into_iter().enumerate() {
            let _host = Setting::put(DEFRAG, host)?;
            for (advice, words) in ADVICE.into_iter().enumerate() {
                let what = format!("{words:?} at {word} with the host at {host}");
                let flags = effort(&mut ours, &tracer, words)?;
                expect_eq(&what, &flags, &expected[at][advice])?;
                let flags = effort(&mut its, &tracer, words)?;
                let what = format!("the host's {words:?} at {host}");
                expect_eq(&what, &flags, &expected[host_at][advice])?;
            }
        }
    }
    Ok(())
}

/// process_vm_writev(2): the host's task allocates, the memory is the container's.
pub(super) fn memory_filled_from_the_host_tries_as_the_containers_word_says() -> Outcome {
    let _always = Setting::put(THP, "always")?;
    let tracer = recorder()?;
    let expected = flags_of_the_host(&tracer)?;
    let mut ours = Scout::send_into_new_namespace()?;
    let ns = target(ours.namespace()?);
    let _host = Setting::put(DEFRAG, "always")?;
    for (word, expected) in WORDS.into_iter().zip(expected) {
        set(&ns, &[("thp_defrag", word)])?;
        let start = ours
            .does(&Order::Hold(2))?
            .parse()
            .map_err(anyhow::Error::from)?;
        write_to_process(ours.pid()?, start, &[1; 4096])?;
        // The task that wrote is this one.
        let flags = last_of(&tracer, std::process::id())?;
        expect_eq(
            &format!("written from the host at {word}"),
            &flags,
            &expected[0],
        )?;
    }
    Ok(())
}

pub(super) fn the_defrag_file_is_the_containers_own_and_the_hosts_stays() -> Outcome {
    let _host = Setting::put(DEFRAG, "defer")?;
    let mut scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    expect_eq("unset", chosen(&scout.read(DEFRAG)?), "defer")?;
    let hosts = read(DEFRAG)?;
    for word in WORDS {
        set(&ns, &[("thp_defrag", word), ("thp_defrag.inside", "ro")])?;
        let text = hosts.replace("[defer]", "defer");
        let marked: Vec<String> = text
            .split(' ')
            .map(|it| {
                if it == word {
                    format!("[{it}]")
                } else {
                    it.to_owned()
                }
            })
            .collect();
        expect_eq("the file inside", scout.read(DEFRAG)?, marked.join(" "))?;
        let refused = scout.write(DEFRAG, "never")?;
        expect_eq("a write", refused.as_deref(), Some("EPERM"))?;
    }
    set(&ns, &[("thp_defrag.inside", "rw")])?;
    for word in WORDS {
        expect_eq("the refusal", scout.write(DEFRAG, word)?, None)?;
        expect_eq("the word then", chosen(&scout.read(DEFRAG)?), word)?;
    }
    let misspelt = scout.write(DEFRAG, "sometimes")?;
    expect_eq("a wrong word", misspelt.as_deref(), Some("EINVAL"))?;
    expect_eq("the host's file", read(DEFRAG)?, hosts)?;
    {
        let _meanwhile = Setting::put(DEFRAG, "madvise")?;
        expect_eq("the host's new word", chosen(&read(DEFRAG)?), "madvise")?;
        expect_eq("the container's", chosen(&scout.read(DEFRAG)?), "never")?;
    }
    set(&ns, &[("thp_defrag", "inherit")])?;
    expect_eq("unset again", chosen(&scout.read(DEFRAG)?), "defer")
}
