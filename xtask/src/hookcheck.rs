//! `hookcheck`: whether what the hooks take for granted about a kernel's code still holds.
//!
//! A hook sees only calls of its function: a copy that the compiler put into a caller goes past
//! it. And a feature that answers for a global must know everybody who reads it. Both are listed,
//! reviewed and committed per kernel; a difference is refused by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure, Context, Result};
use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::reference::Kernel;
use crate::release::Release;
use crate::report::Report;
use crate::root::Root;
use crate::shims::Shims;
use crate::vmlinux::Vmlinux;
use crate::workspace;

/// The check's name.
pub(crate) const NAME: &str = "build/hookcheck";

/// What one kernel's code says about the hooks.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    version: u32,
    /// What `uname -r` says.
    release: String,
    build_id: String,
    hooks: BTreeMap<String, Hook>,
    globals: BTreeMap<String, Global>,
}

/// What one kernel's code says about one hook.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hook {
    /// The functions that call it, or jump to it.
    callers: BTreeSet<String>,
    /// The objects of data that point to it.
    pointers: BTreeSet<String>,
    /// The functions that have a copy of it inside, found by review: no tool sees them. Code of
    /// such a copy shows among the references to the globals that the function reads.
    inlined: BTreeSet<String>,
}

/// What one kernel's code says about a global that a feature depends on.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Global {
    /// The functions whose code refers to it.
    users: BTreeSet<String>,
    /// The objects of data that point to it.
    pointers: BTreeSet<String>,
}

/// Compares a kernel with its list, or writes the list.
///
/// # Errors
///
/// The kernel cannot be read, or differs; the message names every difference.
pub(crate) fn run(vmlinux: Option<&Path>, update: bool) -> Result<()> {
    let cache = Cache::find()?;
    let kernel = open(&cache, vmlinux)?;
    let mut seen = look(&kernel)?;
    let dir = dir();
    let known = known(&dir, &seen)?;
    if let Some(known) = &known {
        seen.keep_reviewed(known);
    }
    if update {
        let path = dir.join(seen.file_name());
        let text = serde_json::to_string_pretty(&seen)? + "\n";
        fs::create_dir_all(&dir)?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
        return Ok(());
    }
    let known = known.with_context(|| format!("no list for Linux {}: {ADVICE}", seen.release))?;
    let differences = known.differences(&seen);
    differences.iter().for_each(|line| println!("{line}"));
    ensure!(
        differences.is_empty(),
        "{} differs from the list of {}: {ADVICE}",
        seen.release,
        known.release
    );
    println!("{} is as the list of {} says", seen.release, known.release);
    Ok(())
}

/// What to do about a difference.
const ADVICE: &str = "review it, then `cargo xtask hookcheck --update`";

/// Compares the stock kernel with its list, as a check.
///
/// # Errors
///
/// A list cannot be read.
pub(crate) fn check(cache: &Cache, report: &mut Report) -> Result<()> {
    if Root::existing(cache).is_err() {
        let why = "the stock kernel is in the build root: `cargo xtask setup` makes it";
        report.skipped(NAME, why);
        return Ok(());
    }
    let seen = open(cache, None).and_then(|kernel| look(&kernel));
    let outcome = seen.and_then(|seen| Ok((known(&dir(), &seen)?, seen)));
    match outcome {
        Err(error) => report.failed(NAME, format!("{error:#}, expected a kernel to look at")),
        Ok((None, seen)) => {
            let why = format!("no list for Linux {}, expected one: {ADVICE}", seen.release);
            report.failed(NAME, why);
        }
        Ok((Some(known), mut seen)) => {
            seen.keep_reviewed(&known);
            match known.differences(&seen) {
                none if none.is_empty() => report.ok(NAME),
                some => report.failed(NAME, format!("{}: {ADVICE}", some.join("; "))),
            }
        }
    }
    Ok(())
}

fn dir() -> PathBuf {
    workspace::dir().join("vk-ffi-shims/hooks")
}

/// Opens the kernel at `path`, or the stock kernel of the build root.
pub(crate) fn open(cache: &Cache, path: Option<&Path>) -> Result<Vmlinux> {
    let root = Root::existing(cache);
    let path = match (path, &root) {
        (Some(path), _) => path.to_owned(),
        (None, Ok(root)) => {
            let release = Release::stock(root)?;
            root.path(&format!("boot/vmlinuz-{}", release.name))
        }
        (None, Err(_)) => bail!("no kernel: name one, or run `cargo xtask setup` (as root)"),
    };
    let linked = Vmlinux::open(&path);
    linked.or_else(|_| Vmlinux::in_image(cache, root.as_ref().ok(), &path))
}

