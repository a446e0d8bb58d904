//! The kernel's own decoder, compiled from its source as a program.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::thread;

use anyhow::{ensure, Context, Result};
use vk_hook::insn::MAX_LEN;

use crate::cache::{self, Cache};
use crate::command::Command;
use crate::step::{step, Step};

/// What the program is beside the kernel's files.
const MAIN: &str = include_str!("kernel.c");

/// The bytes that a decoder is asked about.
pub(crate) type Window = [u8; MAX_LEN];

/// The kernel's decoder.
pub(crate) struct Decoder {
    program: PathBuf,
}

impl Decoder {
    /// Compiles arch/x86/lib/insn.c and inat.c of the kernel at `source`.
    ///
    /// # Errors
    ///
    /// They do not compile.
    pub(crate) fn prepare(cache: &Cache, source: &Path) -> Result<Self> {
        let advice = "see the compiler's message; it takes awk and a C compiler";
        step(&cache.logs(), "kernel decoder", advice, |step| {
            let key = cache::key([&source.to_string_lossy(), MAIN]);
            let dir = cache.entry(&format!("insn-{key}"));
            let _lock = cache.lock("insn")?;
            let program = dir.join("insn");
            if cache::is_complete(&dir) {
                step.notes("cached");
                return Ok(Self { program });
            }
            cache::make_empty(&dir)?;
            compile(step, source, &dir)?;
            cache::complete(&dir)?;
            Ok(Self { program })
        })
    }

    /// Returns the program: `kernel.c` says how to run it.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Returns the length of the instruction at the front of each window; 0 for none.
    ///
    /// # Errors
    ///
    /// The program cannot be run, or ends early.
    pub(crate) fn lengths(&self, windows: &[Window]) -> Result<Vec<u8>> {
        let mut child = Process::new(&self.program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let mut stdin = child.stdin.take().context("no standard input")?;
        let mut stdout = child.stdout.take().context("no standard output")?;
        let lengths = thread::scope(|scope| {
            let writer = scope.spawn(move || stdin.write_all(windows.as_flattened()));
            let mut lengths = Vec::with_capacity(windows.len());
            stdout.read_to_end(&mut lengths)?;
            // The program may have died; what it did not answer is counted below.
            drop(writer.join());
            Ok::<_, anyhow::Error>(lengths)
        })?;
        let status = child.wait()?;
        ensure!(
            status.success() && lengths.len() == windows.len(),
            "{} ended with {status} after {} of {} instructions",
            self.program.display(),
            lengths.len(),
            windows.len()
        );
        Ok(lengths)
    }
}

fn compile(step: &Step, source: &Path, dir: &Path) -> Result<()> {
    // The copies that the kernel's own tools are compiled from.
    let tools = source.join("tools/arch/x86");
    let awk = Command::new("awk").arg("-f");
    let awk = awk.arg(tools.join("tools/gen-insn-attr-x86.awk"));
    let tables = awk.arg(tools.join("lib/x86-opcode-map.txt"));
    step.says_command(&tables.to_string());
    fs::write(dir.join("inat-tables.c"), tables.bytes()?)?;
    fs::write(dir.join("main.c"), MAIN)?;
    let include = |path: PathBuf| format!("-I{}", path.display());
    Command::new("cc")
        .dir(dir)
        .args(["-O2", "-o", "insn", "main.c", "-I."])
        .arg(include(tools.join("include")))
        .arg(include(source.join("tools/include")))
        .arg(tools.join("lib/insn.c"))
        .arg(tools.join("lib/inat.c"))
        .run(step)
}
