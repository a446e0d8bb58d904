//! The kernel log, read from a mark on.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::fs::OFlags;
use rustix::time::{clock_gettime, ClockId};
use xtask::kernel_log::alarm;

/// A record is never longer: `PRINTKRB_RECORD_MAX` in kernel/printk/internal.h.
const RECORD_MAX: usize = 8192;

/// How many lines a place of the kernel prints in [`RATE_LIMIT`]: `DEFAULT_RATELIMIT_BURST` in
/// include/linux/ratelimit_types.h.
const BURST: usize = 10;

/// `DEFAULT_RATELIMIT_INTERVAL`, and a little for the jiffies.
const RATE_LIMIT: Duration = Duration::from_millis(5100);

/// The log from a mark on.
pub(crate) struct KernelLog {
    file: File,
}

impl KernelLog {
    /// Marks the present end of the log.
    ///
    /// # Errors
    ///
    /// `/dev/kmsg` cannot be read.
    pub(crate) fn from_now() -> Result<Self, crate::problem::Problem> {
        let mut log = Self::whole()?;
        log.file.seek(SeekFrom::End(0))?;
        Ok(log)
    }

    /// Marks the end of the log from which on lines with `text` are printed again.
    ///
    /// `pr_warn_ratelimited()` prints [`BURST`] lines in five seconds and is silent for the rest of them.
    /// Waits them out where no more than half of the lines are left.
    ///
    /// # Errors
    ///
    /// `/dev/kmsg` cannot be read.
    pub(crate) fn from_when_it_takes(text: &str) -> Result<Self, crate::problem::Problem> {
        let since = since_boot().saturating_sub(RATE_LIMIT);
        if Self::whole()?.count(text, since)? >= BURST / 2 {
            thread::sleep(RATE_LIMIT);
        }
        Self::from_now()
    }

    /// Takes the log from its beginning.
    ///
    /// # Errors
    ///
    /// `/dev/kmsg` cannot be read.
    pub(crate) fn whole() -> Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true);
        options.custom_flags(OFlags::NONBLOCK.bits() as i32);
        let file = options.open("/dev/kmsg").context("cannot open /dev/kmsg")?;
        Ok(Self { file })
    }

    /// Returns the lines since the mark, without their prefixes.
    ///
    /// # Errors
    ///
    /// `/dev/kmsg` cannot be read.
    pub(crate) fn lines(mut self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        self.each(|record| lines.push(text(record)))?;
        Ok(lines)
    }

    /// Returns how many lines with `words` were printed since then, in time since the boot.
    fn count(mut self, words: &str, since: Duration) -> Result<usize> {
        let mut count = 0;
        self.each(|record| {
            let late = time(record).is_some_and(|time| time >= since);
            count += usize::from(late && text(record).contains(words));
        })?;
        Ok(count)
    }

    fn each(&mut self, mut take: impl FnMut(&[u8])) -> Result<()> {
        let mut record = [0; RECORD_MAX];
        loop {
            match self.file.read(&mut record) {
                Ok(0) => return Ok(()),
                Ok(len) => take(&record[..len]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // The log ran over: what is lost cannot be read, the rest can.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                Err(error) => return Err(error).context("cannot read /dev/kmsg"),
            }
        }
    }

    /// Returns the lines since the mark by which the kernel complains.
    ///
    /// # Errors
    ///
    /// `/dev/kmsg` cannot be read.
    pub(crate) fn alarms(self) -> Result<Vec<String>> {
        let mut lines = self.lines()?;
        lines.retain(|line| alarm(line).is_some());
        Ok(lines)
    }
}

/// Returns the text of a record: `6,339,5140900,-;text`, then lines of its own properties.
fn text(record: &[u8]) -> String {
    let record = String::from_utf8_lossy(record);
    let line = record.lines().next().unwrap_or_default();
    line.split_once(';').map_or("", |(_, text)| text).to_owned()
}

/// Returns the time of a record, which is in microseconds of the kernel's local clock.
fn time(record: &[u8]) -> Option<Duration> {
    let record = String::from_utf8_lossy(record);
    let micros = record.split(',').nth(2)?.parse().ok()?;
    Some(Duration::from_micros(micros))
}

fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_a_record_down_to_its_text() {
        let record = b"6,339,5140900,-;NET: Registered; yes\n SUBSYSTEM=net\n";
        assert_eq!(text(record), "NET: Registered; yes");
    }

    #[test]
    fn finds_the_time_of_a_record() {
        let record = b"6,339,5140900,-;NET: Registered; yes\n";
        assert_eq!(time(record), Some(Duration::from_micros(5_140_900)));
        assert_eq!(time(b"broken"), None);
    }
}
