//! The area `build`: format, lints, host tests, doc tests and packages, by crate and kind.

use anyhow::Result;

use crate::cache::Cache;
use crate::command::Command;
use crate::report::Report;
use crate::step;
use crate::workspace::{self, Package};

/// A kind of check.
struct Kind {
    name: &'static str,
    /// Whether there is something to check in a package.
    fits: fn(&Package) -> bool,
    command: fn(&str) -> Command,
}

/// The kinds, in the order in which they run.
const KINDS: &[Kind] = &[
    Kind {
        name: "format",
        fits: |_| true,
        command: |name| cargo(&["fmt", "--check", "--package", name, "--", "--color=never"]),
    },
    Kind {
        name: "lints",
        fits: |_| true,
        command: |name| {
            let clippy = ["clippy", "--locked", "--all-targets", "--package", name];
            cargo(&clippy).args(["--", "-D", "warnings"])
        },
    },
    Kind {
        name: "tests",
        fits: |_| true,
        command: |name| {
            let test = cargo(&["test", "--locked", "--package", name]);
            // Doc tests are a kind of their own.
            test.args(["--tests", "--examples"])
        },
    },
    Kind {
        name: "doc-tests",
        fits: Package::has_library,
        command: |name| cargo(&["test", "--locked", "--doc", "--package", name]),
    },
    Kind {
        name: "docs",
        fits: |_| true,
        command: |name| {
            let doc = cargo(&["doc", "--locked", "--no-deps", "--package", name]);
            doc.env("RUSTDOCFLAGS", "-D warnings")
        },
    },
];

/// Runs the area.
///
/// # Errors
///
/// Cargo cannot be run.
pub(crate) fn run(cache: &Cache, only: Option<&str>, report: &mut Report) -> Result<()> {
    let packages = workspace::packages()?;
    for kind in KINDS {
        for package in packages.iter().filter(|it| (kind.fits)(it)) {
            let name = format!("build/{}-{}", package.name, kind.name);
            if only.is_none_or(|part| name.contains(part)) {
                check(cache, &name, &(kind.command)(&package.name), report)?;
            }
        }
    }
    check_packages(cache, &packages, only, report)
}

/// Packs the publishable crates, in one run: they depend on each other.
fn check_packages(
    cache: &Cache,
    packages: &[Package],
    only: Option<&str>,
    report: &mut Report,
) -> Result<()> {
    let name = "build/packages";
    if !only.is_none_or(|part| name.contains(part)) {
        return Ok(());
    }
    let mut pack = cargo(&["package", "--locked", "--allow-dirty", "--no-verify"]);
    for package in packages.iter().filter(|it| it.is_publishable()) {
        pack = pack.args(["--package", &package.name]);
    }
    check(cache, name, &pack, report)
}

/// Runs `command`, and reports its end as the check `name`.
fn check(cache: &Cache, name: &str, command: &Command, report: &mut Report) -> Result<()> {
    let (status, tail) = step::unannounced(&cache.logs(), name, |step| command.run_to_end(step))?;
    if status.success() {
        report.ok(name);
        return Ok(());
    }
    let tail = tail.join(" | ");
    let why = format!("{command} ended with {status}: {tail}, expected success");
    report.failed(name, why);
    Ok(())
}

fn cargo(args: &[&str]) -> Command {
    workspace::cargo().args(args)
}
