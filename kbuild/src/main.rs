//! The command: `vk-kbuild --manifest-path Cargo.toml`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use vk_kbuild::{Error, Rules};

/// Writes the rules by which Kbuild compiles a kernel module's whole cargo graph.
///
/// The rules go to `.vk-kbuild/rules.mk` in the module's directory, whose Kbuild file says
/// `include $(src)/.vk-kbuild/rules.mk`. Run it again after a change to Cargo.toml or Cargo.lock.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// The module's Cargo.toml.
    #[arg(long, value_name = "PATH", default_value = "Cargo.toml")]
    manifest_path: PathBuf,

    /// The directory given to Kbuild as M=; the manifest's, if not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Write nothing; fail if the rules that are there are not those that would be written.
    #[arg(long)]
    check: bool,

    /// Write nothing; print the rules.
    #[arg(long, conflicts_with = "check")]
    print: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: vk-kbuild: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Error> {
    let rules = match &options.out {
        Some(dir) => Rules::for_directory(&options.manifest_path, dir)?,
        None => Rules::new(&options.manifest_path)?,
    };
    if options.print {
        print!("{}", rules.text());
        return Ok(());
    }
    if options.check {
        return rules.check();
    }
    rules.write()
}
