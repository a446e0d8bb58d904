//! The machine that xtask runs on: its packages, its distribution, its user.

use std::env;
use std::fs;
use std::path::Path;

use anyhow::{bail, Result};

use crate::command::Command;
use crate::step::Step;

/// What the lab runs on the host, by Debian package.
const PACKAGES: &[&str] = &[
    "debian-archive-keyring",
    "e2fsprogs",
    "gcc",
    "kmod",
    "libc6-dev",
    "make",
    "mmdebstrap",
    "qemu-system-x86",
];

/// Refuses a user that is not root, for the work named `what`.
///
/// # Errors
///
/// The user is not root; the message says what to run.
pub(crate) fn require_root(what: &str) -> Result<()> {
    if is_root() {
        return Ok(());
    }
    bail!("{what} needs root: run it as `sudo -E env \"PATH=$PATH\" cargo xtask ...`")
}

/// Tells whether the user is root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Installs the packages that the lab needs on the host.
///
/// # Errors
///
/// The host has no apt, the user may not install, or apt fails.
pub(crate) fn install_packages(step: &Step) -> Result<()> {
    let missing = missing(PACKAGES)?;
    if missing.is_empty() {
        step.notes("all there");
        return Ok(());
    }
    let list = missing.join(" ");
    if env::var_os("LAB_NO_APT").is_some_and(|value| value == "1") {
        bail!("missing host packages: {list}; LAB_NO_APT=1 forbids installing them");
    }
    step.prints(&format!(
        "host packages to install (needs root; LAB_NO_APT=1 only checks): {list}"
    ));
    require_root("installing host packages")?;
    apt_get().arg("update").run(step)?;
    let install = apt_get().args(["install", "--yes", "--no-install-recommends"]);
    install.args(missing).run(step)
}

/// Returns those of `packages` that are not installed on the host.
///
/// # Errors
///
/// There is no dpkg.
pub(crate) fn missing<'a>(packages: &[&'a str]) -> Result<Vec<&'a str>> {
    if !Path::new("/var/lib/dpkg/status").exists() {
        bail!("the lab needs a Debian host (no dpkg here)");
    }
    let mut missing = packages.to_vec();
    missing.retain(|name| !is_installed(name));
    Ok(missing)
}

/// Tells whether the host is itself a Debian of the suite `codename`.
pub(crate) fn is_debian(codename: &str) -> bool {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    names_suite(&release, codename)
}

/// Returns the options of the host's apt that a build root must share.
///
/// Archives can be older than their `Valid-Until`; who told the host's apt about that, told ours.
///
/// # Errors
///
/// There is no apt.
pub(crate) fn apt_options() -> Result<Vec<String>> {
    let dump = Command::new("apt-config").arg("dump").output()?;
    Ok(dump.lines().filter_map(shared_option).collect())
}

fn apt_get() -> Command {
    Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive")
}

fn is_installed(package: &str) -> bool {
    Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .output()
        .is_ok_and(|status| status == "installed")
}

fn names_suite(os_release: &str, codename: &str) -> bool {
    let has = |wanted: String| os_release.lines().any(|line| line == wanted);
    has("ID=debian".to_owned())
        && (has(format!("VERSION_CODENAME={codename}"))
            || has(format!("VERSION_CODENAME=\"{codename}\"")))
}

fn shared_option(line: &str) -> Option<String> {
    let name = line.split_whitespace().next()?;
    let is_shared = matches!(name, "Acquire::Check-Valid-Until" | "Acquire::Check-Date");
    is_shared.then(|| line.trim_end_matches(';').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_suite_by_its_code_name() {
        let release = "ID=debian\nVERSION_CODENAME=forky\n";
        assert!(names_suite(release, "forky"));
        assert!(!names_suite(release, "bookworm"));
        assert!(!names_suite("ID=other\nVERSION_CODENAME=forky\n", "forky"));
    }

    #[test]
    fn shares_only_the_options_about_an_archives_age() {
        let shared = shared_option("Acquire::Check-Valid-Until \"false\";");
        assert_eq!(
            shared.as_deref(),
            Some("Acquire::Check-Valid-Until \"false\"")
        );
        assert_eq!(shared_option("Acquire::GzipIndexes \"true\";"), None);
    }
}
