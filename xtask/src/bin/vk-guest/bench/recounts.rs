//! What a recount costs, against the tasks and the mappings that it looks at: the kernel's
//! function-graph tracer on the walk, with the processor's counter for a clock.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};

use super::births::{costs_of, Tracer};
use super::quiet;
use crate::policy::{set, target};
use crate::row::row;
use crate::scout::{Order, Scout};
use crate::{module, namespace, port};

/// The walk over a container's mappings.
const WALK: &str = "vk_accounted_pages";

/// Children of one process, and the mappings of each beyond those of its program.
const SHAPES: &[(usize, usize)] = &[
    (0, 0),
    (1, 16),
    (1, 1024),
    (1, 8192),
    (16, 16),
    (16, 1024),
    (128, 16),
    (128, 128),
];

/// How often each is counted.
const TIMES: usize = 20;

/// What is shown was counted not more than 100 ms ago.
const PAUSE: Duration = Duration::from_millis(110);

/// Measures, and tells.
///
/// # Errors
///
/// The kernel cannot trace, or the module does not count.
pub(crate) fn run() -> Result<()> {
    module::load(&[])?;
    port::say("tasks    VMAs  count      min   median  per VMA".to_owned());
    let told = SHAPES.iter().try_for_each(|shape| tells(*shape));
    // A namespace that has ended holds it for a moment.
    module::remove();
    told
}

fn tells((tasks, maps): (usize, usize)) -> Result<()> {
    let mut scout = Scout::send_into_new_namespace()?;
    scout.does(&Order::Crowd { tasks, maps })?;
    let number = scout.namespace()?;
    let ns = target(number);
    set(&ns, &[("vm.overcommit_memory", "1")])?;
    quiet::wait()?;
    let tracer = Tracer::start(&[WALK])?;
    for _ in 0..TIMES {
        thread::sleep(PAUSE);
        row("stat", &ns, &ns)?;
    }
    let costs = costs_of(&tracer.stop()?, &[WALK]);
    let cost = costs.get(WALK).context("the tracer saw no recount")?;
    ensure!(cost.count >= TIMES / 2, "the tracer saw {cost:?}");
    let (tasks, vmas) = size_of(number)?;
    port::say(format!(
        "{tasks:<6} {vmas:>6} {:>6} {:>8} {:>8} {:>8}",
        cost.count,
        cost.min,
        cost.median,
        cost.median / vmas.max(1),
    ));
    scout.recall()
}

/// Counts the processes of a namespace and their mappings.
fn size_of(ns: u64) -> Result<(u64, u64)> {
    let mut size = (0, 0);
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|it| it.parse().ok()) else {
            continue;
        };
        if namespace::id_of(pid).is_ok_and(|id| id == ns) {
            let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
            size = (size.0 + 1, size.1 + maps.lines().count() as u64);
        }
    }
    Ok(size)
}
