//! The vKernel developer's command: the lab, the checks and the benches.

#![forbid(unsafe_code)]

mod accel;
mod bench;
mod bindings;
mod build_area;
mod cache;
mod check;
mod clean;
mod cli;
mod command;
mod cpio;
mod demo;
mod formula;
mod guest;
mod hookability;
mod hookcheck;
mod host;
mod ibt;
mod image;
mod insn;
mod install;
mod kallsyms;
mod kdir;
mod kernel;
mod ktap;
mod kunit;
mod lab;
mod leaves;
mod module;
mod neighbours;
mod payload;
mod places;
mod qemu;
mod record;
mod reference;
mod release;
mod report;
mod root;
mod run_dir;
mod selftests;
mod series;
mod shims;
mod source;
mod step;
mod stranger;
mod sum;
mod test;
mod torture;
mod verify_hw;
mod vmlinux;
mod workspace;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
