//! Modules as a stranger would write them: the examples of the crates' READMEs, in empty folders, with
//! the packaged crates.
//!
//! Everything comes out of the packages that `cargo package` makes, the examples and vk-kbuild
//! included. One build of the crates serves all: Kbuild takes an object over whose command and
//! sources are the same, and makes the others anew. What was made of the same packages for the same
//! kernel is kept in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure, Context, Result};

use crate::cache::{self, Lock};
use crate::command::Command;
use crate::kdir;
use crate::lab::Lab;
use crate::report::Report;
use crate::step::{step, Step};
use crate::{record, workspace};

/// A crate's example, and what the module is called.
struct Example {
    package: &'static str,
    module: &'static str,
    /// What else is changed in its sources.
    changes: &'static [(&'static str, &'static str)],
}

/// The modules, each of which is `/vk/NAME.ko` in the guest.
const EXAMPLES: &[Example] = &[
    Example {
        package: "vk-hook",
        module: "half",
        changes: &[],
    },
    // One that wants a function twice.
    Example {
        package: "vk-hook",
        module: "twice",
        changes: &[
            ("\"half\"", "\"twice\""),
            (
                "VK_HOOK(vm_commit_limit, REPLACE(ANYONE), unsigned long);",
                "VK_HOOK(vm_commit_limit, REPLACE(ANYONE), unsigned long);\n\
                 VK_HOOK_AS(again, vm_commit_limit, REPLACE(ANYONE), unsigned long);",
            ),
            (
                "hook!(fn vm_commit_limit() -> u64, Replace<Anyone> => half);",
                "hook!(fn vm_commit_limit() -> u64, Replace<Anyone> => half);\n\
                 hook!(fn again() -> u64, Replace<Anyone> => |hook| hook.original());",
            ),
        ],
    },
    // Two that want the same function.
    Example {
        package: "vk-hook",
        module: "quarter",
        changes: &[("\"half\"", "\"quarter\"")],
    },
    Example {
        package: "vk-nshash",
        module: "roster",
        changes: &[],
    },
    Example {
        package: "vk-thp",
        module: "advised",
        changes: &[],
    },
    Example {
        package: "vk-overcommit",
        module: "modest",
        changes: &[],
    },
    Example {
        package: "vk-sysctl",
        module: "ratio",
        changes: &[],
    },
    // Its line is not what the kernel's function is, which no header says.
    Example {
        package: "vk-sysctl",
        module: "wrong",
        changes: &[
            ("\"ratio\"", "\"wrong\""),
            ("const struct ctl_table *", "const struct file *"),
        ],
    },
];

/// An example that must not be what it is: a change to one of its files, and what follows.
struct Mutant {
    /// The check's name.
    name: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    /// What make says.
    says: &'static str,
}

/// Those of `half` that must not build.
const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "stranger/a-line-that-differs-from-the-header-does-not-compile",
        file: "c/hooks.c",
        from: "REPLACE(ANYONE), unsigned long",
        to: "REPLACE(ANYONE), unsigned int",
        // The assertion of that line, whose own text is far above the last words.
        says: "in expansion of macro 'VK_HOOK'",
    },
    Mutant {
        name: "stranger/a-line-that-differs-from-its-handler-does-not-compile",
        file: "src/lib.rs",
        from: "hook!(fn vm_commit_limit() -> u64",
        to: "hook!(fn vm_commit_limit(a: u64) -> u64",
        says: "E0308",
    },
    Mutant {
        name: "stranger/lines-of-different-filters-do-not-link",
        file: "c/hooks.c",
        from: "REPLACE(ANYONE)",
        to: "REPLACE(CURRENT)",
        says: "\"vk_line_vm_commit_limit.kind_1.of_0.returns_80.takes\" [half.ko] undefined",
    },
    Mutant {
        name: "stranger/lines-of-different-kinds-do-not-link",
        file: "c/hooks.c",
        from: "REPLACE(ANYONE)",
        to: "AROUND(ANYONE)",
        says: "\"vk_line_vm_commit_limit.kind_1.of_0.returns_80.takes\" [half.ko] undefined",
    },
    Mutant {
        name: "stranger/a-line-without-its-other-half-does-not-link",
        file: "c/hooks.c",
        from: "VK_HOOK(vm_commit_limit, REPLACE(ANYONE), unsigned long);",
        to: "",
        says: "\"vk_line_vm_commit_limit.kind_1.of_0.returns_80.takes\" [half.ko] undefined",
    },
];

