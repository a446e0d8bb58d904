//! A prompt on the console, with the module loaded.

use std::process::Command;

use anyhow::{Context, Result};

use crate::module;

/// Gives a prompt until it is left.
///
/// # Errors
///
/// There is no shell.
pub(crate) fn run() -> Result<()> {
    if let Err(error) = module::load(&[]) {
        println!("vk-guest: {error:#}");
    }
    // cttyhack makes the console the shell's own terminal, so that Ctrl-C reaches what it runs.
    Command::new("setsid")
        // No start-up files: they would put the distribution's PATH in place of ours.
        .args(["busybox", "cttyhack", "bash", "--norc", "--noprofile"])
        .env("HOME", "/root")
        .env("TERM", "linux")
        .env("PS1", "vk-guest# ")
        .current_dir("/root")
        .status()
        .context("cannot start a shell")?;
    Ok(())
}