/// Looks at a kernel's code.
fn look(vmlinux: &Vmlinux) -> Result<List> {
    let release = vmlinux
        .release()
        .context("the kernel does not say its release")?;
    let build_id = vmlinux.build_id().context("the kernel has no build-id")?;
    let shims = Shims::read(&series_of(&release))?;
    let kernel = Kernel::new(vmlinux)?;
    let (mut names, mut targets) = (Vec::new(), Vec::new());
    // What a kernel has not, a list has not either.
    for name in &shims.hooks {
        if let Ok(address) = hook_address(&kernel, name) {
            names.push(name.as_str());
            targets.push(kernel.function(address));
        }
    }
    let hooks = names.len();
    for name in shims.globals() {
        if let Ok(address) = only(name, &kernel.addresses(name)) {
            names.push(name);
            targets.push(kernel.variable(address));
        }
    }
    let in_code = kernel.in_code(&targets)?;
    let in_data = kernel.in_data(&targets)?;
    let mut list = List {
        version: 1,
        release,
        build_id: build_id.to_string(),
        hooks: BTreeMap::new(),
        globals: BTreeMap::new(),
    };
    for (nth, ((name, callers), pointers)) in
        names.into_iter().zip(in_code).zip(in_data).enumerate()
    {
        if nth < hooks {
            let hook = list.hooks.entry(name.to_owned()).or_default();
            (hook.callers, hook.pointers) = (callers, pointers);
        } else {
            let users = callers;
            let global = Global { users, pointers };
            list.globals.insert(name.to_owned(), global);
        }
    }
    Ok(list)
}

/// Returns the series of a release: `7.2`.
fn series_of(release: &str) -> String {
    let parts: Vec<&str> = release.split(['.', '-', '+']).take(2).collect();
    parts.join(".")
}

/// Returns where a hook's function is.
///
/// One whose name is not unique is that one to which an attribute in `hugepage_attr` points, as in
/// `vk_find_thp_enabled_show()` of c/thp.c.
fn hook_address(kernel: &Kernel<'_>, name: &str) -> Result<u64> {
    let named = kernel.addresses(name);
    if named.len() == 1 {
        return Ok(named[0]);
    }
    let table = only("hugepage_attr", &kernel.addresses("hugepage_attr"))?;
    let attributes = kernel.words(table).into_iter().filter(|word| *word != 0);
    let words = attributes.flat_map(|attribute| kernel.words(attribute));
    let found: BTreeSet<u64> = words.filter(|word| named.contains(word)).collect();
    only(name, &Vec::from_iter(found))
}

fn only(name: &str, addresses: &[u64]) -> Result<u64> {
    match addresses {
        [address] => Ok(*address),
        [] => bail!("the kernel has no symbol {name}"),
        _ => bail!("the kernel has {} symbols {name}", addresses.len()),
    }
}

/// Returns the list of this very kernel, or else the last one of its series.
fn known(dir: &Path, seen: &List) -> Result<Option<List>> {
    let mut last: Option<List> = None;
    let Ok(entries) = fs::read_dir(dir) else {
        return Ok(None);
    };
    for entry in entries {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        let list: List = serde_json::from_str(&text)
            .with_context(|| format!("{} is no list of hooks", path.display()))?;
        if list.build_id == seen.build_id {
            return Ok(Some(list));
        }
        let is_of_series = series_of(&list.release) == series_of(&seen.release);
        if is_of_series && last.as_ref().is_none_or(|it| it.release < list.release) {
            last = Some(list);
        }
    }
    Ok(last)
}

impl List {
    fn file_name(&self) -> String {
        let id: String = self.build_id.chars().take(12).collect();
        format!("{}-{id}.json", self.release)
    }

    /// Takes over what people found, not tools.
    fn keep_reviewed(&mut self, known: &Self) {
        for (name, hook) in &mut self.hooks {
            if let Some(known) = known.hooks.get(name) {
                hook.inlined.clone_from(&known.inlined);
            }
        }
    }