/// The modules that were built.
pub(crate) struct Strangers {
    dir: PathBuf,
    /// Nobody makes others meanwhile.
    _lock: Lock,
}

impl Strangers {
    /// Returns their names in the guest, and where they are.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (String, PathBuf)> + '_ {
        let names = EXAMPLES.iter().map(Example::object);
        names.map(|name| (name.clone(), self.dir.join(OUT).join(name)))
    }
}

impl Example {
    fn object(&self) -> String {
        format!("{}.ko", self.module)
    }
}

/// Where the modules are kept.
const OUT: &str = "out";

/// What they were made of, once they are there and `half` is as it was.
const KEY: &str = "key";

/// The one that the mutants are made of.
const MUTATED: &str = "half";

/// Packs the crates, makes the modules of their examples, and sees those fail to build that must.
///
/// # Errors
///
/// A crate cannot be packed, or an example does not build.
pub(crate) fn build(lab: &Lab, report: &mut Report) -> Result<Strangers> {
    let kdir = lab.kdir()?;
    let advice = "the README of the crate has the module's source";
    let lock = lab.cache.lock("strangers")?;
    // Not in the checkout, nor below it: cargo would find the workspace.
    let dir = lab.cache.entry("strangers");
    step(&lab.cache.logs(), "strangers' modules", advice, |step| {
        record::write(step, &lab.cache, Some(&lab.root), &kdir)?;
        let at = Place {
            lab,
            kdir: &kdir,
            record: record::read(&kdir)?,
            dir: &dir,
        };
        at.prepare(step, report)
    })?;
    Ok(Strangers { dir, _lock: lock })
}

/// Where and for what the modules are made.
struct Place<'a> {
    lab: &'a Lab,
    kdir: &'a Path,
    record: String,
    dir: &'a Path,
}

