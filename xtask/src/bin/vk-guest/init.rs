//! Process 1: mounts the file systems, starts the work, reaps, and ends the machine.

use std::ffi::CStr;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use rustix::mount::{mount, MountFlags};
use rustix::process::{wait, WaitOptions};
use rustix::system::{reboot, RebootCommand};

/// The file systems: source, place, type, options.
const MOUNTS: &[(&str, &str, &str, &CStr)] = &[
    ("proc", "/proc", "proc", c""),
    ("sys", "/sys", "sysfs", c""),
    ("dev", "/dev", "devtmpfs", c""),
    ("pts", "/dev/pts", "devpts", c"ptmxmode=0666,newinstance"),
    ("shm", "/dev/shm", "tmpfs", c""),
    ("run", "/run", "tmpfs", c"mode=0755"),
    ("tmp", "/tmp", "tmpfs", c"mode=1777"),
    ("cgroup", "/sys/fs/cgroup", "cgroup2", c""),
    ("securityfs", "/sys/kernel/security", "securityfs", c""),
    ("debugfs", "/sys/kernel/debug", "debugfs", c""),
    ("tracefs", "/sys/kernel/tracing", "tracefs", c""),
];

/// The payload's programs, then the distribution's.
const PATH: &str = "/vk:/usr/sbin:/usr/bin:/sbin:/bin";

/// The controllers that containers get.
const CONTROLLERS: &str = "+cpu +memory +pids";

/// Runs the guest from its first program to its end.
pub(crate) fn run() -> ExitCode {
    for (source, place, kind, options) in MOUNTS {
        set_up(source, place, kind, options);
    }
    // What a controller is not there for, a check that needs it tells.
    let _ = fs::write("/sys/fs/cgroup/cgroup.subtree_control", CONTROLLERS);
    let _ = fs::write("/proc/sys/kernel/hostname", "vk-guest");
    match Command::new("/proc/self/exe")
        .arg("work")
        .env("PATH", PATH)
        .spawn()
    {
        Ok(child) => reap_until(child.id()),
        Err(error) => eprintln!("vk-guest: cannot start the work: {error}"),
    }
    rustix::fs::sync();
    let error = reboot(RebootCommand::Restart);
    eprintln!("vk-guest: cannot end the machine: {error:?}");
    ExitCode::FAILURE
}

fn set_up(source: &str, place: &str, kind: &str, options: &CStr) {
    if !Path::new(place).is_dir() && fs::create_dir_all(place).is_err() {
        return;
    }
    if let Err(error) = mount(source, place, kind, MountFlags::empty(), Some(options)) {
        eprintln!("vk-guest: no {kind} at {place}: {error}");
    }
}

/// Waits for every child that ends, those that others left to us too, until `work` has.
fn reap_until(work: u32) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, _))) if pid.as_raw_nonzero().get() as u32 == work => return,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
