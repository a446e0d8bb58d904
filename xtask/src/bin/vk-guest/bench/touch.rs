//! What huge pages of its own do for one container: the first touch of a range, and the second, beside
//! the host's own base pages.
//!
//! The processor's counter counts instructions here, so what the translation of addresses costs a
//! real processor is in no number: faults are, and what the kernel does in each.

use anyhow::{ensure, Context, Result};

use super::quiet;
use crate::mapping::{HUGE_BYTES, PAGE_BYTES};
use crate::policy::{set, target};
use crate::scout::{Order, Scout};
use crate::setting::{Setting, THP};
use crate::{mapping, module, port};

const SIZES_MIB: [usize; 3] = [64, 128, 256];

/// What one touch of a whole range took.
#[derive(Clone, Copy, Debug)]
struct Touch {
    instructions: u64,
    faults: u64,
}

/// Measures both granularities in all sizes, with the host at `never` and a container at `always`.
///
/// # Errors
///
/// The module refuses, or a range does not get the pages that its policy says.
pub(crate) fn run() -> Result<()> {
    let _never = Setting::put(THP, "never")?;
    module::load(&[])?;
    port::say("range    step   touch   host at never: instructions, faults   container at always: instructions, faults   container/host");
    for mib in SIZES_MIB {
        for (step, step_bytes) in [("4 KB", PAGE_BYTES), ("2 MB", HUGE_BYTES)] {
            compare(mib, step, step_bytes)?;
        }
    }
    module::unload_when_unused()
}

fn compare(mib: usize, step: &str, step_bytes: usize) -> Result<()> {
    let host = touches(Scout::send()?, mib, step_bytes, false)?;
    let container = Scout::send_into_new_namespace()?;
    set(
        &target(container.namespace()?),
        &[("thp_enabled", "always")],
    )?;
    let container = touches(container, mib, step_bytes, true)?;
    for ((name, host), container) in ["first", "second"].iter().zip(host).zip(container) {
        let ratio = container.instructions as f64 / host.instructions as f64;
        port::say(format!(
            "{mib:>3} MiB  {step}   {name:<6} {:>29} {:>7} {:>37} {:>7}   {ratio:>13.3}",
            host.instructions, host.faults, container.instructions, container.faults,
        ));
    }
    Ok(())
}

/// Touches a new range twice.
fn touches(mut scout: Scout, mib: usize, step_bytes: usize, is_huge: bool) -> Result<[Touch; 2]> {
    let start = scout.does(&Order::Hold(mib))?.parse()?;
    quiet::wait()?;
    let touches = [
        touch(&mut scout, step_bytes)?,
        touch(&mut scout, step_bytes)?,
    ];
    let huge = mapping::smaps_of(&scout.pid()?.to_string(), start, mib << 20, "AnonHugePages")?;
    let expected = if is_huge { (mib as u64) << 10 } else { 0 };
    ensure!(
        huge == expected,
        "{huge} kB of huge pages, expected {expected}"
    );
    scout.recall()?;
    Ok(touches)
}

fn touch(scout: &mut Scout, step_bytes: usize) -> Result<Touch> {
    let text = scout.does(&Order::Measure(step_bytes))?;
    let mut words = text.split(' ').map(str::parse);
    let mut word = || {
        words
            .next()
            .context("a number is missing")?
            .context("no number")
    };
    Ok(Touch {
        instructions: word()?,
        faults: word()?,
    })
}
