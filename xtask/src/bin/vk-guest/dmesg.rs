//! The kernel log, read from a mark on.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result};
use rustix::fs::OFlags;
use xtask::kernel_log::alarm;

/// A record is never longer: `PRINTKRB_RECORD_MAX` in kernel/printk/internal.h.
const RECORD_MAX: usize = 8192;

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
        let mut record = [0; RECORD_MAX];
        loop {
            match self.file.read(&mut record) {
                Ok(0) => return Ok(lines),
                Ok(len) => lines.push(text(&record[..len])),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(lines),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_a_record_down_to_its_text() {
        let record = b"6,339,5140900,-;NET: Registered; yes\n SUBSYSTEM=net\n";
        assert_eq!(text(record), "NET: Registered; yes");
    }
}
