//! Whole texts, from their first instruction to their last.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use object::{Object, ObjectSection};
use vk_hook::insn::{decode, MAX_LEN};

use super::explain::Forms;
use super::kernel::{Decoder, Window};
use super::tally::Tally;
use crate::command::Command;
use crate::lab::Lab;
use crate::{hookcheck, kallsyms, workspace};

/// How many instructions go to the kernel's decoder at once.
const BATCH: usize = 1 << 19;

/// Symbols that are inside an instruction: what a processor decodes ahead there is the point of
/// them. arch/x86/lib/retpoline.S.
const INSIDE: &[&str] = &["srso_safe_ret", "retbleed_return_thunk"];

/// A text to decode.
struct Text {
    name: String,
    bytes: Vec<u8>,
    /// Where functions begin, in order, and their names.
    functions: Vec<(usize, String)>,
}

/// Decodes all texts and prints what came out.
///
/// # Errors
///
/// A text cannot be read, or the kernel's decoder not be run.
pub(crate) fn run(lab: &Lab, decoder: &Decoder) -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    let mut library = library("librustc_driver")?;
    library.push(libc()?);
    for text in [vmlinux(lab)]
        .into_iter()
        .chain(library.iter().map(|path| shared(path)))
    {
        let text = text?;
        let (tally, missed) = sweep(&text, decoder)?;
        println!("{}: {} bytes", text.name, text.bytes.len());
        println!("{tally}");
        if !text.functions.is_empty() {
            let (all, missed) = (text.functions.len(), missed.join(" "));
            println!("{all:>12} symbols; inside an instruction: {missed}");
        }
        let is_expected = |name: &&str| INSIDE.contains(name);
        if tally.unexplained().is_some() || !missed.iter().all(is_expected) {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// Decodes `text` from front to end; names the symbols that begin inside an instruction.
fn sweep<'a>(text: &'a Text, decoder: &Decoder) -> Result<(Tally, Vec<&'a str>)> {
    let mut tally = Tally::default();
    let mut forms = Forms::default();
    let mut windows: Vec<Window> = Vec::new();
    let mut functions = text.functions.iter().peekable();
    let mut missed = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.bytes.get(at..).filter(|rest| !rest.is_empty()) {
        while let Some((begin, name)) = functions.next_if(|(begin, _)| *begin <= at) {
            if *begin != at {
                missed.push(&**name);
            }
        }
        let mut window = [0; MAX_LEN];
        let len = rest.len().min(MAX_LEN);
        window[..len].copy_from_slice(&rest[..len]);
        windows.push(window);
        at += decode(rest).map_or(1, |insn| insn.len());
        if windows.len() == BATCH {
            tally.take(decoder, &windows, &mut forms)?;
            windows.clear();
        }
    }
    tally.take(decoder, &windows, &mut forms)?;
    Ok((tally, missed))
}

/// The text of the stock kernel, with the functions that it lists itself.
fn vmlinux(lab: &Lab) -> Result<Text> {
    let vmlinux = hookcheck::open(&lab.cache, None)?;
    let file = object::File::parse(vmlinux.bytes())?;
    let section = file.section_by_name(".text").context("no .text")?;
    let bytes = section.data()?.to_vec();
    let place = |address: u64| usize::try_from(address.checked_sub(section.address())?).ok();
    let symbols = kallsyms::symbols(&vmlinux)?;
    let places = symbols
        .into_iter()
        .filter_map(|it| Some((place(it.address)?, it.name)));
    let mut functions: Vec<_> = places.filter(|(at, _)| *at < bytes.len()).collect();
    functions.dedup_by_key(|(at, _)| *at);
    let release = vmlinux.release().unwrap_or_default();
    Ok(Text {
        name: format!("vmlinux {release}"),
        bytes,
        functions,
    })
}

fn shared(path: &Path) -> Result<Text> {
    let data = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = object::File::parse(&*data)?;
    let section = file.section_by_name(".text").context("no .text")?;
    Ok(Text {
        name: path.display().to_string(),
        bytes: section.data()?.to_vec(),
        functions: Vec::new(),
    })
}

/// The libraries of the Rust compiler whose name begins with `name`.
fn library(name: &str) -> Result<Vec<PathBuf>> {
    let rustc = Command::new("rustc").dir(workspace::dir());
    let sysroot = rustc.args(["--print", "sysroot"]).output()?;
    let entries = fs::read_dir(Path::new(&sysroot).join("lib"))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_it = |path: &PathBuf| {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        file.starts_with(name) && file.ends_with(".so")
    };
    Ok(paths.filter(is_it).collect())
}

/// The C library that we ourselves run with.
fn libc() -> Result<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    let paths = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5));
    let mut paths = paths.filter(|path| path.contains("/libc.so") || path.contains("/libc-"));
    paths.next().map(PathBuf::from).context("no C library")
}
