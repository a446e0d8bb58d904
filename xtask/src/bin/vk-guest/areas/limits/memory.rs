//! Address space.

use super::common::{Three, MAX_MAP_COUNT, MMAP_MIN_ADDR, STOCK_FLOOR};
use crate::policy::{set, target, unset};
use crate::problem::{expect, expect_eq, Outcome, Problem};
use crate::scout::{Ask, MapOp, Order, Scout};
use crate::setting::Setting;

const PAGE: usize = 4096;

pub(super) fn mmap_min_addr_is_enforced_inside_and_nowhere_else() -> Outcome {
    const FLOOR: usize = 1 << 20;
    const HOST_FLOOR: usize = 64 << 10;
    let _floor = Setting::put(MMAP_MIN_ADDR, STOCK_FLOOR)?;
    let mut three = Three::send(&[("vm.mmap_min_addr", "1048576")])?;
    // A privileged process may map below, as it may below the host's.
    three.none_fails(Ask::PageAt(FLOOR - PAGE))?;
    for scout in [&mut three.ours, &mut three.neighbour, &mut three.host] {
        scout.does(&Order::DropAll)?;
    }
    three.only_ours_fails(Ask::PageAt(FLOOR - PAGE), libc::EPERM)?;
    three.none_fails(Ask::PageAt(FLOOR))?;
    three.none_fails(Ask::PageAt(FLOOR + PAGE))?;
    // Below the host's floor nobody maps.
    three.only_ours_fails(Ask::PageAt(HOST_FLOOR), libc::EPERM)?;
    let seen = three.all(&Order::Ask(Ask::PageAt(HOST_FLOOR - PAGE)))?;
    let all = seen.iter().all(|report| *report == Err(libc::EPERM));
    expect(all, format!("{seen:?}"), "EPERM for all")
}

/// A floor can be so high that nothing is above it, as the host's can; the last one is also how C says that
/// there is none.
pub(super) fn a_floor_above_all_addresses_leaves_none_inside() -> Outcome {
    const HIGH: usize = 1 << 40;
    const FLOORS: [&str; 2] = ["18446744073709551614", "18446744073709551615"];
    let mut three = Three::send(&[("vm.mmap_min_addr", STOCK_FLOOR)])?;
    for scout in [&mut three.ours, &mut three.neighbour, &mut three.host] {
        scout.does(&Order::DropAll)?;
    }
    three.none_fails(Ask::PageAt(HIGH))?;
    for floor in FLOORS {
        set(&three.ns, &[("vm.mmap_min_addr", floor)])?;
        let seen = three.ours.read(MMAP_MIN_ADDR)?;
        expect_eq("the floor inside", seen.as_str(), floor)?;
        three.only_ours_fails(Ask::PageAt(HIGH), libc::EPERM)?;
    }
    set(&three.ns, &[("vm.mmap_min_addr", STOCK_FLOOR)])?;
    three.none_fails(Ask::PageAt(HIGH))
}

/// What each operation needs: how far below the limit the number of mappings must be, as the
/// kernel's own source has it.
const NEEDS: [(MapOp, isize); 7] = [
    (MapOp::Map, 0),
    (MapOp::Brk, 0),
    (MapOp::MapOver, 1),
    (MapOp::Protect, 1),
    (MapOp::UnmapMiddle, 1),
    (MapOp::Resize, 4),
    // To give back is always allowed.
    (MapOp::UnmapEnd, -1),
];

/// Expects of each operation that it is granted up to `limit`, and not beyond.
fn is_limited_at(scout: &mut Scout, who: &str, limit: usize) -> Outcome {
    are_limited_at(scout, who, limit, &NEEDS)
}

/// The same of one operation, where another value is all that is new.
fn is_moved_to(scout: &mut Scout, who: &str, limit: usize) -> Outcome {
    are_limited_at(scout, who, limit, &NEEDS[..1])
}

fn are_limited_at(scout: &mut Scout, who: &str, limit: usize, needs: &[(MapOp, isize)]) -> Outcome {
    for &(op, needs) in needs {
        let most = limit.saturating_add_signed(-needs);
        for count in [most - 1, most, most + 1] {
            // The kernel itself lets nobody have more than one above.
            if count > limit + 1 {
                continue;
            }
            let seen = scout.order(&Order::Ask(Ask::Maps(count, op)))?;
            let expected = if count > most {
                Err(libc::ENOMEM)
            } else {
                Ok(String::new())
            };
            expect(
                seen == expected,
                format!("{who}: {op:?} with {count} mappings, limit {limit}: {seen:?}"),
                format!("{expected:?}"),
            )?;
        }
    }
    Ok(())
}

pub(super) fn the_hosts_max_map_count_is_what_the_checks_take_it_for() -> Outcome {
    let _host = Setting::put(MAX_MAP_COUNT, "150")?;
    is_limited_at(&mut Scout::send()?, "the host without a hook", 150)
}

