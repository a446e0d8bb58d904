//! Descriptors, pipes, mounts.

use super::common::{
    Three, MOUNT_MAX, NR_OPEN, PIPE_MAX_SIZE, PIPE_USER_PAGES_HARD, PIPE_USER_PAGES_SOFT,
};
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::{Ask, Order, Scout};
use crate::setting::Setting;

/// Expects a number of descriptors, a power of two, to be the limit.
fn descriptors_end_at(scout: &mut Scout, who: &str, limit: i32) -> Outcome {
    for (number, expected) in [
        (limit - 2, Ok(String::new())),
        (limit - 1, Ok(String::new())),
        (limit, Err(libc::EMFILE)),
    ] {
        let seen = scout.order(&Order::Ask(Ask::Descriptor(number)))?;
        expect(
            seen == expected,
            format!("{who}: descriptor {number}, limit {limit}: {seen:?}"),
            format!("{expected:?}"),
        )?;
    }
    for (limits, expected) in [(limit, None), (limit + 1, Some(libc::EPERM))] {
        let seen = scout.order(&Order::Ask(Ask::Nofile(limits as u64)))?.err();
        let what = format!("{who}: RLIMIT_NOFILE of {limits}, limit {limit}");
        expect_eq(&what, seen, expected)?;
    }
    Ok(())
}

/// Sends three that may have 8192 descriptors, and sets the policy then.
fn with_descriptors(inside: &str) -> anyhow::Result<Three> {
    let mut three = Three::send(&[("thp_enabled", "never")])?;
    for scout in [&mut three.ours, &mut three.neighbour, &mut three.host] {
        scout.does(&Order::Ask(Ask::Nofile(8192)))?;
    }
    crate::policy::set(&three.ns, &[("fs.nr_open", inside)])?;
    Ok(three)
}

pub(super) fn a_lower_nr_open_is_enforced_inside_and_nowhere_else() -> Outcome {
    let mut three = with_descriptors("1024")?;
    let _host = Setting::put(NR_OPEN, "2048")?;
    descriptors_end_at(&mut three.ours, "inside", 1024)?;
    descriptors_end_at(&mut three.neighbour, "next to it", 2048)?;
    descriptors_end_at(&mut three.host, "the host", 2048)
}

pub(super) fn a_higher_nr_open_is_granted_inside_and_nowhere_else() -> Outcome {
    let mut three = with_descriptors("2048")?;
    let _host = Setting::put(NR_OPEN, "1024")?;
    descriptors_end_at(&mut three.ours, "inside", 2048)?;
    descriptors_end_at(&mut three.neighbour, "next to it", 1024)?;
    descriptors_end_at(&mut three.host, "the host", 1024)
}

/// A table does not grow beyond the multiple of 64 below the limit, as the kernel's.
pub(super) fn a_crooked_nr_open_is_rounded_as_the_kernel_does() -> Outcome {
    let mut three = with_descriptors("1000")?;
    let _host = Setting::put(NR_OPEN, "1000")?;
    for number in [959, 960, 999, 1000] {
        let seen = three.all(&Order::Ask(Ask::Descriptor(number)))?;
        let expected = number < 960;
        let as_host = seen[0] == seen[2] && seen[1] == seen[2] && seen[0].is_ok() == expected;
        expect(
            as_host,
            format!("descriptor {number}: {seen:?}"),
            "the same for all",
        )?;
    }
    Ok(())
}

/// Gives each a user of its own: what pipes have is counted per user.
fn as_users(three: &mut Three) -> Outcome {
    for (scout, user) in [&mut three.ours, &mut three.neighbour, &mut three.host]
        .into_iter()
        .zip([2001, 2002, 2003])
    {
        scout.does(&Order::Become(user))?;
    }
    Ok(())
}

fn pipe_ends_at(scout: &mut Scout, who: &str, bytes: usize) -> Outcome {
    for (asked, expected) in [
        (bytes - 1, Ok(bytes.to_string())),
        (bytes, Ok(bytes.to_string())),
        (bytes + 1, Err(libc::EPERM)),
    ] {
        let seen = scout.order(&Order::Ask(Ask::PipeBytes(asked)))?;
        expect(
            seen == expected,
            format!("{who}: a pipe of {asked} bytes, limit {bytes}: {seen:?}"),
            format!("{expected:?}"),
        )?;
    }
    Ok(())
}

pub(super) fn pipe_max_size_is_enforced_inside_and_nowhere_else() -> Outcome {
    let _host = Setting::put(PIPE_MAX_SIZE, "262144")?;
    let mut three = Three::send(&[("fs.pipe-max-size", "131072")])?;
    as_users(&mut three)?;
    pipe_ends_at(&mut three.ours, "inside", 131_072)?;
    pipe_ends_at(&mut three.neighbour, "next to it", 262_144)?;
    pipe_ends_at(&mut three.host, "the host", 262_144)?;
    crate::policy::set(&three.ns, &[("fs.pipe-max-size", "524288")])?;
    pipe_ends_at(&mut three.ours, "inside", 524_288)?;
    pipe_ends_at(&mut three.neighbour, "next to it", 262_144)?;
    pipe_ends_at(&mut three.host, "the host", 262_144)
}

