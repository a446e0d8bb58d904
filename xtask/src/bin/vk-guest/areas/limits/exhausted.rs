//! Neighbours of a container that has taken all it may.

use super::common::Three;
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::{Ask, Order, Resource};

/// Far more than ours may have, and far less than the host's limits.
const MANY: usize = 200;

/// What is taken, how many there are of it, and what then is asked for and refused to ours.
struct Case {
    key: &'static str,
    resource: Resource,
    /// What the child of ours gets, as it has none before or knows how many.
    gets: std::ops::RangeInclusive<u64>,
    /// Asked of the others, and what they report.
    asked: Ask,
    reported: &'static str,
    /// Asked of ours, whose process the limit is not for where this is none.
    refused: Option<(Ask, Result<&'static str, i32>)>,
}

const AS_ROOT: [Case; 4] = [
    Case {
        key: "vm.max_map_count",
        resource: Resource::Maps,
        gets: 100..=300,
        asked: Ask::Maps(2000, crate::scout::MapOp::Map),
        reported: "",
        refused: None,
    },
    Case {
        key: "fs.nr_open",
        resource: Resource::Descriptors,
        gets: 480..=512,
        asked: Ask::Descriptor(2000),
        reported: "",
        refused: None,
    },
    Case {
        key: "fs.mount-max",
        resource: Resource::Mounts,
        gets: 1..=60,
        asked: Ask::Mounts(MANY),
        reported: "",
        refused: None,
    },
    Case {
        key: "kernel.threads-max",
        resource: Resource::Threads,
        // The scout and its child are two of the ten.
        gets: 8..=8,
        asked: Ask::Forks(MANY),
        reported: "200",
        refused: Some((Ask::Forks(1), Ok("0"))),
    },
];

const AS_NOBODY: [Case; 2] = [
    Case {
        key: "fs.file-max",
        resource: Resource::Files,
        // Its two pipes have both their ends in the child, and two of them here.
        gets: 1..=30,
        asked: Ask::Opens(MANY),
        reported: "200",
        refused: Some((Ask::Opens(1), Ok("0"))),
    },
    Case {
        key: "fs.pipe-user-pages-hard",
        resource: Resource::Pipes,
        // Two are on the way between the scout and its child.
        gets: 2..=4,
        asked: Ask::Pipes(20),
        reported: "65536",
        refused: Some((Ask::Pipes(1), Err(libc::ENFILE))),
    },
];

pub(super) fn a_container_that_exhausts_its_limits_leaves_the_others_theirs() -> Outcome {
    let mut three = Three::send(&[
        ("vm.max_map_count", "300"),
        ("fs.mount-max", "60"),
        ("kernel.threads-max", "10"),
    ])?;
    for scout in [&mut three.ours, &mut three.neighbour, &mut three.host] {
        scout.does(&Order::Ask(Ask::Nofile(8192)))?;
    }
    crate::policy::set(&three.ns, &[("fs.nr_open", "512")])?;
    for case in &AS_ROOT {
        exhausts(&mut three, case)?;
    }
    for scout in [&mut three.ours, &mut three.neighbour, &mut three.host] {
        scout.does(&Order::DropAll)?;
    }
    let pairs = [("fs.file-max", "30"), ("fs.pipe-user-pages-hard", "64")];
    crate::policy::set(&three.ns, &pairs)?;
    for case in &AS_NOBODY {
        exhausts(&mut three, case)?;
    }
    Ok(())
}

fn exhausts(three: &mut Three, case: &Case) -> Outcome {
    let key = case.key;
    let got: u64 = three
        .ours
        .does(&Order::Exhaust(case.resource))?
        .parse()
        .unwrap_or(0);
    expect(
        case.gets.contains(&got),
        format!("{key}: ours got {got}"),
        format!("{:?}", case.gets),
    )?;
    if let Some((ask, expected)) = case.refused {
        let seen = three.ours.order(&Order::Ask(ask))?;
        expect_eq(key, seen, expected.map(str::to_owned))?;
    }
    for (who, scout) in [
        ("next to it", &mut three.neighbour),
        ("the host", &mut three.host),
    ] {
        let seen = scout.does(&Order::Ask(case.asked))?;
        // How many mounts there are depends on the machine.
        let is_all = match case.asked {
            Ask::Mounts(many) => seen.parse::<usize>().is_ok_and(|all| all > many),
            _ => seen == case.reported,
        };
        expect(
            is_all,
            format!("{key}, {who}: {:?} is {seen:?}", case.asked),
            "all of it",
        )?;
    }
    three.ours.does(&Order::Release)?;
    if let Some((ask, expected)) = case.refused {
        let seen = three.ours.order(&Order::Ask(ask))?;
        let is_granted = seen.is_ok() && seen != expected.map(str::to_owned);
        expect(
            is_granted,
            format!("{key}, released: {ask:?} is {seen:?}"),
            "granted",
        )?;
    }
    Ok(())
}
