//! The kernel log.

use super::common::{Three, DMESG_RESTRICT};
use crate::problem::{expect_eq, Outcome};
use crate::scout::{Ask, Order};
use crate::setting::Setting;

pub(super) fn dmesg_restrict_is_enforced_inside_and_nowhere_else() -> Outcome {
    let _log = Setting::put(DMESG_RESTRICT, "0")?;
    let mut three = Three::send(&[("kernel.dmesg_restrict", "1")])?;
    // Who has the capability may read it, as ever.
    three.none_fails(Ask::LogSize)?;
    for scout in [&mut three.ours, &mut three.neighbour, &mut three.host] {
        scout.does(&Order::DropAll)?;
    }
    three.only_ours_fails(Ask::LogSize, libc::EPERM)?;
    let seen = three.ours.order(&Order::Read("/dev/kmsg".to_owned()))?;
    expect_eq("/dev/kmsg", seen, Err(libc::EPERM))
}
