//! swapoff(2), which asks for the room of what is swapped out while it holds a spinlock.

use std::fs::{remove_file, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result};

use crate::areas::overcommit::scouts::{holds, sent, stat, NoReserves};
use crate::calls::swapoff;
use crate::door::errno_name;
use crate::problem::{expect_eq, Outcome};
use crate::program;
use crate::scout::{Order, Scout};

/// A file that is swapped to.
struct Swap(&'static str);

impl Swap {
    fn on(path: &'static str, mib: u64) -> Result<Self> {
        let mut new = OpenOptions::new();
        let file = new.write(true).create(true).truncate(true).mode(0o600);
        let file = file.open(path).context(path)?;
        let flags = rustix::fs::FallocateFlags::empty();
        rustix::fs::fallocate(&file, flags, 0, mib << 20)?;
        let swap = Self(path);
        program::output(&["mkswap", path])?;
        program::output(&["swapon", path])?;
        Ok(swap)
    }
}

impl Drop for Swap {
    fn drop(&mut self) {
        // EINVAL where the check took it away.
        let _ = swapoff(self.0);
        let _ = remove_file(self.0);
    }
}

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
    let report = scout.order(&Order::SwapOff(swap.0.to_owned()))?;
    Ok(report.map_or_else(errno_name, |_| "ok".to_owned()))
}
