//! The leaf crates' kernel objects: nothing in them can panic.

use std::fs;

use anyhow::{Context, Result};
use object::{Object, ObjectSymbol};

use crate::module::Module;
use crate::report::Report;

/// The check's name.
pub(crate) const NAME: &str = "fit/leaf-objects-cannot-panic";

/// The leaves, by the names of their objects.
const LEAVES: [&str; 5] = [
    "vk_hook",
    "vk_nshash",
    "vk_overcommit",
    "vk_sysctl",
    "vk_thp",
];

/// Looks at the objects of the reference module's last build.
pub(crate) fn check(report: &mut Report) {
    match panics() {
        Ok(panics) if panics.is_empty() => report.ok(NAME),
        Ok(panics) => {
            let why = format!("{}, expected no such symbol", panics.join(", "));
            report.failed(NAME, why);
        }
        Err(error) => report.failed(NAME, format!("{error:#}, expected an object of each leaf")),
    }
}

/// Returns the panicking symbols that the objects want, each behind its object's name.
fn panics() -> Result<Vec<String>> {
    let mut all = Vec::new();
    for leaf in LEAVES {
        let path = Module::Reference.dir().join(format!(".vk-kbuild/{leaf}.o"));
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let wanted = panics_in(&bytes).with_context(|| path.display().to_string())?;
        all.extend(
            wanted
                .into_iter()
                .map(|symbol| format!("{leaf}.o: {symbol}")),
        );
    }
    Ok(all)
}

fn panics_in(object: &[u8]) -> Result<Vec<String>> {
    let file = object::File::parse(object)?;
    let names = file.symbols().filter(|symbol| symbol.is_undefined());
    let names = names.filter_map(|symbol| Some(symbol.name().ok()?.to_owned()));
    Ok(names.filter(|name| name.contains("panicking")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn finds_the_panic_of_an_index() -> Result<()> {
        assert!(panics_of(
            "#[inline(never)] pub fn at(all: &[u8], index: usize) -> u8 { all[index] }"
        )?);
        let get = "#[inline(never)] pub fn at(all: &[u8], index: usize) -> Option<&u8> { all.get(index) }";
        assert!(!panics_of(get)?);
        Ok(())
    }

    /// Compiles `source` and tells whether it can panic.
    fn panics_of(source: &str) -> Result<bool> {
        let dir = tempfile::tempdir()?;
        let (code, object) = (dir.path().join("a.rs"), dir.path().join("a.o"));
        fs::write(&code, format!("#![no_std]\n{source}"))?;
        let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
        let status = Command::new(rustc)
            .args(["--crate-type=lib", "--emit=obj", "-O", "-o"])
            .args([&object, &code])
            .status()?;
        assert!(status.success());
        Ok(!panics_in(&fs::read(&object)?)?.is_empty())
    }
}
