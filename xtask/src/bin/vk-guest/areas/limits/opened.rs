//! Open files.

use anyhow::Result;

use super::common::{Three, FILE_MAX};
use crate::policy::{set, target, unset};
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::{Ask, Order, Scout};
use crate::setting::{read, Setting};

/// Expects that so many files are granted, and not one more.
fn files_end_at(scout: &mut Scout, who: &str, limit: usize) -> Outcome {
    for asked in [limit - 1, limit, limit + 1] {
        let opened = scout.does(&Order::Ask(Ask::Opens(asked)))?;
        let what = format!("{who}: {asked} files, limit {limit}");
        expect_eq(&what, opened, asked.min(limit).to_string())?;
    }
    Ok(())
}

pub(super) fn file_max_is_enforced_inside_and_nowhere_else() -> Outcome {
    // What is open already when the value is set is not counted.
    let mut three = Three::send(&[("fs.file-max", "20")])?;
    // A privileged process may have more, as it may have more than the host's.
    three.none_fails(Ask::Opens(21))?;
    expect_eq(
        "with a capability",
        three.ours.does(&Order::Ask(Ask::Opens(21)))?.as_str(),
        "21",
    )?;
    for scout in [&mut three.ours, &mut three.neighbour, &mut three.host] {
        scout.does(&Order::DropAll)?;
    }
    files_end_at(&mut three.ours, "inside", 20)?;
    for scout in [&mut three.neighbour, &mut three.host] {
        let opened = scout.does(&Order::Ask(Ask::Opens(200)))?;
        expect_eq("files elsewhere", opened.as_str(), "200")?;
    }
    set(&three.ns, &[("fs.file-max", "35")])?;
    files_end_at(&mut three.ours, "inside", 35)?;
    unset(&three.ns)?;
    let opened = three.ours.does(&Order::Ask(Ask::Opens(200)))?;
    expect_eq("without a value", opened.as_str(), "200")?;
    let host: u64 = read(FILE_MAX)?.parse().unwrap_or(0);
    expect(host > 1000, format!("file-max {host}"), "the host's")
}

/// How many files the machine has open, that of the question not counted.
fn open_files() -> Result<usize> {
    let text = read("/proc/sys/fs/file-nr")?;
    let count: usize = text.split_whitespace().next().unwrap_or("").parse()?;
    Ok(count - 1)
}

/// Others open and close files too: a round counts in which as many are open after it as before. The
/// kernel's own count may be off by 32 for each processor, so that the machine's limit is met late.
pub(super) fn the_hosts_file_max_holds_beside_a_containers() -> Outcome {
    const ROUNDS: usize = 20;
    const MORE: usize = 200;
    let late = 32 * std::thread::available_parallelism().map_or(1, usize::from);
    let mut three = Three::send(&[("fs.file-max", "20")])?;
    for scout in [&mut three.ours, &mut three.neighbour, &mut three.host] {
        scout.does(&Order::DropAll)?;
    }
    let opens = |scout: &mut Scout, asked| -> Result<usize> {
        Ok(scout.does(&Order::Ask(Ask::Opens(asked)))?.parse()?)
    };
    for _ in 0..ROUNDS {
        let before = open_files()?;
        let host = Setting::put(FILE_MAX, &(before + MORE).to_string())?;
        files_end_at(&mut three.ours, "inside", 20)?;
        let mut seen = Vec::new();
        for scout in [&mut three.neighbour, &mut three.host] {
            for asked in [MORE - 1, MORE, MORE + late + 1] {
                seen.push(opens(scout, asked)?);
            }
        }
        drop(host);
        if open_files()? != before {
            continue;
        }
        let fits = |seen: &[usize]| {
            seen[0] == MORE - 1 && seen[1] == MORE && (MORE..=MORE + late).contains(&seen[2])
        };
        return expect(
            seen.chunks(3).all(fits),
            format!("next to it, and the host: {seen:?} files, limit {MORE}"),
            format!("not more than {late} late"),
        );
    }
    expect(false, "files came and went", "a round without")
}

pub(super) fn files_of_nested_namespaces_count_for_the_outer_one() -> Outcome {
    let mut outer = Scout::send_into_new_namespace()?;
    let mut inner = Scout::send_below(&outer)?;
    let (of_outer, of_inner) = (target(outer.namespace()?), target(inner.namespace()?));
    // Opened with capabilities, and before the value: not counted, and counted.
    set(&of_outer, &[("fs.file-max", "20")])?;
    inner.does(&Order::Open)?;
    outer.does(&Order::DropAll)?;
    inner.does(&Order::DropAll)?;
    files_end_at(&mut inner, "the inner one", 19)?;
    files_end_at(&mut outer, "the outer one", 19)?;
    set(&of_inner, &[("fs.file-max", "5")])?;
    files_end_at(&mut inner, "with a limit of its own", 4)?;
    files_end_at(&mut outer, "the outer one", 19)?;
    set(&of_inner, &[("fs.file-max", "1000")])?;
    files_end_at(&mut inner, "with a larger one", 19)
}

/// So many namespaces are made until the kernel uses the memory of an ended one again.
const NEXT: usize = 12;

pub(super) fn a_file_counts_until_its_last_holder_closes_it() -> Outcome {
    let mut scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    set(&ns, &[("fs.file-max", "20")])?;
    scout.does(&Order::Open)?;
    let door = scout.borrow_door()?;
    // It has another one now, and this process still has the first.
    scout.does(&Order::Open)?;
    scout.does(&Order::DropAll)?;
    files_end_at(&mut scout, "with one that the host has", 18)?;
    drop(door);
    files_end_at(&mut scout, "once the host has closed it", 19)?;
    // A namespace that ends before its file, and another that comes after it.
    let mut short = Scout::send_into_new_namespace()?;
    set(&target(short.namespace()?), &[("fs.file-max", "20")])?;
    short.does(&Order::Open)?;
    let door = short.borrow_door()?;
    short.recall()?;
    files_end_at(&mut scout, "while another's is open", 19)?;
    // Among these is the one that has the ended one's address.
    let mut next = Vec::new();
    for nth in 0..NEXT {
        let mut scout = Scout::send_into_new_namespace()?;
        set(&target(scout.namespace()?), &[("fs.file-max", "20")])?;
        scout.does(&Order::DropAll)?;
        files_end_at(&mut scout, &format!("the {nth}. after it"), 20)?;
        next.push(scout);
    }
    drop(next);
    drop(door);
    files_end_at(&mut scout, "after another's was closed", 19)
}
