//! One step of a longer work: it prints one line with its elapsed time, and progress while it lasts.

use std::cell::{Cell, RefCell};
use std::fs::{self, File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

/// How often a step says that it still runs where no terminal shows a moving line.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// A step in progress.
pub(crate) struct Step {
    name: String,
    started: Instant,
    bar: Option<ProgressBar>,
    last_sign: Cell<Instant>,
    log: RefCell<File>,
    log_path: PathBuf,
    detail: RefCell<String>,
}

/// Runs `work` as the step `name`, and prints one line about it when it is done.
///
/// The commands' output goes to a file in `logs`.
///
/// # Errors
///
/// Those of `work`, with `advice` (what the reader can do) and the log's path.
pub(crate) fn step<T>(
    logs: &Path,
    name: &str,
    advice: &str,
    work: impl FnOnce(&Step) -> Result<T>,
) -> Result<T> {
    let step = Step::start(logs, name)?;
    let outcome = work(&step);
    step.finish(outcome.is_ok());
    outcome.with_context(|| {
        format!(
            "step \"{name}\" failed; {advice} (whole output: {})",
            step.log_path.display()
        )
    })
}

/// Runs `work` as a step that prints no line of its own: its caller prints one.
///
/// # Errors
///
/// Those of `work`.
pub(crate) fn unannounced<T>(
    logs: &Path,
    name: &str,
    work: impl FnOnce(&Step) -> Result<T>,
) -> Result<T> {
    let step = Step::start(logs, name)?;
    let outcome = work(&step);
    step.clears();
    outcome
}

impl Step {
    fn start(logs: &Path, name: &str) -> Result<Self> {
        fs::create_dir_all(logs).with_context(|| format!("cannot make {}", logs.display()))?;
        let log_path = logs.join(format!("{}.log", name.replace([' ', '/'], "-")));
        let log = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(&log_path)
            .with_context(|| format!("cannot write {}", log_path.display()))?;
        let now = Instant::now();
        Ok(Self {
            name: name.to_owned(),
            started: now,
            bar: bar(name),
            last_sign: Cell::new(now),
            log: RefCell::new(log),
            log_path,
            detail: RefCell::default(),
        })
    }

    /// Prints the command that the step runs.
    pub(crate) fn says_command(&self, command: &str) {
        self.writes_log(&format!("$ {command}\n"));
        self.prints(&format!("$ {command}"));
    }

    /// Prints a line for the reader.
    pub(crate) fn prints(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    /// Takes a line of a command's output: kept in the log, shown as progress.
    pub(crate) fn takes_line(&self, line: &str) {
        self.writes_log(line);
        self.writes_log("\n");
        self.progresses(line);
    }

    /// Shows what the step is doing now.
    pub(crate) fn progresses(&self, text: &str) {
        let text: String = text.trim().chars().take(70).collect();
        if let Some(bar) = &self.bar {
            bar.set_message(text);
        } else if self.last_sign.get().elapsed() >= HEARTBEAT {
            self.last_sign.set(Instant::now());
            let seconds = self.started.elapsed().as_secs();
            eprintln!("  {}: {seconds} s so far: {text}", self.name);
        }
    }

    /// Adds a word to the line that the step prints when it is done.
    pub(crate) fn notes(&self, detail: impl Into<String>) {
        *self.detail.borrow_mut() = detail.into();
    }

    fn writes_log(&self, text: &str) {
        // A full disk shows in the step itself; its log is no reason to stop.
        let _ = self.log.borrow_mut().write_all(text.as_bytes());
    }

    fn clears(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn finish(&self, succeeded: bool) {
        self.clears();
        let seconds = self.started.elapsed().as_secs_f64();
        let verdict = if succeeded { "done" } else { "FAILED" };
        let detail = self.detail.borrow();
        let gap = if detail.is_empty() { "" } else { "  " };
        eprintln!("{:<28} {verdict} {seconds:>7.1} s{gap}{detail}", self.name);
    }
}

fn bar(name: &str) -> Option<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {prefix:<26} {elapsed} {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_prefix(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    Some(bar)
}
