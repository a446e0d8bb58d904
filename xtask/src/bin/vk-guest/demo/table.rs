//! The table: what containers and the host read, and what happens to them.

use anyhow::{anyhow, Context};
use comfy_table::{presets, CellAlignment, ColumnConstraint, ContentArrangement, Table};

use crate::actor::Reading;
use crate::demo::cast::Cast;
use crate::demo::nested;
use crate::demo::place::Place;
use crate::demo::postgres::REFUSAL;
use crate::demo::redis::WARNING;
use crate::dmesg::KernelLog;
use crate::problem::Problem;

/// How wide the table may be.
const WIDTH: u16 = 152;

/// The large private mapping.
const LARGE_MIB: &str = "1024";

/// The mapping that is touched, without madvise.
const TOUCHED_MIB: &str = "64";

/// The columns. All but the last are as wide as what is in them.
const HEAD: [&str; 8] = [
    "container",
    "policy",
    "overcommit_\nmemory",
    "CommitLimit",
    "transparent_hugepage/\nenabled",
    "private\nmapping\nof 1 GiB",
    "AnonHugePages\nof 64 MiB\ntouched",
    "log",
];

/// Everything that a row needs, from one program: three files, two mappings.
const LOOK: &str = "cat /proc/sys/vm/overcommit_memory && echo -- \
    && grep CommitLimit /proc/meminfo && echo -- \
    && cat /sys/kernel/mm/transparent_hugepage/enabled && echo -- \
    && /vk/vk-guest act map \"$1\" && echo -- && /vk/vk-guest act map \"$2\" touch";

/// Looks at each container, the namespace inside of one, and the host; returns the lines.
///
/// # Errors
///
/// A program in one of them fails.
pub(crate) fn lines(cast: &Cast) -> Result<Vec<String>, Problem> {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(WIDTH).set_header(HEAD);
    for member in cast.members() {
        let (name, policy) = (member.role.name, member.role.policy.join("\n"));
        let log = member.container.log()?;
        let place = Place::In(&member.container);
        table.add_row(row(name, &policy, &log, &place)?);
    }
    let inner = Place::With(nested::inner(cast)?);
    table.add_row(row("nested/inner", "that of nested", "", &inner)?);
    table.add_row(row("host", "its own", "", &Place::Host)?);
    for column in table.column_iter_mut().take(HEAD.len() - 1) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    for numbers in [2, 3, 6] {
        if let Some(column) = table.column_mut(numbers) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    Ok(table.lines().collect())
}

fn row(
    name: &str,
    policy: &str,
    program_log: &str,
    place: &Place<'_>,
) -> Result<Vec<String>, Problem> {
    let kernel_log = KernelLog::from_now()?;
    let look = ["sh", "-c", LOOK, "look", LARGE_MIB, TOUCHED_MIB];
    let seen = place.run(&look)?.success();
    let seen = seen.with_context(|| format!("looking around in {name}"))?;
    let parts: Vec<&str> = seen.split("\n--\n").collect();
    let [mode, limit, thp, large, touched] = parts[..] else {
        return Err(anyhow!("looking around in {name} printed: {seen}").into());
    };
    let limit = limit.trim_start_matches("CommitLimit:").trim();
    let large = Reading::parse(large);
    let touched = Reading::parse(touched);
    let huge = touched.word("anon_huge_kb");
    let huge = huge.map_or("?".to_owned(), |number| format!("{number} kB"));
    let policy = if policy.is_empty() { "none" } else { policy };
    let log = log(program_log, &kernel_log.lines()?);
    let cells = [
        name,
        policy,
        mode,
        limit,
        thp,
        large.word("map").unwrap_or("?"),
        &huge,
        &log,
    ];
    Ok(cells.map(|cell| cell.trim().to_owned()).to_vec())
}

/// Picks the lines that tell what the policy did.
fn log(program: &str, kernel: &[String]) -> String {
    let mut lines = Vec::new();
    if program.contains(WARNING) {
        lines.push(format!("redis: {WARNING}"));
    }
    let refusals = kernel.iter().filter(|line| line.contains(REFUSAL));
    lines.extend(refusals.map(|line| shortened(line)));
    match lines.is_empty() {
        true => "-".to_owned(),
        false => lines.join("\n"),
    }
}

/// Keeps the beginning of the kernel's line: who was refused.
fn shortened(line: &str) -> String {
    match line.split_once(", bytes:") {
        Some((who, _)) => format!("{who}, ..."),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_refusals_and_warnings_only() {
        let kernel = [
            "__vm_enough_memory: pid: 7, comm: x".to_owned(),
            "vkernel: armed".to_owned(),
        ];
        assert_eq!(log("", &kernel), "__vm_enough_memory: pid: 7, comm: x");
        let program = format!("1:C # {WARNING} Without it");
        assert_eq!(log(&program, &[]), format!("redis: {WARNING}"));
        assert_eq!(log("", &[]), "-");
    }
}
