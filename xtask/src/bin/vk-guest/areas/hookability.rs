//! The report on what can be hooked, against what the running kernel says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use xtask::verdict::{Verdict, YES};

use crate::area::{checks, Area, Module};
use crate::kernel_text::KernelText;
use crate::problem::{expect, expect_eq, Outcome, Problem};

mod optimised;

use optimised::*;

/// The area.
pub(crate) const AREA: Area = Area {
    name: "hookability",
    module: Module::Out,
    checks: checks![
        the_report_has_every_function_of_kallsyms,
        back_end_f_has_the_sites_that_ftrace_lists,
        back_end_p_refuses_what_kprobes_blacklist,
        back_end_p_displaces_the_bytes_that_are_there,
        kprobes_put_jumps_where_back_end_p_can,
    ],
};

/// The report, and how far from its addresses the kernel runs.
struct Report {
    verdicts: Vec<Verdict>,
    /// What `CONFIG_RANDOMIZE_BASE` added.
    moved: u64,
}

/// A symbol of the kernel itself: address, letter, name.
type Symbol = (u64, char, String);

impl Report {
    /// Returns the report that the guest brought along.
    fn get() -> Result<&'static Self> {
        static REPORT: OnceLock<Report> = OnceLock::new();
        if let Some(report) = REPORT.get() {
            return Ok(report);
        }
        let report = Self::read()?;
        Ok(REPORT.get_or_init(|| report))
    }

    fn read() -> Result<Self> {
        let mut reader = csv::Reader::from_path("/vk/hookability.csv")?;
        let verdicts: Vec<Verdict> = reader.deserialize().collect::<Result<_, _>>()?;
        let mut report = Self { verdicts, moved: 0 };
        let symbols = symbols()?;
        let place = |name: &str| symbols.iter().find(|it| it.2 == name).map(|it| it.0);
        let mut once = report.verdicts.iter().filter(|it| it.f == YES);
        let first = once.next().context("nothing that F can take")?;
        let (here, there) = (place(&first.symbol), first.place());
        let here = here.with_context(|| format!("no {}", first.symbol))?;
        report.moved = here.wrapping_sub(there.context("no address")?);
        Ok(report)
    }

    /// Where a function is in this kernel.
    fn place(&self, verdict: &Verdict) -> u64 {
        verdict.place().unwrap_or(0).wrapping_add(self.moved)
    }

    /// Those that stay when the kernel has booted.
    fn staying(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts.iter().filter(|it| it.p != "freed")
    }
}

/// The kernel's own symbols, which do not change.
fn symbols() -> Result<&'static [Symbol]> {
    static SYMBOLS: OnceLock<Vec<Symbol>> = OnceLock::new();
    if let Some(symbols) = SYMBOLS.get() {
        return Ok(symbols);
    }
    let symbols = read_symbols()?;
    Ok(SYMBOLS.get_or_init(|| symbols))
}

fn read_symbols() -> Result<Vec<Symbol>> {
    let text = fs::read_to_string("/proc/kallsyms")?;
    let own = text.lines().filter(|line| !line.contains('\t'));
    let symbol = |line: &str| {
        let mut words = line.split(' ');
        let address = u64::from_str_radix(words.next()?, 16).ok()?;
        let letter = words.next()?.chars().next()?;
        Some((address, letter, words.next()?.to_owned()))
    };
    Ok(own.filter_map(symbol).collect())
}

/// Says what is in one set alone, or nothing.
fn differences<T: Ord + std::fmt::Debug>(ours: &BTreeSet<T>, theirs: &BTreeSet<T>) -> String {
    let some = |set: Vec<&T>| format!("{} as {:x?}", set.len(), &set[..set.len().min(5)]);
    let more = Vec::from_iter(ours.difference(theirs));
    let less = Vec::from_iter(theirs.difference(ours));
    match more.is_empty() && less.is_empty() {
        true => String::new(),
        false => format!(
            "in the report alone {}, in the kernel alone {}",
            some(more),
            some(less)
        ),
    }
}

fn expect_same<T: Ord + std::fmt::Debug>(
    ours: &BTreeSet<T>,
    theirs: &BTreeSet<T>,
    at_least: usize,
) -> Outcome {
    let seen = differences(ours, theirs);
    expect(seen.is_empty(), seen, "the same in both")?;
    expect(
        ours.len() >= at_least,
        ours.len(),
        format!("{at_least} or more"),
    )
}

fn the_report_has_every_function_of_kallsyms() -> Outcome {
    let report = Report::get()?;
    let symbols = symbols()?;
    let place = |name: &str| symbols.iter().find(|it| it.2 == name).map_or(0, |it| it.0);
    let text = place("_stext")..place("_etext");
    // Padding, and marks of the linker script.
    let is_mark = |name: &str| {
        let is_area = name.ends_with("_text_start") || name.ends_with("_text_end");
        name.starts_with("__pfx_") || is_area || ["_text", "_stext", "__pi__text"].contains(&name)
    };
    let theirs = symbols
        .iter()
        .filter(|it| text.contains(&it.0) && !is_mark(&it.2));
    let theirs = theirs.map(|it| (it.0, it.2.clone())).collect();
    let ours = report
        .staying()
        .map(|it| (report.place(it), it.symbol.clone()));
    expect_same(&ours.collect(), &theirs, 50_000)
}

