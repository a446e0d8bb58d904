//! What a vote costs: that of khugepaged about a range whose pages are of two containers, with more and
//! with fewer pages in it. The difference is the pages'.

use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};

use super::births::{costs_of, Tracer};
use super::quiet;
use crate::cgroup::Cgroup;
use crate::policy::{set, target};
use crate::scout::{Kind, Order, Scout};
use crate::setting::{Setting, THP};
use crate::{khugepaged, module, port};

const SHMEM: &str = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
const MAX_SHARED: &str = "/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_shared";

/// The questions that khugepaged asks: about anonymous memory and about page cache.
const FUNCTIONS: &[&str] = &["vk_ask_collapse_huge_page", "vk_ask_collapse_file"];

/// The pages in the fuller range and in the other one: of 512 shared ones khugepaged takes none.
const PAGES: [u64; 2] = [448, 64];

/// What is voted about, and how its pages are spread.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    kind: Option<Kind>,
    /// Every other page is the second container's, so that each is looked up.
    alternates: bool,
}

const SHAPES: [Shape; 3] = [
    Shape {
        name: "anonymous, one run",
        kind: None,
        alternates: false,
    },
    Shape {
        name: "anonymous, no two alike",
        kind: None,
        alternates: true,
    },
    Shape {
        name: "memfd, one run",
        kind: Some(Kind::Memfd),
        alternates: false,
    },
];

/// Measures each shape, and tells.
///
/// # Errors
///
/// khugepaged does not come by, or the kernel cannot trace.
pub(crate) fn run() -> Result<()> {
    let _host = [Setting::put(THP, "never")?, Setting::put(SHMEM, "never")?];
    let _shared = Setting::put(MAX_SHARED, "511")?;
    module::load(&[])?;
    port::say("vote                        pages present   votes     min   median   each page more; goal 60");
    for shape in SHAPES {
        let mut costs = Vec::new();
        for pages in PAGES {
            costs.push(asked(shape, pages)?);
        }
        let each = (costs[0] - costs[1]) as f64 / (PAGES[0] - PAGES[1]) as f64;
        port::say(format!("{:<60} {each:.1}", shape.name));
    }
    module::unload_when_unused()
}

/// Returns the median of the questions about a range with so many pages, which is denied each time.
fn asked(shape: Shape, pages: u64) -> Result<u64> {
    let cgroups = [Cgroup::make("vk-first")?, Cgroup::make("vk-second")?];
    let mut scout = Scout::send_into_new_namespace()?;
    let key = match shape.kind {
        None => "thp_enabled",
        Some(_) => "thp_shmem_enabled",
    };
    let first = target(scout.namespace()?);
    set(&first, &[(key, "always")])?;
    cgroups[0].takes(scout.pid()?)?;
    match shape.kind {
        None => scout.does(&Order::Enlist)?,
        Some(kind) => scout.does(&Order::HoldKind(kind, 2))?,
    };
    set(&first, &[(key, "never"), ("thp_khugepaged", "0")])?;
    if shape.kind.is_none() {
        scout.does(&Order::Hold(2))?;
    }
    scout.does(&Order::Work(format!("touch={pages}")))?;
    if shape.kind.is_none() {
        scout.does(&Order::Work("huge".to_owned()))?;
    }
    scout.does(&Order::NewPid)?;
    cgroups[1].takes(scout.pid()?)?;
    if shape.alternates {
        scout.does(&Order::Work(format!("alternate={pages}")))?;
    }
    quiet::wait()?;
    let median = votes(&target(scout.namespace()?), key, shape, pages)?;
    scout.recall()?;
    Ok(median)
}

/// Lets khugepaged come by for a while.
fn votes(second: &str, key: &str, shape: Shape, pages: u64) -> Result<u64> {
    set(second, &[(key, "always"), ("thp_khugepaged", "0")])?;
    let _hurry = khugepaged::hurry()?;
    let tracer = Tracer::start(FUNCTIONS)?;
    set(second, &[("thp_khugepaged", "1")])?;
    thread::sleep(Duration::from_secs(5));
    set(second, &[("thp_khugepaged", "0")])?;
    let costs = costs_of(&tracer.stop()?, FUNCTIONS);
    let function = FUNCTIONS[usize::from(shape.kind.is_some())];
    let cost = costs.get(function).context("khugepaged asked nothing")?;
    ensure!(cost.count >= 20, "khugepaged asked {} times", cost.count);
    port::say(format!(
        "{:<27} {pages:>13} {:>7} {:>7} {:>8}",
        shape.name, cost.count, cost.min, cost.median
    ));
    Ok(cost.median)
}
