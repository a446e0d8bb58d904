//! A limit on the time of one check, so that one that hangs fails by name.

use std::fs;
use std::process;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use xtask::protocol::Line;

use crate::{leaks, port};

/// How long a check may take.
const LIMIT: Duration = Duration::from_secs(180);

/// How long on the debug kernel, which is the one that has kmemleak.
const DEBUG_LIMIT: Duration = Duration::from_secs(600);

static WATCHED: Mutex<Option<(String, Instant)>> = Mutex::new(None);

/// Starts the thread that looks after the checks.
pub(crate) fn start() {
    thread::spawn(|| loop {
        thread::sleep(Duration::from_secs(1));
        let overdue = watched().as_ref().filter(is_overdue).cloned();
        if let Some((name, _)) = overdue {
            gives_up(name);
        }
    });
}

/// Begins to watch the check `name`.
pub(crate) fn watches(name: &str) {
    *watched() = Some((name.to_owned(), Instant::now()));
}

/// Stops watching.
pub(crate) fn rests() {
    *watched() = None;
}

fn watched() -> std::sync::MutexGuard<'static, Option<(String, Instant)>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn limit() -> Duration {
    match leaks::are_looked_for() {
        true => DEBUG_LIMIT,
        false => LIMIT,
    }
}

fn is_overdue(watched: &&(String, Instant)) -> bool {
    watched.1.elapsed() > limit()
}

/// Ends the machine: what hangs in the kernel cannot be cleared away for the next check.
fn gives_up(name: String) {
    // Every blocked task with its stack goes to the console, for whoever looks for the reason.
    let _ = fs::write("/proc/sysrq-trigger", "w");
    let seconds = limit().as_secs();
    port::send(&Line::Failed {
        name,
        why: format!("it still ran after {seconds} s, expected an end"),
    });
    port::close();
    process::exit(1);
}
