//! Memory that nobody refers to any more: Documentation/dev-tools/kmemleak.rst.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::problem::{expect, Outcome};

const PATH: &str = "/sys/kernel/debug/kmemleak";

/// kmemleak takes nothing for leaked that is younger than five seconds.
const AGE: Duration = Duration::from_secs(6);

/// Tells whether this kernel looks for leaks.
pub(crate) fn are_looked_for() -> bool {
    Path::new(PATH).exists()
}

/// Expects none, where the kernel looks for them.
///
/// # Errors
///
/// There are some, with where they were allocated.
pub(crate) fn are_none() -> Outcome {
    if !are_looked_for() {
        return Ok(());
    }
    // What was just let go may be on its way through a grace period.
    thread::sleep(AGE);
    fs::write(PATH, "scan")?;
    thread::sleep(AGE);
    fs::write(PATH, "scan")?;
    let leaks = fs::read_to_string(PATH)?;
    expect(leaks.is_empty(), leaks, "nothing leaked")
}