/// A new pipe has 16 pages, or what the limit is if that is less.
pub(super) fn a_new_pipe_is_no_larger_than_pipe_max_size() -> Outcome {
    let mut three = Three::send(&[("fs.pipe-max-size", "4096")])?;
    as_users(&mut three)?;
    let sizes = three.all(&Order::Ask(Ask::Pipes(1)))?;
    let expected = ["4096", "65536", "65536"].map(|size| Ok(size.to_owned()));
    expect_eq("inside, next to it, the host", sizes, expected)?;
    // And when the host's is less, and a container's more.
    let _host = Setting::put(PIPE_MAX_SIZE, "8192")?;
    crate::policy::set(&three.ns, &[("fs.pipe-max-size", "131072")])?;
    let sizes = three.all(&Order::Ask(Ask::Pipes(1)))?;
    let expected = ["65536", "8192", "8192"].map(|size| Ok(size.to_owned()));
    expect_eq("inside, next to it, the host", sizes, expected)
}

pub(super) fn pipe_user_pages_soft_is_enforced_inside_and_nowhere_else() -> Outcome {
    let _host = Setting::put(PIPE_USER_PAGES_SOFT, "128")?;
    let mut three = Three::send(&[("fs.pipe-user-pages-soft", "64")])?;
    as_users(&mut three)?;
    // Four pipes of 16 pages inside, eight elsewhere.
    for (count, inside, elsewhere) in [
        (3, "65536", "65536"),
        (4, "65536", "65536"),
        (5, "8192", "65536"),
        (7, "8192", "65536"),
        (8, "8192", "65536"),
        (9, "8192", "8192"),
    ] {
        let sizes = three.all(&Order::Ask(Ask::Pipes(count)))?;
        let expected = [inside, elsewhere, elsewhere].map(|size| Ok(size.to_owned()));
        expect_eq(&format!("pipe {count}"), sizes, expected)?;
    }
    // 65 pages would be 128: beyond it.
    three.only_ours_fails(Ask::PipeBytes(65 << 12), libc::EPERM)?;
    three.none_fails(Ask::PipeBytes(64 << 12))
}

pub(super) fn pipe_user_pages_hard_is_enforced_inside_and_nowhere_else() -> Outcome {
    let _host = Setting::put(PIPE_USER_PAGES_HARD, "128")?;
    let mut three = Three::send(&[("fs.pipe-user-pages-hard", "64")])?;
    as_users(&mut three)?;
    three.none_fails(Ask::Pipes(3))?;
    three.none_fails(Ask::Pipes(4))?;
    three.only_ours_fails(Ask::Pipes(5), libc::ENFILE)?;
    three.only_ours_fails(Ask::Pipes(7), libc::ENFILE)?;
    three.only_ours_fails(Ask::Pipes(8), libc::ENFILE)?;
    let nobody = [(); 3].map(|()| Err(libc::ENFILE));
    expect_eq("nine pipes", three.all(&Order::Ask(Ask::Pipes(9)))?, nobody)?;
    // What was refused is not counted.
    three.none_fails(Ask::Pipes(4))
}

pub(super) fn mount_max_is_enforced_inside_and_nowhere_else() -> Outcome {
    const MANY: usize = 120;
    let reaches = |scout: &mut Scout| -> anyhow::Result<String> {
        scout.does(&Order::Ask(Ask::Mounts(MANY)))
    };
    let [at_60, at_61] = ["60", "61"].map(|limit| {
        let _host = Setting::put(MOUNT_MAX, limit)?;
        reaches(&mut Scout::send()?)
    });
    let (at_60, at_61) = (at_60?, at_61?);
    let mut three = Three::send(&[("fs.mount-max", "60")])?;
    expect_eq("inside, limit 60", reaches(&mut three.ours)?, at_60.clone())?;
    crate::policy::set(&three.ns, &[("fs.mount-max", "61")])?;
    expect_eq("inside, limit 61", reaches(&mut three.ours)?, at_61)?;
    let free = reaches(&mut three.neighbour)?;
    expect(
        free.parse::<usize>().is_ok_and(|all| all > MANY),
        &free,
        "all next to it",
    )?;
    expect_eq("all of the host", reaches(&mut three.host)?, free.clone())?;
    // And more than the host.
    let _host = Setting::put(MOUNT_MAX, "60")?;
    let mut three = Three::send(&[("fs.mount-max", "1000")])?;
    expect_eq(
        "inside, more than the host",
        reaches(&mut three.ours)?,
        free,
    )?;
    expect_eq("the host", reaches(&mut three.host)?, at_60)
}