fn back_end_f_has_the_sites_that_ftrace_lists() -> Outcome {
    let report = Report::get()?;
    let path = "/sys/kernel/tracing/available_filter_functions_addrs";
    let text = fs::read_to_string(path)?;
    // `ADDRESS NAME`, with the module's name behind if it is one's; weak functions that were
    // overridden have a name that says so, and are out of use.
    let theirs = text
        .lines()
        .filter(|line| !line.contains('[') && !line.contains("__ftrace_invalid_address__"));
    let theirs = theirs.map(|line| {
        let address = line.split_whitespace().next().unwrap_or_default();
        u64::from_str_radix(address.trim_start_matches("0x"), 16)
    });
    let theirs = theirs.collect::<Result<BTreeSet<u64>, _>>();
    let theirs = theirs.context("an address that is none")?;
    let sites = report
        .staying()
        .filter_map(|it| Some(report.place(it) + it.site?));
    expect_same(&sites.collect(), &theirs, 40_000)?;
    // A yes is a site, a name for it alone, and nothing else.
    let no_site = report
        .verdicts
        .iter()
        .find(|it| it.f == YES && it.site.is_none());
    expect_eq("taken without a site", no_site.map(|it| &it.symbol), None)
}

fn back_end_p_refuses_what_kprobes_blacklist() -> Outcome {
    let report = Report::get()?;
    let text = fs::read_to_string("/sys/kernel/debug/kprobes/blacklist")?;
    let starts = text.lines().filter_map(|line| {
        let start = line.strip_prefix("0x")?.split('-').next()?;
        u64::from_str_radix(start, 16).ok()
    });
    let starts: BTreeSet<u64> = starts.collect();
    let places: BTreeMap<u64, &Verdict> =
        report.staying().map(|it| (report.place(it), it)).collect();
    // It lists padding too, and ends of areas.
    let theirs: BTreeSet<u64> = starts
        .into_iter()
        .filter(|start| places.contains_key(start))
        .collect();
    // Trampolines of static calls are our own addition.
    let ours = report
        .staying()
        .filter(|it| it.is_blacklisted && it.p != "static-call-trampoline");
    let ours = ours.map(|it| report.place(it));
    expect_same(&ours.collect(), &theirs, 400)?;
    let taken = theirs.iter().find(|start| places[start].p == YES);
    expect_eq("taken", taken.map(|start| &places[start].symbol), None)
}

fn back_end_p_displaces_the_bytes_that_are_there() -> Outcome {
    if !fs::exists(KernelText::PATH)? {
        let why = format!("this kernel has no {}", KernelText::PATH);
        return Err(Problem::Skipped(why));
    }
    let report = Report::get()?;
    let text = KernelText::open()?;
    let (mut count, mut others) = (0, Vec::new());
    for verdict in report.verdicts.iter().filter(|it| it.p == YES) {
        let at = verdict.displaced_at.context("no offset")?;
        let place = report.place(verdict) + at;
        let bytes = text.read(place, verdict.displaced.len() / 2)?;
        // What goes through a thunk in the file goes without it on processors that need none.
        let is_same = relocated(&verdict.displaced, &bytes, report.moved);
        if !is_same && !bytes.windows(2).any(is_indirect) {
            let seen: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            others.push(format!(
                "{} {seen} for {}",
                verdict.symbol, verdict.displaced
            ));
        }
        count += 1;
    }
    let shown = &others[..others.len().min(5)];
    expect(
        others.is_empty(),
        format!("{}: {shown:?}", others.len()),
        "the same bytes",
    )?;
    expect(count > 40_000, count, "more than 40,000 functions")
}

/// What stands for a runtime constant until the kernel boots: `runtime_const_ptr()`.
const CONSTANT: [u8; 8] = 0x0123_4567_89ab_cdef_u64.to_le_bytes();

/// Whether bytes of the file, in hexadecimal, are these in a kernel that was moved: addresses of 32
/// bits among them moved with it, and runtime constants got their values.
fn relocated(file: &str, seen: &[u8], moved: u64) -> bool {
    let digits = (0..file.len() / 2).map(|at| file.get(2 * at..2 * at + 2));
    let byte = |digits: Option<&str>| u8::from_str_radix(digits.unwrap_or("?"), 16).ok();
    let Some(mut bytes) = digits.map(byte).collect::<Option<Vec<u8>>>() else {
        return false;
    };
    let word = |bytes: &[u8]| bytes.first_chunk().map(|word| u32::from_le_bytes(*word));
    for at in 0..bytes.len() {
        if bytes[at..].starts_with(&CONSTANT) && seen.len() == bytes.len() {
            bytes[at..at + 8].copy_from_slice(&seen[at..at + 8]);
        }
        let (old, new) = (word(&bytes[at..]), seen.get(at..).and_then(word));
        if let (Some(old), Some(new)) = (old, new) {
            if old.wrapping_add(moved as u32) == new {
                bytes[at..at + 4].copy_from_slice(&new.to_le_bytes());
            }
        }
    }
    bytes == seen
}

/// Whether two bytes are `jmp *%reg`.
fn is_indirect(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xe0..=0xe7])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_move_with_the_kernel_and_nothing_else_does() {
        let file = "4848c7c7c8d59682";
        let seen = |word: u32| [&[0x48, 0x48, 0xc7, 0xc7][..], &word.to_le_bytes()].concat();
        assert!(relocated(file, &seen(0x8296_d5c8), 0));
        assert!(relocated(file, &seen(0xa136_d5c8), 0x1ea0_0000));
        assert!(!relocated(file, &seen(0xa136_d5c9), 0x1ea0_0000));
        assert!(!relocated(file, &seen(0x8296_d5c8)[..7], 0));
        assert!(relocated(
            "48b8efcdab8967452301",
            &[0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8],
            0
        ));
        assert!(!relocated(
            "48b8efcdab8967452301",
            &[0x48, 0xb9, 1, 2, 3, 4, 5, 6, 7, 8],
            0
        ));
    }
}
