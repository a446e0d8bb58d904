//! A virtual machine: started, watched against a time limit, dead when xtask is.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use xtask::request::PORT;

use crate::command::{lossy_lines, spawn, Command};

/// How a machine executes instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accel {
    /// The host's processor.
    Kvm,
    /// Translation, on several host threads.
    Tcg,
    /// Translation, on one host thread, with several processors in turn.
    TcgInTurn,
    /// Translation that counts: the guest's time is the number of its instructions.
    Icount,
}

/// A machine, not yet started.
#[derive(Clone)]
pub(crate) struct Machine {
    /// The kernel's image.
    pub(crate) kernel: PathBuf,
    /// The initramfs.
    pub(crate) initramfs: PathBuf,
    /// The disk, which keeps nothing of what is written to it.
    pub(crate) disk: Option<PathBuf>,
    /// More words for the kernel.
    pub(crate) append: String,
    /// Memory, in MiB.
    pub(crate) memory_mib: u32,
    /// Processors.
    pub(crate) cpus: u32,
    /// How it executes.
    pub(crate) accel: Accel,
}

/// How a run of a machine ended.
pub(crate) enum End {
    /// The guest ended it.
    Itself,
    /// Its time was over.
    TimeOut,
}

impl Machine {
    /// Runs the machine for at most `limit`; gives each line of its report port to `take`.
    ///
    /// The console goes to the file `console`.
    ///
    /// # Errors
    ///
    /// QEMU cannot be started, or says that it cannot run the machine.
    pub(crate) fn run(
        &self,
        console: &std::path::Path,
        limit: Duration,
        mut take: impl FnMut(&str),
    ) -> Result<End> {
        let mut serial = std::ffi::OsString::from("file:");
        serial.push(console);
        let mut process = self
            .command()
            .args(["-nographic", "-monitor", "none", "-serial"])
            .arg(serial)
            .args(["-chardev", "stdio,id=report,signal=off"])
            .args(["-device", "virtio-serial-pci"])
            .arg("-device")
            .arg(format!("virtserialport,chardev=report,name={PORT}"))
            .process();
        process
            // Held open: at the end of its input QEMU would tell the guest that nobody listens.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = process.spawn().context("cannot start QEMU")?;
        let mut child = Killed(child);
        let stdout = child.0.stdout.take().context("QEMU has no output")?;
        let stderr = child.0.stderr.take().context("QEMU has no messages")?;
        let messages = spawn(move || read_all(stderr));
        let (sender, lines) = mpsc::channel();
        spawn(move || lossy_lines(stdout).try_for_each(|line| sender.send(line)));

        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match lines.recv_timeout(left) {
                Ok(line) => take(&line),
                Err(RecvTimeoutError::Timeout) => return Ok(End::TimeOut),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = child.0.wait()?;
        let messages = messages.join().unwrap_or_default();
        anyhow::ensure!(status.success(), "QEMU ended with {status}: {messages}");
        Ok(End::Itself)
    }

    /// Runs the machine with its console on the terminal of xtask.
    ///
    /// # Errors
    ///
    /// QEMU cannot be started.
    pub(crate) fn interact(&self) -> Result<()> {
        let command = self.command().args(["-nographic", "-serial", "mon:stdio"]);
        command.interact()?;
        Ok(())
    }

    fn command(&self) -> Command {
        let (accel, cpu) = match self.accel {
            Accel::Kvm => ("kvm", "host"),
            Accel::Tcg => ("tcg,thread=multi", "max"),
            Accel::TcgInTurn => ("tcg,thread=single", "max"),
            // With `rep stosb` a page would be one instruction or thousands.
            Accel::Icount => ("tcg,thread=single", "max,-erms,-fsrm"),
        };
        // A processor that waits for its turn on the host is no reason to read a slower clock.
        let clock = match self.accel {
            Accel::Tcg | Accel::TcgInTurn => " tsc=nowatchdog",
            Accel::Kvm | Accel::Icount => "",
        };
        let mut command = Command::new("qemu-system-x86_64")
            .args(["-nodefaults", "-no-user-config", "-display", "none"])
            .args(["-machine", "q35", "-accel", accel, "-cpu", cpu])
            .args(["-no-reboot", "-nic", "none"])
            .arg("-m")
            .arg(self.memory_mib.to_string())
            .arg("-smp")
            .arg(self.cpus.to_string())
            .arg("-kernel")
            .arg(&self.kernel)
            .arg("-initrd")
            .arg(&self.initramfs)
            .arg("-append")
            .arg(format!("console=ttyS0 panic=-1{clock} {}", self.append));
        if self.accel == Accel::Icount {
            command = command.args(["-icount", "shift=0,sleep=off"]);
            // Neither the host's time nor its random numbers make two runs differ.
            command = command.args(["-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "1"]);
        }
        if let Some(disk) = &self.disk {
            let mut drive =
                std::ffi::OsString::from("if=none,id=disk,format=raw,snapshot=on,file=");
            drive.push(disk);
            command = command.arg("-drive").arg(drive);
            command = command.args(["-device", "virtio-blk-pci,drive=disk"]);
        }
        command
    }
}

/// A process that is killed when it is let go.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Of a process that has ended, both say so; that is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn read_all(mut from: impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).trim().to_owned()
}
