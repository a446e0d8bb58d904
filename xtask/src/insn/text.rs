//! Texts to decode: the stock kernel's, the Rust compiler's, the C library's.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use object::{Object, ObjectSection};

use crate::command::Command;
use crate::lab::Lab;
use crate::{hookcheck, kallsyms, workspace};

/// A text to decode.
pub(crate) struct Text {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// Where symbols are, in order, and their names.
    pub(crate) symbols: Vec<(usize, String)>,
}

impl Text {
    /// Reads the text of the stock kernel, with the symbols that it lists itself.
    ///
    /// # Errors
    ///
    /// There is no such kernel, or it is packed in an unknown way.
    pub(crate) fn vmlinux(lab: &Lab) -> Result<Self> {
        let vmlinux = hookcheck::open(&lab.cache, None)?;
        let file = object::File::parse(vmlinux.bytes())?;
        let section = file.section_by_name(".text").context("no .text")?;
        let bytes = section.data()?.to_vec();
        let begin = section.address();
        let place = |address: u64| usize::try_from(address.checked_sub(begin)?).ok();
        let symbols = kallsyms::symbols(&vmlinux)?.into_iter();
        let places = symbols.filter_map(|it| Some((place(it.address)?, it.name)));
        let mut symbols: Vec<_> = places.filter(|(at, _)| *at < bytes.len()).collect();
        symbols.dedup_by_key(|(at, _)| *at);
        let release = vmlinux.release().unwrap_or_default();
        Ok(Self {
            name: format!("vmlinux {release}"),
            bytes,
            symbols,
        })
    }

    /// Reads the text of the Rust compiler.
    ///
    /// # Errors
    ///
    /// It is not installed as a library.
    pub(crate) fn rustc() -> Result<Self> {
        const NAME: &str = "librustc_driver";
        let rustc = Command::new("rustc").dir(workspace::dir());
        let sysroot = rustc.args(["--print", "sysroot"]).output()?;
        let entries = fs::read_dir(Path::new(&sysroot).join("lib"))?;
        let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let path = paths.find(|path| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            file.starts_with(NAME) && file.ends_with(".so")
        });
        let version = Command::new("rustc").arg("--version").output()?;
        Self::library(
            &path.context("no librustc_driver")?,
            &format!("{NAME} of {version}"),
        )
    }

    /// Reads the text of the C library that we ourselves run with.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(crate) fn libc() -> Result<Self> {
        let maps = fs::read_to_string("/proc/self/maps")?;
        let mut paths = maps
            .lines()
            .filter_map(|line| line.split_whitespace().nth(5));
        let path = paths.find(|path| path.contains("/libc.so") || path.contains("/libc-"));
        let path = PathBuf::from(path.context("no C library")?);
        Self::library(&path, &path.display().to_string())
    }

    fn library(path: &Path, name: &str) -> Result<Self> {
        let data = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let file = object::File::parse(&*data)?;
        let section = file.section_by_name(".text").context("no .text")?;
        Ok(Self {
            name: name.to_owned(),
            bytes: section.data()?.to_vec(),
            symbols: Vec::new(),
        })
    }
}
