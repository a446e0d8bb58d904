//! `hookability`: which back end can hook which function of a kernel, and why others cannot.
//!
//! The facts are the kernel's own lists in its file; the judgement on inline hooks is
//! `vk_hook::Plan`'s, the planner that a module uses.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{presets, CellAlignment, Table};
use serde::Serialize;
use xtask::verdict::{Verdict, YES};

use crate::cache::Cache;
use crate::kernel::Variant;
use crate::lab::Lab;
use crate::payload::Payload;
use crate::report::Report;
use crate::root::Root;
use crate::vmlinux::Vmlinux;
use crate::{hookcheck, workspace};

mod image;
mod judge;
mod reason;
mod references;
mod tables;
#[cfg(test)]
mod tests;

use judge::Judge;
use reason::Reason;

/// The CSV among the files of a guest.
const CSV: &str = "hookability.csv";

/// What `hookability` was asked for.
pub(crate) struct Wanted<'a> {
    /// The kernel; the newest stock kernel, if not given.
    pub(crate) vmlinux: Option<&'a Path>,
    /// Where a line for each symbol goes.
    pub(crate) csv: Option<&'a Path>,
    /// Whether to print JSON instead of tables.
    pub(crate) is_json: bool,
}

/// What there is to say about one kernel.
#[derive(Serialize)]
pub(crate) struct Hookability {
    version: u32,
    release: String,
    build_id: String,
    functions: Vec<Verdict>,
}

/// Prints the report.
///
/// # Errors
///
/// The kernel cannot be read, or the file not be written.
pub(crate) fn run(wanted: &Wanted<'_>) -> Result<()> {
    let vmlinux = hookcheck::open(&Cache::find()?, wanted.vmlinux)?;
    let report = Hookability::of(&vmlinux)?;
    if let Some(path) = wanted.csv {
        let text = report.csv()?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    match wanted.is_json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => println!("{}", report.text()),
    }
    Ok(())
}

/// Adds the CSV of the guest's kernel to what the guest brings along.
///
/// # Errors
///
/// The kernel cannot be read, or the file not be written.
pub(crate) fn add(lab: &Lab, variant: Option<Variant>, payload: &mut Payload) -> Result<()> {
    let image = variant.map(|it| Ok::<_, anyhow::Error>(lab.kernel(it)?.image));
    let vmlinux = hookcheck::open(&lab.cache, image.transpose()?.as_deref())?;
    let dir = workspace::dir().join("target");
    fs::create_dir_all(&dir)?;
    let path = dir.join(CSV);
    fs::write(&path, Hookability::of(&vmlinux)?.csv()?)?;
    payload.add(CSV, path)
}

/// The name of the check.
pub(crate) const NAME: &str = "build/hookability";

/// Functions of Linux 7.2.12, judged by hand with objdump: what F and P should say.
const BY_HAND: &[(&str, &str, &str)] = &[
    ("__vm_enough_memory", YES, YES),
    ("percpu_counter_add_batch", "no-site", YES),
    ("x64_sys_call", "no-site", YES),
    ("thermal_zone_device_critical", YES, "too-short"),
    ("native_write_cr0", "no-site", "branch-inside"),
    ("native_read_msr", "no-site", "exception-table"),
    ("set_seg", YES, YES),
    ("abort", YES, "bug"),
    ("umask2_show", YES, "jump-label"),
    ("perf_guest_get_msrs", YES, "static-call"),
    ("pgd_val", "no-site", "alternative"),
    ("do_int3", YES, "nokprobe"),
    ("memcpy", "no-site", "noinstr"),
];

