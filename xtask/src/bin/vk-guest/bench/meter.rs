//! The clock of the bench: under instruction counting the time-stamp counter counts instructions.

#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io::Write;

use anyhow::{Context, Result};

/// Switches the kernel's function tracer.
const TRACING_ON: &str = "/sys/kernel/tracing/tracing_on";

/// Takes the time of one operation, or lets the kernel trace it.
pub(crate) struct Meter {
    tracer: Option<File>,
    started: u64,
}

impl Meter {
    /// Returns one that only counts.
    pub(crate) fn new() -> Self {
        Self {
            tracer: None,
            started: 0,
        }
    }

    /// Lets the kernel trace, from now on, what is measured.
    ///
    /// # Errors
    ///
    /// The kernel has no tracer.
    pub(crate) fn trace(&mut self) -> Result<()> {
        let file = OpenOptions::new().write(true).open(TRACING_ON);
        self.tracer = Some(file.with_context(|| format!("cannot open {TRACING_ON}"))?);
        Ok(())
    }

    /// Begins.
    pub(crate) fn start(&mut self) {
        self.switch_tracer("1");
        self.started = instructions();
    }

    /// Ends, and returns the instructions since the begin.
    pub(crate) fn stop(&mut self) -> u64 {
        let now = instructions();
        self.switch_tracer("0");
        now.wrapping_sub(self.started)
    }

    fn switch_tracer(&mut self, to: &str) {
        if let Some(file) = &mut self.tracer {
            // A trace that does not begin is an empty one, which its reader refuses.
            let _ = file.write_all(to.as_bytes());
        }
    }
}

pub(super) fn instructions() -> u64 {
    // SAFETY: Every x86-64 processor has the instruction, and Linux lets programs use it.
    unsafe { core::arch::x86_64::_rdtsc() }
}