pub(super) fn a_lower_max_map_count_is_enforced_inside_and_nowhere_else() -> Outcome {
    let _host = Setting::put(MAX_MAP_COUNT, "200")?;
    let mut three = Three::send(&[("vm.max_map_count", "150")])?;
    is_limited_at(&mut three.ours, "inside", 150)?;
    is_limited_at(&mut three.neighbour, "next to it", 200)?;
    is_limited_at(&mut three.host, "the host", 200)
}

pub(super) fn a_higher_max_map_count_is_granted_inside_and_nowhere_else() -> Outcome {
    let _host = Setting::put(MAX_MAP_COUNT, "150")?;
    let mut three = Three::send(&[("vm.max_map_count", "200")])?;
    is_limited_at(&mut three.ours, "inside", 200)?;
    is_limited_at(&mut three.neighbour, "next to it", 150)?;
    is_limited_at(&mut three.host, "the host", 150)?;
    // The host's own changes count at once.
    let _lower = Setting::put(MAX_MAP_COUNT, "175")?;
    is_moved_to(&mut three.host, "the host", 175)?;
    is_moved_to(&mut three.ours, "inside", 200)?;
    // Also when they cross what the container has.
    let above = Setting::put(MAX_MAP_COUNT, "250")?;
    is_moved_to(&mut three.host, "the host with more", 250)?;
    is_limited_at(&mut three.ours, "inside, with less", 200)?;
    drop(above);
    is_moved_to(&mut three.host, "the host with less again", 175)?;
    is_moved_to(&mut three.ours, "inside, with more again", 200)
}

/// The stubs compare with the strictest value of all: it comes, turns laxer and goes while others have theirs.
pub(super) fn whose_max_map_count_is_not_the_least_is_held_to_it_too() -> Outcome {
    let _host = Setting::put(MAX_MAP_COUNT, "250")?;
    let mut three = Three::send(&[("vm.max_map_count", "200")])?;
    is_moved_to(&mut three.ours, "alone", 200)?;
    let mut other = Scout::send_into_new_namespace()?;
    let ns = target(other.namespace()?);
    for (value, limit) in [("150", 150), ("170", 170), ("220", 220), ("160", 160)] {
        set(&ns, &[("vm.max_map_count", value)])?;
        is_moved_to(&mut other, "the other", limit)?;
        is_moved_to(&mut three.ours, "beside it", 200)?;
    }
    // What is nested is brought into a bound that is less than any value.
    let mut nested = Scout::send_below(&other)?;
    set(&target(nested.namespace()?), &[("vm.max_map_count", "150")])?;
    set(&ns, &[("vm.max_map_count.max", "140")])?;
    is_moved_to(&mut nested, "the nested one", 140)?;
    // And in one that is born with the default, whoever has more.
    nested.recall()?;
    other.recall()?;
    is_moved_to(&mut three.ours, "alone again", 200)?;
    set("default", &[("vm.max_map_count", "130")])?;
    // Before the next request.
    let born = Scout::send_into_new_namespace();
    let born = born
        .map_err(Problem::from)
        .and_then(|mut it| is_moved_to(&mut it, "the newborn", 130));
    unset("default")?;
    born?;
    is_moved_to(&mut three.ours, "beside it", 200)?;
    is_moved_to(&mut three.host, "the host", 250)
}

/// How large a heap a Java machine is asked for: one for which the collector ZGC wants more mappings
/// than the kernel's default, and fewer than the container has.
const HEAP: &str = "-Xmx128g";

/// What it then says of a `vm.max_map_count` that it finds too low.
const TOO_FEW: &str = "limit on number of memory mappings per process might be too low";

/// A Java machine looks at `vm.max_map_count` when it starts, unmodified as Debian has it.
pub(super) fn a_java_machine_is_convinced_of_its_mappings() -> Outcome {
    let _host = Setting::put(MAX_MAP_COUNT, "65530")?;
    let three = Three::send(&[("vm.max_map_count", "262144")])?;
    let java = [
        "java",
        "-XX:+UseZGC",
        HEAP,
        "-XX:TieredStopAtLevel=1",
        "-version",
    ];
    let pid = three.ours.pid()?.to_string();
    let inside = [&["nsenter", "-t", &pid, "-p"], java.as_slice()].concat();
    for (who, words, is_convinced) in [
        ("inside", inside.as_slice(), true),
        ("the host", &java, false),
    ] {
        let ended = crate::program::run(words)?;
        let said = format!("{}{}", ended.stdout, ended.stderr);
        expect(
            ended.status == 0 && said.contains(TOO_FEW) != is_convinced,
            format!("{who}: status {}: {said}", ended.status),
            format!("{} {TOO_FEW:?}", if is_convinced { "no" } else { "a" }),
        )?;
    }
    Ok(())
}
