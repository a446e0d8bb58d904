//! The decoders that take long to compile: vk-hook/oracles, as a program.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufWriter, Read, Write};
use std::process::{Child, ChildStdin, Command as Process, Stdio};

use anyhow::{ensure, Context, Result};
use serde::Deserialize;

use super::kernel::Window;
use crate::command::Command;
use crate::lab::Lab;
use crate::step::step;
use crate::workspace;

/// The decoders, waiting for what to decode.
pub(crate) struct Oracles {
    child: Child,
    input: BufWriter<ChildStdin>,
}

/// What came out.
#[derive(Default, Deserialize)]
pub(crate) struct Answers {
    pub(crate) inputs: u64,
    pub(crate) decoders: Vec<String>,
    pub(crate) explained: BTreeMap<String, u64>,
    pub(crate) unexplained: u64,
    /// The first of each kind, and how many there are.
    pub(crate) shown: BTreeMap<String, (u64, String)>,
}

impl Answers {
    /// One kind of what is not explained.
    pub(crate) fn line((kind, (count, first)): (&String, &(u64, String))) -> String {
        format!("{count} {kind}: {first}")
    }
}

impl Oracles {
    /// Compiles and starts them.
    ///
    /// bddisasm's bindings are made by libclang: without it, bddisasm is left out.
    ///
    /// # Errors
    ///
    /// They do not compile.
    pub(crate) fn start(lab: &Lab) -> Result<Self> {
        let target = workspace::dir().join("target/oracles");
        let target = env::var_os("CARGO_TARGET_DIR").map_or(target, |dir| dir.into());
        let advice = "they take a C compiler and python3; see cargo's message";
        step(&lab.cache.logs(), "oracles", advice, |step| {
            let command = Command::new("cargo")
                .dir(workspace::dir().join("vk-hook/oracles"))
                .args(["build", "--release", "--locked"])
                .env("CARGO_TARGET_DIR", &target);
            if !has_libclang() {
                step.notes("without bddisasm: no libclang");
                return command.run(step);
            }
            // What libclang alone has not are the compiler's own headers.
            let headers = Command::new("cc")
                .arg("-print-file-name=include")
                .output()?;
            let command = command.args(["--features", "bddisasm"]);
            let command = command.env("BINDGEN_EXTRA_CLANG_ARGS", format!("-I{headers}"));
            command.run(step)
        })?;
        let program = target.join("release/vk-hook-oracles");
        let mut child = Process::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let input = child.stdin.take().context("no standard input")?;
        Ok(Self {
            child,
            input: BufWriter::with_capacity(1 << 20, input),
        })
    }

    /// Has them decode `windows`.
    ///
    /// # Errors
    ///
    /// The program has ended.
    pub(crate) fn take(&mut self, windows: &[Window]) -> Result<()> {
        Ok(self.input.write_all(windows.as_flattened())?)
    }

    /// Returns what came out of all.
    ///
    /// # Errors
    ///
    /// The program failed.
    pub(crate) fn finish(self) -> Result<Answers> {
        let Self { mut child, input } = self;
        drop(input.into_inner().context("the oracles ended early")?);
        let mut text = String::new();
        let output = child.stdout.take().context("no standard output")?;
        std::io::BufReader::new(output).read_to_string(&mut text)?;
        let status = child.wait()?;
        ensure!(status.success(), "the oracles ended with {status}");
        Ok(serde_json::from_str(&text)?)
    }
}

/// Whether bindgen will find libclang.
fn has_libclang() -> bool {
    let listed = Command::new("ldconfig").arg("-p").output();
    env::var_os("LIBCLANG_PATH").is_some()
        || listed.is_ok_and(|text| text.contains("libclang-") || text.contains("libclang.so"))
}