impl Place<'_> {
    fn prepare(&self, step: &Step, report: &mut Report) -> Result<()> {
        let fresh = tempfile::tempdir_in(self.lab.cache.dir())?;
        let packages = unpack(step, fresh.path())?;
        let wanted = self.key(&packages)?;
        let key = self.dir.join(KEY);
        let last = fs::read_to_string(&key).unwrap_or_default();
        if last == wanted {
            step.notes("cached");
            // Whoever is interrupted leaves a mutant.
            fs::remove_file(&key).with_context(|| format!("cannot remove {}", key.display()))?;
        } else {
            cache::make_empty(self.dir)?;
            self.build(step, &packages.moved_to(self.dir)?)?;
        }
        for mutant in MUTANTS {
            self.tries(step, mutant, report)?;
        }
        fs::write(&key, wanted).with_context(|| format!("cannot write {}", key.display()))
    }

    /// Returns a name for all that the modules are made of.
    fn key(&self, packages: &Packages) -> Result<String> {
        let recipe = include_str!("stranger.rs").to_owned();
        let kernel = self.kdir.display().to_string();
        let mut parts = vec![recipe, kernel, self.record.clone()];
        for (name, dir) in &packages.dirs {
            parts.push(name.clone());
            read_all(dir, &mut parts)?;
        }
        Ok(cache::key(parts))
    }

    fn build(&self, step: &Step, packages: &Packages) -> Result<()> {
        let kbuild = build_kbuild(step, packages)?;
        let out = self.dir.join(OUT);
        fs::create_dir(&out).with_context(|| format!("cannot make {}", out.display()))?;
        let mut first: Option<PathBuf> = None;
        for example in EXAMPLES {
            let dir = self.dir.join(example.module);
            write(example, packages, &dir)?;
            generate(step, &kbuild, &dir)?;
            match &first {
                Some(first) => take_objects_over(step, first, &dir)?,
                None => first = Some(dir.clone()),
            }
            self.make(&dir)?.run(step)?;
            let name = example.object();
            let object = dir.join(&name);
            fs::copy(&object, out.join(&name))
                .with_context(|| format!("make made no {}", object.display()))?;
            if example.module != MUTATED {
                cache::remove_dir(&dir)?;
            }
        }
        Ok(())
    }

    /// Reports whether `half` with the change does not build, for the reason given.
    fn tries(&self, step: &Step, mutant: &Mutant, report: &mut Report) -> Result<()> {
        let dir = self.dir.join(MUTATED);
        let path = dir.join(mutant.file);
        let text = fs::read_to_string(&path)?;
        ensure!(
            text.contains(mutant.from),
            "no {:?} in {}",
            mutant.from,
            mutant.file
        );
        fs::write(&path, text.replace(mutant.from, mutant.to))?;
        let (status, said) = self.make(&dir)?.run_to_end(step)?;
        fs::write(&path, text)?;
        match said.iter().any(|line| line.contains(mutant.says)) {
            true if !status.success() => report.ok(mutant.name),
            _ => {
                let why = format!(
                    "make ended with {status}: {}, expected it to fail with {:?}",
                    said.join(" | "),
                    mutant.says
                );
                report.failed(mutant.name, why);
            }
        }
        Ok(())
    }

    fn make(&self, dir: &Path) -> Result<Command> {
        let mut module = std::ffi::OsString::from("M=");
        module.push(dir);
        let make = self.lab.root.command_with("make", dir, &[self.kdir])?;
        let make = make.arg(kdir::jobs()).arg("-C").arg(self.kdir);
        Ok(make
            .arg(module)
            .args(kdir::toolchain(self.kdir))
            .arg("modules"))
    }
}

/// The unpacked packages.
struct Packages {
    dirs: Vec<(String, PathBuf)>,
}

impl Packages {
    fn dir(&self, name: &str) -> Result<&Path> {
        let mut dirs = self.dirs.iter();
        let found = dirs.find(|(package, _)| package == name);
        let (_, dir) = found.with_context(|| format!("there is no package {name}"))?;
        Ok(dir)
    }

    /// Moves them into `to`.
    fn moved_to(&self, to: &Path) -> Result<Self> {
        let moves = self.dirs.iter().map(|(name, dir)| {
            let at = to.join(dir.file_name().unwrap_or_default());
            fs::rename(dir, &at).with_context(|| format!("cannot name {}", at.display()))?;
            Ok((name.clone(), at))
        });
        let dirs = moves.collect::<Result<_>>()?;
        Ok(Self { dirs })
    }

    /// Has cargo take these for what the manifests name.
    fn patch(&self) -> String {
        let lines = self
            .dirs
            .iter()
            .map(|(name, dir)| format!("{name} = {{ path = {:?} }}\n", dir.display().to_string()));
        format!("\n[patch.crates-io]\n{}", lines.collect::<String>())
    }
}

fn unpack(step: &Step, scratch: &Path) -> Result<Packages> {
    let target = scratch.join("packed");
    let members = workspace::packages()?;
    let names = || {
        let libraries = members
            .iter()
            .filter(|it| it.is_publishable() && it.has_library());
        libraries.map(|it| it.name.as_str())
    };
    let mut pack = workspace::cargo()
        .args([
            "package",
            "--locked",
            "--allow-dirty",
            "--no-verify",
            "--target-dir",
        ])
        .arg(&target);
    for name in names() {
        pack = pack.args(["--package", name]);
    }
    pack.run(step)?;
    let mut dirs = Vec::new();
    for entry in fs::read_dir(target.join("package"))? {
        let archive = entry?.path();
        if archive.extension().is_none_or(|it| it != "crate") {
            continue;
        }
        // Not their own times: an object must be younger than its source.
        let tar = Command::new("tar").args(["--touch", "-xzf"]).arg(&archive);
        tar.arg("-C").arg(scratch).run(step)?;
        let stem = archive
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let name = names().find(|name| is_version_of(&stem, name));
        let name = name.with_context(|| format!("{stem} is no member of the workspace"))?;
        dirs.push((name.to_owned(), scratch.join(&stem)));
    }
    dirs.sort();
    Ok(Packages { dirs })
}