/// Compares what the front page of vk-hook says with the stock kernel, as a check.
///
/// # Errors
///
/// The page cannot be read.
pub(crate) fn check(cache: &Cache, report: &mut Report) -> Result<()> {
    if Root::existing(cache).is_err() {
        let why = "the stock kernel is in the build root: `cargo xtask setup` makes it";
        report.skipped(NAME, why);
        return Ok(());
    }
    let readme = fs::read_to_string(workspace::dir().join("vk-hook/README.md"))?;
    let seen = hookcheck::open(cache, None).and_then(|vmlinux| Hookability::of(&vmlinux));
    let seen = match seen {
        Ok(seen) => seen,
        Err(error) => {
            report.failed(NAME, format!("{error:#}, expected a kernel to judge"));
            return Ok(());
        }
    };
    let missing = seen.missing(&readme);
    let wrong = BY_HAND.iter().filter(|by_hand| !seen.says(by_hand));
    let problems = wrong.map(|(name, f, p)| format!("{name} is not F {f}, P {p}"));
    let rows = missing
        .iter()
        .map(|row| format!("not in vk-hook/README.md: {row}"));
    let problems: Vec<String> = problems.chain(rows).collect();
    match problems.first() {
        None => report.ok(NAME),
        Some(first) => {
            let (count, release) = (problems.len(), &seen.release);
            let seen = format!("{release}: {count} differences, as {first}");
            report.failed(NAME, format!("{seen}, expected none: review them"));
        }
    }
    Ok(())
}

/// The cells of a row, whatever their widths.
fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split('|').map(str::trim).collect()
}

impl Hookability {
    /// Judges all functions of a kernel.
    ///
    /// # Errors
    ///
    /// A list that the kernel keeps of its own code cannot be read.
    pub(crate) fn of(vmlinux: &Vmlinux) -> Result<Self> {
        let build_id = vmlinux.build_id().context("the kernel has no build-id")?;
        Ok(Self {
            version: 1,
            release: vmlinux.release().unwrap_or_default(),
            build_id: build_id.to_string(),
            functions: Judge::of(vmlinux)?.verdicts(),
        })
    }

    /// Returns a line for each symbol, behind one with the columns' names.
    ///
    /// # Errors
    ///
    /// None that a sound program would see.
    pub(crate) fn csv(&self) -> Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        self.functions
            .iter()
            .try_for_each(|verdict| writer.serialize(verdict))?;
        Ok(writer.into_inner()?)
    }

    /// Returns the counts, as tables.
    fn text(&self) -> String {
        let (release, all) = (&self.release, self.functions.len());
        let tables = self.tables().map(|table| table.to_string()).join("\n\n");
        format!("{release}: {all} symbols of functions\n\n{tables}")
    }

    fn tables(&self) -> [Table; 3] {
        [
            self.back_ends(),
            self.reasons("back end F cannot take", |it| &it.f),
            self.reasons("back end P cannot take", |it| &it.p),
        ]
    }

    /// Whether it says this of a function.
    fn says(&self, (name, f, p): &(&str, &str, &str)) -> bool {
        let mut functions = self.functions.iter();
        let verdict = functions.find(|it| it.symbol == *name);
        verdict.is_some_and(|it| it.f == *f && it.p == *p)
    }

    /// Returns the rows that `readme` has not.
    fn missing(&self, readme: &str) -> Vec<String> {
        let has = |row: &&String| readme.lines().any(|line| cells(line) == cells(row));
        let text = self.tables().map(|table| table.to_string()).join("\n");
        let rows: Vec<String> = text.lines().map(str::to_owned).collect();
        let rows = rows.iter().filter(|row| !row.contains("---"));
        rows.filter(|row| !has(row)).cloned().collect()
    }

    fn back_ends(&self) -> Table {
        let mut table = table(["can be taken by", "symbols", "of these with a type in BTF"]);
        for (name, shown) in [
            ("F+P", "F and P"),
            ("F", "F alone"),
            ("P", "P alone"),
            ("neither", "neither"),
        ] {
            let those = self.functions.iter().filter(|it| it.back_ends == name);
            let typed = those.clone().filter(|it| it.has_type).count();
            table.add_row([
                shown.to_owned(),
                those.count().to_string(),
                typed.to_string(),
            ]);
        }
        table
    }

    /// Counts what one back end says, most frequent first.
    fn reasons(&self, what: &str, answer: fn(&Verdict) -> &str) -> Table {
        let mut counts = BTreeMap::<&str, usize>::new();
        for verdict in &self.functions {
            *counts.entry(answer(verdict)).or_default() += 1;
        }
        counts.remove(YES);
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let mut table = table([what, "symbols", "because"]);
        for (name, count) in counts {
            let meaning = Reason::ALL.iter().find(|it| it.1 == name);
            let meaning = meaning.map_or("", |it| it.2);
            table.add_row([name.to_owned(), count.to_string(), meaning.to_owned()]);
        }
        table
    }
}

fn table(header: [&str; 3]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(header);
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
