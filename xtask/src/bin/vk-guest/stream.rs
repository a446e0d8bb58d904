//! A reader of `watch` that shares no code with vkctl.

use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};
use rustix::fs::{fcntl_setfl, OFlags};

use crate::door::Door;

/// How long an event may take to be told.
const LIMIT: Duration = Duration::from_secs(20);

/// Longer lines there are none.
const LINE_MAX: usize = 4096;

/// An open file that streams, read without waiting.
pub(crate) struct Stream(Door);

/// A line of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The event's number; of `lost N`, 0.
    pub(crate) seq: u64,
    /// The event's time in nanoseconds; of `lost N`, 0.
    pub(crate) time_ns: u64,
    /// What stands behind both.
    pub(crate) text: String,
}

impl Stream {
    /// Opens the device and watches.
    ///
    /// # Errors
    ///
    /// It is refused.
    pub(crate) fn begin() -> Result<Self> {
        Self::over(Door::open()?)
    }

    /// Watches by an open device.
    ///
    /// # Errors
    ///
    /// It is refused.
    pub(crate) fn over(mut door: Door) -> Result<Self> {
        let written = door.write(b"vkernel 1 watch\n");
        let answer = door.read(LINE_MAX)?;
        ensure!(
            written == Ok(16) && answer == b"ok\n",
            "watch: {written:?}, {:?}",
            String::from_utf8_lossy(&answer)
        );
        fcntl_setfl(&door, OFlags::NONBLOCK)?;
        Ok(Self(door))
    }

    /// Takes the next line, if there is one.
    ///
    /// # Errors
    ///
    /// The kernel's, or that the read brought something else than one line.
    pub(crate) fn next(&mut self) -> Result<Option<Told>> {
        let line = match self.0.read(LINE_MAX) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            line => String::from_utf8(line?)?,
        };
        let one = line.strip_suffix('\n').filter(|one| !one.contains('\n'));
        Told::parse(one.with_context(|| format!("{line:?} is not one line"))?).map(Some)
    }

    /// Takes all lines up to one whose text begins so; waits for it.
    ///
    /// # Errors
    ///
    /// It does not come.
    pub(crate) fn until(&mut self, start: &str) -> Result<Vec<Told>> {
        let deadline = Instant::now() + LIMIT;
        let mut lines = Vec::new();
        while Instant::now() < deadline {
            match self.next()? {
                Some(told) => lines.push(told),
                None => thread::sleep(Duration::from_millis(2)),
            }
            if lines
                .last()
                .is_some_and(|told| told.text.starts_with(start))
            {
                return Ok(lines);
            }
        }
        bail!("no {start:?}, but {lines:?}")
    }
}

impl Told {
    fn parse(line: &str) -> Result<Self> {
        if line.starts_with("lost ") {
            let text = line.to_owned();
            return Ok(Self {
                seq: 0,
                time_ns: 0,
                text,
            });
        }
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().with_context(|| format!("{line:?} is short"));
        Ok(Self {
            seq: word()?.parse()?,
            time_ns: word()?.parse()?,
            text: word()?.to_owned(),
        })
    }

    /// Tells whether it is about `name`.
    pub(crate) fn is_about(&self, name: &str) -> bool {
        self.text.split(' ').nth(1) == Some(name)
    }
}
