//! What is measured: one file for each kind of operation.

mod file;
mod memory;
mod phase;
mod process;

use anyhow::Result;
use xtask::measurement::Workload;

use super::meter::Meter;

/// Something that can be done again and again.
pub(super) trait Operation {
    /// Does it once, and returns what it cost, in instructions.
    ///
    /// # Errors
    ///
    /// The kernel's.
    fn once(&mut self, meter: &mut Meter) -> Result<u64>;
}

/// Makes everything ready for a workload.
///
/// # Errors
///
/// The kernel's, or that it would measure something else than its name says.
pub(super) fn prepare(workload: Workload) -> Result<Box<dyn Operation>> {
    Ok(match workload {
        Workload::Getpid => Box::new(process::Getpid),
        Workload::MmapMunmap | Workload::MmapLimited | Workload::MmapWide => {
            Box::new(memory::MmapMunmap::default())
        }
        Workload::MmapRested => Box::new(memory::Rested::default()),
        Workload::Brk | Workload::BrkHuge | Workload::BrkLimited | Workload::BrkWide => {
            Box::new(memory::Brk::default())
        }
        Workload::Touch4k => Box::new(memory::TouchPage::default()),
        Workload::Touch2m => Box::new(memory::TouchHugePage::new()?),
        Workload::ForkExit => Box::new(process::ForkExit::Rested),
        Workload::ForkAgain => Box::new(process::ForkExit::Again),
        Workload::OpenClose => Box::new(file::OpenClose),
        Workload::SplitWide => Box::new(memory::Split::new()?),
        Workload::PipeLimited | Workload::PipeWide => Box::new(file::Pipe),
        Workload::RlimitWide => Box::new(process::Rlimit),
        Workload::SysctlRead | Workload::ReadWide => {
            Box::new(file::Read::of("/proc/sys/vm/max_map_count")?)
        }
        Workload::SysctlReadShared => Box::new(file::Read::of("/proc/sys/vm/swappiness")?),
        Workload::SysctlReadUnhooked => Box::new(file::Read::of("/proc/sys/kernel/ngroups_max")?),
    })
}
