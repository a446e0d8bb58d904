//! What mode 2 keeps back, which each container can have for itself.

use anyhow::Result;

use crate::areas::overcommit::scouts::{holds, sent, takes};
use crate::policy::{set, target, ADMIN_RESERVE, USER_RESERVE};
use crate::problem::{expect_eq, Outcome};
use crate::scout::{Kind, Order, Scout};
use crate::setting::{read, Setting};

/// A limit of 128 MiB, of which nothing is kept back.
const LIMITED: &[(&str, &str)] = &[
    ("vm.overcommit_memory", "2"),
    ("vm.overcommit_kbytes", "131072"),
    ("vm.admin_reserve_kbytes", "0"),
    ("vm.user_reserve_kbytes", "0"),
];

pub(super) fn the_admins_reserve_is_the_containers_own() -> Outcome {
    let _host = Setting::put(ADMIN_RESERVE, "131072")?;
    let (mut admin, mut user) = (sent(LIMITED)?, sent(LIMITED)?);
    user.does(&Order::DropAdmin)?;
    expect_eq("it", user.read(ADMIN_RESERVE)?.as_str(), "0")?;
    expect_eq("without one", holds(&mut user, 100)?.as_str(), "ok")?;
    for scout in [&admin, &user] {
        let ns = target(scout.namespace()?);
        set(&ns, &[("vm.admin_reserve_kbytes", "65536")])?;
    }
    expect_eq("it", user.read(ADMIN_RESERVE)?.as_str(), "65536")?;
    expect_eq("a user's", holds(&mut user, 100)?.as_str(), "ENOMEM")?;
    expect_eq("an admin's", holds(&mut admin, 100)?.as_str(), "ok")?;
    expect_eq("the host's", read(ADMIN_RESERVE)?.as_str(), "131072")
}

/// Linux itself asks for the capability in the first user namespace.
pub(super) fn root_of_a_rootless_container_is_its_admin() -> Outcome {
    let rootless = || -> Result<Scout> {
        let mut scout = Scout::send()?;
        scout.does(&Order::NewUser)?;
        scout.does(&Order::NewPid)?;
        let ns = target(scout.namespace()?);
        set(&ns, LIMITED)?;
        set(&ns, &[("vm.admin_reserve_kbytes", "65536")])?;
        Ok(scout)
    };
    let (mut root, mut user) = (rootless()?, rootless()?);
    user.does(&Order::DropAdmin)?;
    expect_eq("a user's", holds(&mut user, 100)?.as_str(), "ENOMEM")?;
    expect_eq("root's", holds(&mut root, 100)?.as_str(), "ok")
}

/// A 32nd of the process is kept back from it, but not more than this.
pub(super) fn the_users_reserve_is_the_containers_own() -> Outcome {
    /// Mapped from a file without pages: it is large, and nothing of it is charged.
    const LARGE_MIB: usize = 3200;
    let _host = Setting::put(USER_RESERVE, "0")?;
    let mut scout = sent(LIMITED)?;
    scout.does(&Order::HoldKind(Kind::Memfd, LARGE_MIB))?;
    expect_eq("without one", takes(&mut scout, "brk", 32)?.as_str(), "ok")?;
    let ns = target(scout.namespace()?);
    set(&ns, &[("vm.user_reserve_kbytes", "131072")])?;
    expect_eq("it", scout.read(USER_RESERVE)?.as_str(), "131072")?;
    let refused = takes(&mut scout, "brk", 32)?;
    expect_eq("with one", refused.as_str(), "ENOMEM")?;
    set(&ns, &[("vm.user_reserve_kbytes", "0")])?;
    expect_eq(
        "without again",
        takes(&mut scout, "brk", 32)?.as_str(),
        "ok",
    )
}
