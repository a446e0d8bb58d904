//! A pid namespace made inside a container.

use anyhow::Context;

use crate::demo::cast::Cast;
use crate::demo::place::{first_child, Place};
use crate::demo::role::NESTED;
use crate::namespace;
use crate::problem::{expect, expect_contains, expect_eq, Outcome};

/// Returns the first process of the namespace that the container [`NESTED`] has made.
///
/// # Errors
///
/// It has made none.
pub(crate) fn inner(cast: &Cast) -> anyhow::Result<u32> {
    let unshare = first_child(cast.get(&NESTED)?.pid())?;
    first_child(unshare).context("no process in the inner namespace")
}

/// The inner namespace is another one, and sees and gets what the outer one does.
pub(crate) fn has_the_policy_of_the_outer_one(cast: &Cast) -> Outcome {
    let inner = inner(cast)?;
    let numbers = (cast.get(&NESTED)?.namespace()?, namespace::id_of(inner)?);
    expect(numbers.0 != numbers.1, "one namespace", "two")?;
    let place = Place::With(inner);
    let read = |path: &str| place.run(&["cat", path])?.success();
    let mode = read("/proc/sys/vm/overcommit_memory")?;
    expect_eq("overcommit_memory", mode.as_str(), "2")?;
    let thp = read("/sys/kernel/mm/transparent_hugepage/enabled")?;
    expect_contains("transparent_hugepage/enabled", &thp, "[never]")?;
    let large = place.act(&["map", "256"])?;
    expect_eq(
        "a mapping above the limit",
        large.word("map"),
        Some("ENOMEM"),
    )
}
