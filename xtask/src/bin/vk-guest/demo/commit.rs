//! A large mapping where it is above the commit limit, and where there is none.

use crate::container::Container;
use crate::demo::place::Place;
use crate::demo::postgres::{oom_kills, REFUSAL};
use crate::dmesg::KernelLog;
use crate::problem::{expect, expect_eq, Outcome, Problem};

/// More than the containers' limits, less than the guest's memory.
const LARGE_MIB: &str = "1024";

/// More than the host's own mode 0 grants.
const TOO_LARGE_MIB: &str = "65536";

/// What the kernel says when it kills for want of memory.
const KILLS: [&str; 3] = ["oom-kill:", "Out of memory", "Killed process"];

/// Expects that a mapping fails in mode 2 while the same one is there in mode 1.
///
/// # Errors
///
/// It does not, or a process is killed.
pub(crate) fn is_refused_while_it_is_granted(limited: &Container, generous: &Container) -> Outcome {
    let log = KernelLog::from_now()?;
    let kills = || anyhow::Ok((oom_kills(limited)?, oom_kills(generous)?));
    let killed_before = kills()?;

    let granted = Place::In(generous).hold(&["map", LARGE_MIB, "hold"], "map=")?;
    expect_eq("in mode 1", granted.reading().word("map"), Some("ok"))?;
    let refused = Place::In(limited).act(&["map", LARGE_MIB])?;
    expect_eq("in mode 2", refused.word("map"), Some("ENOMEM"))?;
    let holds = std::fs::metadata(format!("/proc/{}", granted.pid()?)).is_ok();
    expect(
        holds,
        "the process in mode 1 is gone",
        "it holds its mapping",
    )?;

    expect_eq("the processes killed", kills()?, killed_before)?;
    nothing_was_killed(&log.lines()?.join("\n"))
}

/// Expects these lines of the kernel log to tell of no process killed for want of memory.
///
/// # Errors
///
/// One does.
pub(crate) fn nothing_was_killed(lines: &str) -> Outcome {
    let kill = lines
        .lines()
        .find(|line| KILLS.iter().any(|word| line.contains(word)));
    expect(kill.is_none(), kill.unwrap_or(""), "nothing killed")
}

/// Expects that a refusal is logged by the line that this kernel writes about a host's task.
///
/// # Errors
///
/// There is another line, or none.
pub(crate) fn is_logged_in_the_kernels_words(limited: &Container) -> Outcome {
    let ours = refusal(&Place::In(limited), LARGE_MIB)?;
    let kernels = refusal(&Place::Host, TOO_LARGE_MIB)?;
    expect_eq(
        "the line",
        without_numbers(&ours),
        without_numbers(&kernels),
    )
}

/// Lets a mapping be refused in `place` and returns the kernel's line about it.
fn refusal(place: &Place<'_>, mib: &str) -> Result<String, Problem> {
    let log = KernelLog::from_when_it_takes(REFUSAL)?;
    let said = place.act(&["map", mib])?;
    expect_eq("the mapping", said.word("map"), Some("ENOMEM"))?;
    let lines = log.lines()?;
    let line = lines.into_iter().find(|line| line.contains(REFUSAL));
    let line = line.ok_or_else(|| anyhow::anyhow!("no line with {REFUSAL:?} in the kernel log"))?;
    Ok(line)
}

fn without_numbers(line: &str) -> String {
    let mut words = String::new();
    for part in line.split(|c: char| c.is_ascii_digit()) {
        words.push_str(part);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_lines_but_for_their_numbers() {
        assert_eq!(
            without_numbers("pid: 17, x 4096 y"),
            without_numbers("pid: 8, x 1 y")
        );
        assert_ne!(without_numbers("pid: 17, x"), without_numbers("pid: 17, y"));
    }
}
