//! All areas that run in the guest, one file each.

mod coexist;
mod control;
mod fit;
mod hook;
mod hookability;
pub(crate) mod host;
mod hw;
mod inline;
mod knobs;
mod lab;
mod lifecycle;
pub(crate) mod limits;
pub(crate) mod neutral;
pub(crate) mod overcommit;
pub(crate) mod registry;
mod stranger;
mod sysctl;
pub(crate) mod thp;
mod userland;
mod view;

use crate::area::Area;

/// Every area of the guest.
pub(crate) const ALL: &[&Area] = &[
    &lab::AREA,
    &fit::AREA,
    &host::AREA,
    &thp::AREA,
    &knobs::AREA,
    &overcommit::AREA,
    &neutral::AREA,
    &sysctl::AREA,
    &limits::AREA,
    &view::AREA,
    &control::AREA,
    &userland::AREA,
    &lifecycle::AREA,
    &hook::AREA,
    &inline::AREA,
    &coexist::AREA,
    &hw::AREA,
    &hookability::AREA,
    &registry::AREA,
    &stranger::AREA,
];
