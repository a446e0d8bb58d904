//! An area: named checks that belong together.

use crate::problem::Outcome;

/// A check.
pub(crate) struct Check {
    /// Its name within the area, with `_` for `-`.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) run: fn() -> Outcome,
}

/// In what state an area's checks find the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Module {
    /// Not loaded; a check may load it, and takes it out again.
    Out,
    /// Loaded.
    Loaded,
    /// Loaded, with its hooks by the inline back end; so it is also when a check loads it.
    Inline,
}

/// Checks that belong together.
pub(crate) struct Area {
    /// Its name.
    pub(crate) name: &'static str,
    /// How its checks find the module.
    pub(crate) module: Module,
    /// Its checks, in the order in which they run.
    pub(crate) checks: &'static [Check],
}

/// Lists checks by the names of their functions: `checks![starts_redis]` is `starts-redis`.
macro_rules! checks {
    ($($run:ident),* $(,)?) => {
        &[$($crate::area::Check { name: stringify!($run), run: $run }),*]
    };
}
pub(crate) use checks;
