//! A run of the guest: booted with a request, its report read to the verdict.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use xtask::protocol::{Counts, Line};
use xtask::request::Request;

use crate::payload::Payload;
use crate::qemu::{Accel, End, Machine};
use crate::report::Report;
use crate::run_dir::RunDir;

/// The end of a console that a failure shows.
const SHOWN_LINES: usize = 5;

/// A kernel and a disk, to be booted with requests.
pub(crate) struct Guest {
    /// The kernel's image.
    pub(crate) kernel: std::path::PathBuf,
    /// The initramfs, less the payload.
    pub(crate) initramfs: std::path::PathBuf,
    /// The root file system.
    pub(crate) disk: std::path::PathBuf,
    /// How it executes.
    pub(crate) accel: Accel,
    /// More words for the kernel.
    pub(crate) append: String,
}

impl Guest {
    /// Boots with `request` and passes the guest's lines on to `report`.
    ///
    /// Returns whether the guest ended as it should: by itself, with one verdict that agrees with
    /// its lines. If not, that is a failed check of `report` too.
    ///
    /// # Errors
    ///
    /// The machine cannot be started.
    pub(crate) fn run(
        &self,
        payload: &Payload,
        request: &Request,
        console: &Path,
        limit: Duration,
        report: &mut Report,
    ) -> Result<bool> {
        let (_dir, machine) = self.machine(payload, request)?;
        let mut verdicts = Verdicts::default();
        let end = machine.run(console, limit, |text| match Line::parse(text) {
            Some(line) => {
                verdicts.take(&line);
                report.take(line);
            }
            None => println!("{text}"),
        })?;
        let Err(what) = verdicts.judge(&end, limit) else {
            return Ok(true);
        };
        let area = report.open_area().unwrap_or("guest").to_owned();
        report.end();
        let why = format!(
            "{what}, expected one verdict; the console ends: {} (all of it: {})",
            tail(console),
            console.display()
        );
        report.failed(format!("{area}/verdict"), why);
        Ok(false)
    }

    /// Boots with a prompt on the terminal.
    ///
    /// # Errors
    ///
    /// The machine cannot be started.
    pub(crate) fn interact(&self, payload: &Payload) -> Result<()> {
        let (_dir, machine) = self.machine(payload, &Request::Shell)?;
        machine.interact()
    }

    /// Writes the initramfs of this run; it lives as long as the returned directory.
    fn machine(&self, payload: &Payload, request: &Request) -> Result<(RunDir, Machine)> {
        let dir = RunDir::make()?;
        let initramfs = dir.path().join("initramfs");
        let mut bytes = fs::read(&self.initramfs)
            .with_context(|| format!("cannot read {}", self.initramfs.display()))?;
        bytes.extend(payload.pack(request)?);
        fs::write(&initramfs, bytes)?;
        let machine = Machine {
            kernel: self.kernel.clone(),
            initramfs,
            disk: Some(self.disk.clone()),
            append: self.append.clone(),
            memory_mib: 3072,
            cpus: match self.accel {
                Accel::Icount => 1,
                Accel::Kvm | Accel::Tcg | Accel::TcgInTurn => 2,
            },
            accel: self.accel,
        };
        Ok((dir, machine))
    }
}

/// What the guest said about its own end.
#[derive(Default)]
struct Verdicts {
    seen: Counts,
    said: Vec<Counts>,
}

impl Verdicts {
    fn take(&mut self, line: &Line) {
        self.seen.count(line);
        if let Line::Verdict(counts) = line {
            self.said.push(*counts);
        }
    }

    fn judge(&self, end: &End, limit: Duration) -> Result<(), String> {
        match (end, self.said.as_slice()) {
            (End::TimeOut, _) => Err(format!("the guest still ran after {} s", limit.as_secs())),
            (End::Itself, [one]) if *one == self.seen => Ok(()),
            (End::Itself, [one]) => Err(format!("the guest says {one}, but sent {}", self.seen)),
            (End::Itself, all) => Err(format!("the guest ended with {} verdicts", all.len())),
        }
    }
}

fn tail(console: &Path) -> String {
    let log = fs::read(console).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(1);

    fn verdicts(lines: &[&str]) -> Verdicts {
        let mut verdicts = Verdicts::default();
        let lines = lines.iter().filter_map(|line| Line::parse(line));
        lines.for_each(|line| verdicts.take(&line));
        verdicts
    }

    #[test]
    fn takes_exactly_one_verdict() {
        let one = "verdict 1 passed, 0 failed, 0 skipped";
        let judge = |lines: &[&str]| verdicts(lines).judge(&End::Itself, LIMIT);
        assert!(judge(&["ok a/b", one]).is_ok());
        assert!(judge(&["ok a/b"]).is_err());
        assert!(judge(&["ok a/b", one, one]).is_err());
    }

    #[test]
    fn refuses_a_verdict_that_does_not_count_right() {
        let lines = ["ok a/b", "ok a/c", "verdict 1 passed, 0 failed, 0 skipped"];
        assert!(verdicts(&lines).judge(&End::Itself, LIMIT).is_err());
    }

    #[test]
    fn refuses_a_guest_that_had_to_be_stopped() {
        let lines = ["verdict 0 passed, 0 failed, 0 skipped"];
        assert!(verdicts(&lines).judge(&End::TimeOut, LIMIT).is_err());
    }
}
