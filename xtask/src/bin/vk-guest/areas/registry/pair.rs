//! What khugepaged does to a process of a container and to one of the host.

use std::time::Duration;

use anyhow::Result;

use super::holder::{Holder, KB};
use crate::container::wait_until;
use crate::khugepaged;
use crate::policy::{set, target, THP};
use crate::problem::{expect, expect_eq, Outcome};
use crate::scout::{Order, Scout};
use crate::setting::Setting;

/// How long khugepaged may take to come by.
const SCAN_LIMIT: Duration = Duration::from_secs(40);

/// One of a container and one of the host, both on khugepaged's list.
pub(super) struct Pair {
    ours: Scout,
    its: Scout,
}

/// One of them under its policy, with what that comes to.
pub(super) struct Governed {
    pub(super) holder: Holder,
    pub(super) name: String,
    pub(super) may_be_huge: bool,
    /// Lets it have huge pages after all.
    relents: Relents,
}

/// Whose word is changed for that.
enum Relents {
    Container(String),
    Host,
}

impl Pair {
    pub(super) fn enlisted() -> Result<Self> {
        let _always = Setting::put(THP, "always")?;
        let (mut ours, mut its) = (Scout::send_into_new_namespace()?, Scout::send()?);
        ours.does(&Order::Enlist)?;
        its.does(&Order::Enlist)?;
        Ok(Self { ours, its })
    }

    /// Gives the container its word, and takes down that the host's is `host`.
    pub(super) fn under(self, host: &str, container: &str) -> Result<[Governed; 2]> {
        let ns = target(self.ours.namespace()?);
        set(&ns, &[("thp_enabled", container)])?;
        let ours = Governed {
            holder: Holder::new(self.ours)?,
            name: format!("{container} under {host}"),
            may_be_huge: container == "always",
            relents: Relents::Container(ns),
        };
        let its = Governed {
            holder: Holder::new(self.its)?,
            name: format!("the host's at {host}"),
            may_be_huge: host == "always",
            relents: Relents::Host,
        };
        Ok([ours, its])
    }
}

impl Governed {
    fn is_collapsed(&self) -> Result<bool> {
        Ok(self.holder.smaps("AnonHugePages")? == KB)
    }
}

/// Expects khugepaged to collapse the range of who may have huge pages, and that of the other only
/// once it may, too: it was on the list all the time.
pub(super) fn khugepaged_follows_the_policies(pair: [&Governed; 2]) -> Outcome {
    const SCANS: u64 = 3;
    let _hurry = khugepaged::hurry()?;
    for one in pair.iter().filter(|it| it.may_be_huge) {
        let collapsed = wait_until(SCAN_LIMIT, || one.is_collapsed().unwrap_or(false));
        expect(
            collapsed,
            format!("{}: not collapsed", one.name),
            "all of it",
        )?;
    }
    khugepaged::wait_for_full_scans(SCANS)?;
    for one in pair.iter().filter(|it| !it.may_be_huge) {
        let what = format!("collapsed of {}, kB", one.name);
        expect_eq(&what, one.holder.smaps("AnonHugePages")?, 0)?;
        let _host = match &one.relents {
            Relents::Container(ns) => {
                set(ns, &[("thp_enabled", "always")])?;
                None
            }
            Relents::Host => Some(Setting::put(THP, "always")?),
        };
        let collapsed = wait_until(SCAN_LIMIT, || one.is_collapsed().unwrap_or(false));
        let seen = format!("{}: not collapsed when it may be", one.name);
        expect(collapsed, seen, "all of it")?;
    }
    Ok(())
}
