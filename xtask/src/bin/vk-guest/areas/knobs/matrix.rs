//! Every knob that the host has a file for, turned both ways, on every way to memory.
//!
//! What is expected at a word is what the kernel itself gives a task of the host at that word.

use anyhow::Result;

use super::memory::Memory;
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::{Kind, Order};
use crate::setting::{Setting, THP};
use crate::tracer::Tracer;

pub(super) const SHMEM: &str = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";

const MIB: usize = 4;

/// One file of the host, and the key of a container.
pub(super) struct Knob {
    pub(super) key: &'static str,
    pub(super) file: &'static str,
    /// Next to each other: a container's and the host's.
    pub(super) words: &'static [&'static str],
    /// What is done to the memory.
    work: [&'static str; 2],
    /// What the host says otherwise, so that the knob has something to say.
    pub(super) host: &'static [(&'static str, &'static str)],
    /// Whether it shows only in what the allocator is asked for.
    is_effort: bool,
}

pub(super) const ENABLED: Knob = Knob {
    key: "thp_enabled",
    file: THP,
    words: &["always", "never", "madvise"],
    work: ["touch", "huge touch"],
    host: &[],
    is_effort: false,
};

pub(super) const SHMEM_ENABLED: Knob = Knob {
    key: "thp_shmem_enabled",
    file: SHMEM,
    words: &["always", "never", "advise"],
    ..ENABLED
};

pub(super) const DEFRAG: Knob = Knob {
    key: "thp_defrag",
    file: "/sys/kernel/mm/transparent_hugepage/defrag",
    words: &["always", "never"],
    host: &[(THP, "always"), (SHMEM, "always")],
    is_effort: true,
    ..ENABLED
};

pub(super) const ZERO_PAGE: Knob = Knob {
    key: "thp_use_zero_page",
    file: "/sys/kernel/mm/transparent_hugepage/use_zero_page",
    words: &["0", "1"],
    work: ["read", "huge read"],
    host: &[(THP, "always"), (SHMEM, "always")],
    is_effort: false,
};

/// A way to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Fault,
    /// The first touch is that of a child's child.
    Fork,
    /// What has been made longer, elsewhere.
    Mremap,
    Shared(Kind),
}

const WAYS: [Way; 6] = [
    Way::Fault,
    Way::Fork,
    Way::Mremap,
    Way::Shared(Kind::Anonymous),
    Way::Shared(Kind::Memfd),
    Way::Shared(Kind::Sysv),
];

/// What somebody has got by one way.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    way: Way,
    work: &'static str,
    anonymous_kb: u64,
    shared_kb: u64,
    eligible: u64,
    efforts: Vec<String>,
}

fn all_ways(memory: &mut Memory, knob: &Knob, tracer: Option<&Tracer>) -> Result<Vec<Seen>> {
    let mut all = Vec::new();
    for way in WAYS {
        for work in knob.work {
            goes(memory, way, knob.work[0], work)?;
            let efforts = match tracer {
                Some(tracer) => tracer.takes(memory.scout.pid()?, "gfp_flags")?,
                None => Vec::new(),
            };
            all.push(Seen {
                way,
                work,
                anonymous_kb: memory.smaps("AnonHugePages")?,
                shared_kb: memory.smaps("ShmemPmdMapped")?,
                eligible: memory.smaps("THPeligible")?,
                efforts,
            });
        }
    }
    Ok(all)
}

/// `before` is done to what then grows: an advice would make several mappings of it, which mremap(2)
/// does not take.
fn goes(memory: &mut Memory, way: Way, before: &str, work: &str) -> Result<()> {
    match way {
        Way::Shared(kind) => memory.maps(&Order::HoldKind(kind, MIB), MIB)?,
        _ => memory.maps(&Order::Hold(MIB), MIB)?,
    }
    match way {
        Way::Fork => memory.scout.does(&Order::ForkTwice).map(|_| ())?,
        Way::Mremap => {
            memory.works(before)?;
            memory.maps(&Order::Grow(3 * MIB), 3 * MIB)?;
        }
        _ => {}
    }
    memory.works(work)
}

/// Compares a container, one in it without a word of its own, and the host beside them with what the
/// host alone has at each word; then once more when the host has changed its mind.
fn turns(knob: &Knob) -> Outcome {
    let put = |(file, word): &(&'static str, &str)| Setting::put(file, word);
    let _host = knob.host.iter().map(put).collect::<Result<Vec<_>>>()?;
    let tracer = match knob.is_effort {
        true => Some(Tracer::event("kmem/mm_page_alloc", "order == 9")?),
        false => None,
    };
    let seen = |memory: &mut Memory| all_ways(memory, knob, tracer.as_ref());
    let mut its = Memory::of_host()?;
    let mut expected = Vec::new();
    for word in knob.words {
        let _host = Setting::put(knob.file, word)?;
        expected.push(seen(&mut its)?);
    }
    let differ = expected.windows(2).all(|pair| pair[0] != pair[1]);
    expect(differ, "the host has the same at each word", "a difference")?;
    let mut ours = Memory::of_container(&[(knob.key, knob.words[0])])?;
    let mut nested = Memory::below(&ours)?;
    for (at, word) in knob.words.iter().enumerate() {
        ours.set(&[(knob.key, word)])?;
        let host_at = (at + 1) % knob.words.len();
        let _host = Setting::put(knob.file, knob.words[host_at])?;
        let what = |who: &str| format!("{who}, {word} beside {}", knob.words[host_at]);
        expect_eq(&what("inside"), &seen(&mut ours)?, &expected[at])?;
        expect_eq(&what("nested"), &seen(&mut nested)?, &expected[at])?;
        expect_eq(&what("host"), &seen(&mut its)?, &expected[host_at])?;
        let _meanwhile = Setting::put(knob.file, word)?;
        expect_eq(&what("host, then alike"), &seen(&mut its)?, &expected[at])?;
        expect_eq(
            &what("inside, then alike"),
            &seen(&mut ours)?,
            &expected[at],
        )?;
    }
    Ok(())
}

pub(super) fn every_way_to_memory_follows_enabled() -> Outcome {
    turns(&ENABLED)
}

pub(super) fn every_way_to_memory_follows_shmem_enabled() -> Outcome {
    turns(&SHMEM_ENABLED)
}

pub(super) fn every_way_to_memory_follows_defrag() -> Outcome {
    turns(&DEFRAG)
}

pub(super) fn every_way_to_memory_follows_use_zero_page() -> Outcome {
    turns(&ZERO_PAGE)
}
