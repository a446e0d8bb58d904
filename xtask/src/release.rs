//! A kernel release, as the distribution's packages name it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};

use crate::cache::{self, Cache};
use crate::host;
use crate::root::{Root, FLAVOUR, SUITE};
use crate::step::{step, Step};

/// A kernel release and the version of the packages that bring it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Release {
    /// What `uname -r` says: `7.2.12+deb14-cloud-amd64`.
    pub(crate) name: String,
    /// The version of its packages: `7.2.12-1`.
    pub(crate) package_version: String,
    /// Its headers: configuration, exported symbols, BTF.
    pub(crate) headers: PathBuf,
}

impl Release {
    /// Resolves the newest stock kernel of the build root.
    ///
    /// # Errors
    ///
    /// The meta package is not there, or says something else than expected.
    pub(crate) fn stock(root: &Root) -> Result<Self> {
        let meta = format!("linux-headers-{FLAVOUR}");
        let depends = root.package_field(&meta, "Depends")?;
        let name = headers_in(&depends).with_context(|| format!("{meta} depends on {depends}"))?;
        Self::installed(root, name)
    }

    /// Resolves the release `name`, and fetches its headers where the root does not have them.
    ///
    /// # Errors
    ///
    /// The suite has no such release.
    pub(crate) fn fetched(cache: &Cache, root: &Root, name: &str) -> Result<Self> {
        if let Ok(release) = Self::installed(root, name) {
            return Ok(release);
        }
        let advice = format!("Debian {SUITE} may have no kernel {name}");
        step(&cache.logs(), "kernel headers", &advice, |step| {
            let dir = cache.entry(&format!("headers-{name}"));
            let _lock = cache.lock("headers")?;
            let package = format!("linux-headers-{name}");
            if !cache::is_complete(&dir) {
                fetch(step, root, &package, &dir)?;
            }
            let version = fs::read_to_string(dir.join("version"))?;
            Ok(Self {
                name: name.to_owned(),
                package_version: version.trim().to_owned(),
                headers: dir.join("usr/src").join(package),
            })
        })
    }

    fn installed(root: &Root, name: &str) -> Result<Self> {
        let package = format!("linux-headers-{name}");
        Ok(Self {
            name: name.to_owned(),
            package_version: root.package_field(&package, "Version")?,
            headers: root.path(&format!("usr/src/{package}")),
        })
    }

    /// Returns the part behind the kernel's own version: `+deb14-cloud-amd64`.
    pub(crate) fn suffix(&self) -> &str {
        let end = self.name.find(|c: char| !c.is_ascii_digit() && c != '.');
        end.map_or("", |end| &self.name[end..])
    }

    /// Returns the series: `7.2`.
    ///
    /// # Errors
    ///
    /// The name begins with no version.
    pub(crate) fn series(&self) -> Result<&str> {
        let mut dots = self.name.match_indices('.').map(|(at, _)| at);
        match (dots.next(), dots.next()) {
            (Some(_), Some(end)) => Ok(&self.name[..end]),
            _ => bail!("{} is no kernel release", self.name),
        }
    }
}

/// Unpacks `package` in `dir`, with its version beside it.
fn fetch(step: &Step, root: &Root, package: &str, dir: &Path) -> Result<()> {
    cache::make_empty(dir)?;
    let apt = |words: &[&str]| Ok::<_, anyhow::Error>(root.command("apt-get", dir)?.args(words));
    if host::is_root() {
        apt(&["update"])?.run(step)?;
    }
    apt(&["-o", "APT::Sandbox::User=root", "download", package])?.run(step)?;
    let unpack = "dpkg-deb -x ./*.deb . && dpkg-deb -f ./*.deb Version >version && rm ./*.deb";
    let sh = root.command("sh", dir)?.args(["-ec", unpack]);
    sh.run(step)?;
    cache::complete(dir)
}

fn headers_in(depends: &str) -> Option<&str> {
    let packages = depends.split(',').map(|it| it.trim());
    let names = packages.filter_map(|it| it.split_whitespace().next());
    names
        .filter_map(|name| name.strip_prefix("linux-headers-"))
        .find(|name| name.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(name: &str) -> Release {
        Release {
            name: name.to_owned(),
            package_version: String::new(),
            headers: PathBuf::new(),
        }
    }

    #[test]
    fn finds_the_release_that_a_meta_package_stands_for() {
        let depends = "linux-base-cloud-amd64 (= 7.2.12-1), \
                       linux-headers-7.2.12+deb14-cloud-amd64 (= 7.2.12-1)";
        assert_eq!(headers_in(depends), Some("7.2.12+deb14-cloud-amd64"));
        assert_eq!(headers_in("linux-base-cloud-amd64"), None);
    }

    #[test]
    fn cuts_a_release_into_series_and_suffix() -> Result<()> {
        let stock = release("7.2.12+deb14-cloud-amd64");
        assert_eq!(stock.series()?, "7.2");
        assert_eq!(stock.suffix(), "+deb14-cloud-amd64");
        assert_eq!(release("6.12.48-amd64").suffix(), "-amd64");
        assert!(release("linux").series().is_err());
        Ok(())
    }
}