    /// Names what `seen` has and this list has not, and the reverse.
    fn differences(&self, seen: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        each(
            &self.hooks,
            &seen.hooks,
            "hook",
            &mut lines,
            |name, known, seen, lines| {
                compare(
                    &format!("hook {name}: caller"),
                    &known.callers,
                    &seen.callers,
                    lines,
                );
                compare(
                    &format!("hook {name}: pointer in"),
                    &known.pointers,
                    &seen.pointers,
                    lines,
                );
            },
        );
        each(
            &self.globals,
            &seen.globals,
            "global",
            &mut lines,
            |name, known, seen, lines| {
                let used = format!("global {name}: used by");
                compare(&used, &known.users, &seen.users, lines);
                let pointer = format!("global {name}: pointer in");
                compare(&pointer, &known.pointers, &seen.pointers, lines);
            },
        );
        lines
    }
}

fn each<T>(
    known: &BTreeMap<String, T>,
    seen: &BTreeMap<String, T>,
    kind: &str,
    lines: &mut Vec<String>,
    mut both: impl FnMut(&str, &T, &T, &mut Vec<String>),
) {
    for (name, known) in known {
        match seen.get(name) {
            Some(seen) => both(name, known, seen, lines),
            None => lines.push(format!(
                "{kind} {name}: listed, but the kernel has none, or the shims do not use it"
            )),
        }
    }
    let new = seen.keys().filter(|name| !known.contains_key(*name));
    lines.extend(new.map(|name| format!("{kind} {name}: not listed")));
}

fn compare(what: &str, known: &BTreeSet<String>, seen: &BTreeSet<String>, lines: &mut Vec<String>) {
    let more = seen
        .difference(known)
        .map(|name| format!("{what} {name}, not listed"));
    let less = known
        .difference(seen)
        .map(|name| format!("{what} {name} no longer"));
    lines.extend(more.chain(less));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(callers: &[&str], readers: &[&str]) -> List {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let hook = Hook {
            callers: set(callers),
            ..Hook::default()
        };
        let global = Global {
            users: set(readers),
            ..Global::default()
        };
        List {
            version: 1,
            release: "7.2.12-x".to_owned(),
            build_id: "00".to_owned(),
            hooks: [("f".to_owned(), hook)].into(),
            globals: [("g".to_owned(), global)].into(),
        }
    }

    #[test]
    fn names_each_difference() {
        let known = list(&["a", "b"], &["c"]);
        assert!(known.differences(&list(&["a", "b"], &["c"])).is_empty());
        let lines = known.differences(&list(&["a", "d"], &["c", "e"]));
        assert_eq!(
            lines,
            [
                "hook f: caller d, not listed",
                "hook f: caller b no longer",
                "global g: used by e, not listed",
            ]
        );
    }

    #[test]
    fn names_hooks_and_globals_that_came_or_went() {
        let known = list(&[], &[]);
        let mut seen = list(&[], &[]);
        seen.hooks = [("h".to_owned(), Hook::default())].into();
        let lines = known.differences(&seen);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("hook f") && lines[1].contains("hook h"));
    }

    #[test]
    fn takes_this_kernels_list_or_the_last_of_its_series() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let write = |release: &str, build_id: &str| -> Result<()> {
            let mut list = list(&[], &[]);
            (list.release, list.build_id) = (release.to_owned(), build_id.to_owned());
            let path = dir.path().join(list.file_name());
            Ok(fs::write(path, serde_json::to_string(&list)?)?)
        };
        write("7.2.11-x", "11")?;
        write("7.2.12-x", "12")?;
        write("6.12.1-x", "6")?;
        let mut seen = list(&[], &[]);
        let of = |seen: &List| known(dir.path(), seen).map(|list| list.map(|it| it.build_id));
        assert_eq!(of(&seen)?.as_deref(), Some("12"));
        seen.build_id = "11".to_owned();
        assert_eq!(of(&seen)?.as_deref(), Some("11"));
        seen.release = "8.0.1-x".to_owned();
        seen.build_id = "80".to_owned();
        assert_eq!(of(&seen)?, None);
        Ok(())
    }

    #[test]
    fn keeps_what_was_reviewed() {
        let mut known = list(&[], &[]);
        let copy = BTreeSet::from(["vma_modify".to_owned()]);
        known.hooks.entry("f".to_owned()).or_default().inlined = copy.clone();
        let mut seen = list(&[], &[]);
        seen.keep_reviewed(&known);
        assert_eq!(seen.hooks["f"].inlined, copy);
    }
}
