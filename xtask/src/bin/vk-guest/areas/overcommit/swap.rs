//! swapoff(2), which asks for the room of what is swapped out while it holds a spinlock.

use anyhow::Result;

use crate::areas::overcommit::scouts::{holds, sent, stat, NoReserves};
use crate::door::errno_name;
use crate::problem::{expect_eq, Outcome};
use crate::scout::{Order, Scout};
use crate::swap::Swap;

/// The limit is 64 MiB and the swap of 96. The scout was charged for 96 MiB that it has no more, which
/// a recount would find out: but nobody recounts there.
pub(super) fn who_takes_swap_away_is_judged_without_a_recount() -> Outcome {
    const SWAP_MIB: u64 = 96;
    const LIMITED: &[(&str, &str)] = &[
        ("vm.overcommit_memory", "2"),
        ("vm.overcommit_kbytes", "65536"),
    ];
    let _all = NoReserves::put()?;
    let swap = Swap::on("/var/tmp/vk-swap", SWAP_MIB)?;
    let mut scout = sent(LIMITED)?;
    scout.does(&Order::Map(SWAP_MIB as usize))?;
    expect_eq(
        "by the estimate",
        takes_away(&mut scout, &swap)?.as_str(),
        "ENOMEM",
    )?;
    // Reading it is a recount.
    stat(&scout, "held")?;
    expect_eq(
        "once recounted",
        takes_away(&mut scout, &swap)?.as_str(),
        "ok",
    )?;
    expect_eq("32 MiB", holds(&mut scout, 32)?.as_str(), "ok")?;
    expect_eq("64 MiB", holds(&mut scout, 64)?.as_str(), "ENOMEM")
}

fn takes_away(scout: &mut Scout, swap: &Swap) -> Result<String> {
    let report = scout.order(&Order::SwapOff(swap.path().to_owned()))?;
    Ok(report.map_or_else(errno_name, |_| "ok".to_owned()))
}