/// Adds the names and contents of all files below `dir` to `parts`, in one order, but for what depends
/// on the commit alone: its name, and the sums of archives that it is in.
fn read_all(dir: &Path, parts: &mut Vec<String>) -> Result<()> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        paths.push(entry?.path());
    }
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            parts.push(format!("{name}/"));
            read_all(&path, parts)?;
            continue;
        }
        let text = fs::read(&path).with_context(|| format!("cannot read {name}"))?;
        let text = String::from_utf8_lossy(&text);
        let text = match &*name {
            ".cargo_vcs_info.json" => continue,
            "Cargo.lock" => without_sums(&text),
            _ => text.into_owned(),
        };
        parts.extend([name.into_owned(), text]);
    }
    Ok(())
}

fn without_sums(lock: &str) -> String {
    let lines = lock.lines().filter(|line| !line.starts_with("checksum"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Tells whether `stem` is `NAME-VERSION`.
fn is_version_of(stem: &str, name: &str) -> bool {
    let version = stem
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('-'));
    version.is_some_and(|version| version.starts_with(|it: char| it.is_ascii_digit()))
}

/// Builds the packaged vk-kbuild.
fn build_kbuild(step: &Step, packages: &Packages) -> Result<PathBuf> {
    let manifest = packages.dir("vk-kbuild")?.join("Cargo.toml");
    let target = packages.dir("vk-kbuild")?.join("target");
    let build = workspace::cargo()
        .args([
            "build",
            "--quiet",
            "--offline",
            "--locked",
            "--bin",
            "vk-kbuild",
        ])
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target);
    build.run(step)?;
    Ok(target.join("debug/vk-kbuild"))
}

/// Writes the module into the empty folder `dir`.
fn write(example: &Example, packages: &Packages, dir: &Path) -> Result<()> {
    let readme = |package: &str| -> Result<String> {
        let path = packages.dir(package)?.join("README.md");
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let changed = |text: String| {
        let changes = example.changes.iter();
        changes.fold(text, |text, (from, to)| text.replace(from, to))
    };
    let own = files(&readme(example.package)?);
    // What all examples have alike is in the README of vk-hook.
    let shared = files(&readme("vk-hook")?);
    let has_hooks = own.iter().any(|(path, _)| path == "c/hooks.c");
    for path in ["Cargo.toml", "Kbuild"] {
        let found = shared.iter().find(|(it, _)| it == path);
        let (_, text) = found.with_context(|| format!("the README of vk-hook has no {path}"))?;
        let mut text = text.replace("\"half\"", &format!("\"{}\"", example.module));
        if path == "Cargo.toml" {
            let crates = format!("[dependencies]\n{} = \"0.1\"\n", example.package);
            text = text.replace("[dependencies]\n", &crates);
            if !has_hooks {
                text = text.replace("c-objects = [\"c/hooks.c\"]\n", "");
            }
            text += &packages.patch();
        }
        put(&dir.join(path), &text)?;
    }
    let mut sources = own
        .into_iter()
        .filter(|(path, _)| path.contains('/'))
        .peekable();
    if sources.peek().is_none() {
        bail!("the README of {} has no src/lib.rs", example.package);
    }
    sources.try_for_each(|(path, text)| put(&dir.join(path), &changed(text)))
}

fn put(path: &Path, text: &str) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Returns the files that a README shows: the code behind a line that ends with the file's name in
/// backquotes and a colon, or a half-sentence and a colon.
fn files(readme: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut named = None;
    let mut open: Option<(String, String)> = None;
    for line in readme.lines() {
        match (&mut open, line.starts_with("```")) {
            (Some(_), true) => files.extend(open.take()),
            (Some((_, text)), false) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, true) => open = named.take().map(|name| (name, String::new())),
            (None, false) if !line.is_empty() => named = file_named_by(line),
            (None, false) => {}
        }
    }
    files
}

/// Returns the file that the code below `line` is.
fn file_named_by(line: &str) -> Option<String> {
    let rest = line.strip_suffix(':')?;
    let names = rest.split('`').skip(1).step_by(2);
    let is_file = |name: &&str| {
        matches!(*name, "Cargo.toml" | "Kbuild") || name.ends_with(".rs") || name.ends_with(".c")
    };
    names.into_iter().find(is_file).map(str::to_owned)
}

fn generate(step: &Step, kbuild: &Path, dir: &Path) -> Result<()> {
    let cargo = || {
        Command::new("cargo")
            .dir(dir)
            .env("CARGO_TERM_COLOR", "never")
    };
    cargo().args(["generate-lockfile", "--offline"]).run(step)?;
    Command::new(kbuild).dir(dir).run(step)
}

/// Gives a module the objects of another. Kbuild compares commands and times, and makes anew what is
/// not the same.
fn take_objects_over(step: &Step, from: &Path, to: &Path) -> Result<()> {
    let (from, to) = (from.join(".vk-kbuild"), to.join(".vk-kbuild"));
    let copy = Command::new("cp").args(["--archive", "--no-clobber"]);
    copy.arg(from.join(".")).arg(to).run(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_files_that_a_readme_shows() {
        let readme = "# x\n\nNo `file.rs` here:\ntext\n\n```rust\nnot one\n```\n\n`Kbuild`:\n\n```make\na\n\nb\n```\n\
                      As `x`'s; `src/lib.rs`:\n\n```rust,ignore\nfn f() {}\n```\n";
        let found = files(readme);
        let wanted = [("Kbuild", "a\n\nb\n"), ("src/lib.rs", "fn f() {}\n")];
        assert_eq!(found, wanted.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn each_readme_shows_its_module_in_few_lines() -> Result<()> {
        for example in EXAMPLES {
            let path = workspace::dir().join(example.package).join("README.md");
            let files = files(&fs::read_to_string(path)?);
            let source = files.iter().find(|(path, _)| path == "src/lib.rs");
            let (_, text) = source.with_context(|| example.package.to_owned())?;
            let lines = text.lines().filter(|line| !line.is_empty()).count();
            assert!(
                (20..=40).contains(&lines),
                "{}: {lines} lines",
                example.package
            );
        }
        Ok(())
    }

    #[test]
    fn other_files_are_other_modules_and_another_commit_is_not() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let at = |path: &str| dir.path().join(path);
        let key = || -> Result<String> {
            let mut parts = Vec::new();
            read_all(dir.path(), &mut parts)?;
            Ok(cache::key(parts))
        };
        put(&at("src/lib.rs"), "one")?;
        let first = key()?;
        put(&at(".cargo_vcs_info.json"), "a commit")?;
        assert_eq!(key()?, first);
        put(&at("Cargo.lock"), "version = \"1\"\nchecksum = \"a\"\n")?;
        let locked = key()?;
        put(&at("Cargo.lock"), "version = \"1\"\nchecksum = \"b\"\n")?;
        assert_eq!(key()?, locked);
        put(&at("Cargo.lock"), "version = \"2\"\nchecksum = \"b\"\n")?;
        assert_ne!(key()?, locked);
        fs::remove_file(at("Cargo.lock"))?;
        put(&at("src/lib.rs"), "two")?;
        let second = key()?;
        assert_ne!(second, first);
        fs::rename(at("src/lib.rs"), at("src/main.rs"))?;
        assert_ne!(key()?, second);
        Ok(())
    }

    #[test]
    fn tells_a_version_from_a_longer_name() {
        assert!(is_version_of("vk-hook-0.1.0", "vk-hook"));
        assert!(!is_version_of("vk-hook-peers-0.1.0", "vk-hook"));
        assert!(!is_version_of("vk-hook", "vk-hook"));
    }
}
