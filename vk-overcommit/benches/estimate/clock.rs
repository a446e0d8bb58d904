//! The clock: processor time.

use rustix::time::{clock_gettime, ClockId};
use std::time::Duration;

/// Returns the processor time that the calling thread has had.
pub(crate) fn of_thread() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
