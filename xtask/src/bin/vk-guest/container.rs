//! A container, made by a real OCI runtime from the guest's own root file system.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};
use rustix::mount::{mount, unmount, MountFlags, UnmountFlags};

use crate::namespace;
use crate::oci::Spec;
use crate::program::{self, Output};

/// Where the bundles are.
const BUNDLES: &str = "/run/vk-bundles";

/// How long a runtime may take to make a container's first process go away.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// An OCI runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runtime {
    /// The one in C.
    Crun,
    /// The one in Go.
    Runc,
}

impl Runtime {
    fn program(self) -> &'static str {
        match self {
            Self::Crun => "crun",
            Self::Runc => "runc",
        }
    }
}

/// A container; it is removed when it is let go.
#[derive(Debug)]
pub(crate) struct Container {
    runtime: Runtime,
    spec: Spec,
    pid: u32,
    bundle: PathBuf,
    is_removed: bool,
}

impl Container {
    /// Makes a container that runs `argv`, and starts it.
    ///
    /// # Errors
    ///
    /// The runtime refuses.
    pub(crate) fn start<S: AsRef<str>>(runtime: Runtime, name: &str, argv: &[S]) -> Result<Self> {
        let container = Self::create(runtime, Spec::new(name, argv))?;
        container.begin()?;
        Ok(container)
    }

    /// Makes a container whose first program has not begun: its name spaces are there, and a
    /// policy can be set before the first instruction.
    ///
    /// # Errors
    ///
    /// The runtime refuses.
    pub(crate) fn create(runtime: Runtime, spec: Spec) -> Result<Self> {
        let bundle = Path::new(BUNDLES).join(&spec.name);
        let mut container = Self {
            runtime,
            pid: 0,
            bundle,
            spec,
            is_removed: false,
        };
        container.make_bundle()?;
        container.pid = container.create_process()?;
        Ok(container)
    }

    /// Lets the first program of a made container begin.
    ///
    /// # Errors
    ///
    /// The runtime refuses.
    pub(crate) fn begin(&self) -> Result<()> {
        self.ask(&["start", &self.spec.name])
    }

    /// Returns its first process, as the host numbers it.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns the number of its pid namespace.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub(crate) fn namespace(&self) -> Result<u64> {
        namespace::id_of(self.pid)
    }

    /// Returns its name.
    pub(crate) fn name(&self) -> &str {
        &self.spec.name
    }

    /// Runs `argv` inside, to its end.
    ///
    /// # Errors
    ///
    /// The runtime cannot be started; a program that fails is an [`Output`].
    pub(crate) fn exec<S: AsRef<str>>(&self, argv: &[S]) -> Result<Output> {
        let runtime = self.runtime.program();
        let mut words = vec![runtime, "exec", &self.spec.name];
        words.extend(argv.iter().map(AsRef::as_ref));
        program::run(&words)
    }

    /// Runs `argv` inside and returns what it printed.
    ///
    /// # Errors
    ///
    /// It does not succeed.
    pub(crate) fn output<S: AsRef<str>>(&self, argv: &[S]) -> Result<String> {
        let name = argv.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" ");
        let output = self.exec(argv)?.success();
        output.with_context(|| format!("`{name}` in {}", self.spec.name))
    }

    /// Reads a file as its programs see it.
    ///
    /// # Errors
    ///
    /// They cannot read it.
    pub(crate) fn read(&self, path: &str) -> Result<String> {
        self.output(&["cat", path])
    }

    /// Returns what its first program has printed so far.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub(crate) fn log(&self) -> Result<String> {
        let bytes = fs::read(self.bundle.join("log"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Waits until what its first program prints has `part` in it.
    ///
    /// # Errors
    ///
    /// It has not after `limit`; the error shows the log.
    pub(crate) fn wait_for_log(&self, part: &str, limit: Duration) -> Result<()> {
        let has_part = || self.log().is_ok_and(|log| log.contains(part));
        let seen = wait_until(limit, || has_part() || !self.is_running());
        // What a program that has ended printed last may have come after the look at the log.
        if seen && has_part() {
            return Ok(());
        }
        bail!("no {part:?} in the log of {}: {}", self.name(), self.log()?)
    }

    /// Tells whether its first process still runs.
    pub(crate) fn is_running(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let state = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next());
        state.is_some_and(|state| state != 'Z' && state != 'X')
    }

    /// Waits until its first process has ended.
    ///
    /// # Errors
    ///
    /// It still runs after `limit`.
    pub(crate) fn wait(&self, limit: Duration) -> Result<()> {
        let ended = wait_until(limit, || !self.is_running());
        let seconds = limit.as_secs();
        ensure!(ended, "{} still runs after {seconds} s", self.name());
        Ok(())
    }

    /// Returns the directory of its memory cgroup.
    pub(crate) fn cgroup_dir(&self) -> PathBuf {
        PathBuf::from(format!("/sys/fs/cgroup{}", self.spec.cgroup()))
    }

    /// Kills and removes it.
    ///
    /// # Errors
    ///
    /// The runtime refuses, or the first process stays.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.remove()
    }

    fn remove(&mut self) -> Result<()> {
        if self.is_removed {
            return Ok(());
        }
        self.is_removed = true;
        self.ask(&["delete", "--force", &self.spec.name])?;
        self.wait(STOP_LIMIT)?;
        unmount(self.bundle.join("rootfs"), UnmountFlags::DETACH)?;
        unmount(self.bundle.join("upper"), UnmountFlags::DETACH)?;
        fs::remove_dir_all(&self.bundle)?;
        Ok(())
    }

    /// Lays the bundle out: the guest's own root under a layer that takes the writes.
    fn make_bundle(&self) -> Result<()> {
        let dir = &self.bundle;
        let made = ["rootfs", "upper"].map(|it| fs::create_dir_all(dir.join(it)));
        made.into_iter().collect::<Result<(), _>>()?;
        let upper = dir.join("upper");
        mount("upper", &upper, "tmpfs", MountFlags::empty(), None)?;
        let made = ["data", "work"].map(|it| fs::create_dir(upper.join(it)));
        made.into_iter().collect::<Result<(), _>>()?;
        let layers = format!(
            "lowerdir=/,upperdir={0}/data,workdir={0}/work",
            upper.display()
        );
        let layers = std::ffi::CString::new(layers)?;
        let rootfs = dir.join("rootfs");
        mount(
            "root",
            &rootfs,
            "overlay",
            MountFlags::empty(),
            Some(layers.as_c_str()),
        )
        .context("cannot lay a root file system over the guest's")?;
        let config = self.spec.config(&rootfs.to_string_lossy());
        fs::write(dir.join("config.json"), config.to_string())?;
        Ok(())
    }

    fn create_process(&self) -> Result<u32> {
        let pid_file = self.bundle.join("pid");
        let log = File::create(self.bundle.join("log"))?;
        let mut command = Command::new(self.runtime.program());
        command
            .arg("create")
            .arg("--bundle")
            .arg(&self.bundle)
            .arg("--pid-file")
            .arg(&pid_file)
            .arg(&self.spec.name)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let status = command.status().context("cannot start the runtime")?;
        ensure!(
            status.success(),
            "{} create {}: {status}: {}",
            self.runtime.program(),
            self.name(),
            self.log()?
        );
        let pid = fs::read_to_string(pid_file)?;
        pid.trim().parse().context("the runtime wrote no pid")
    }

    fn ask(&self, words: &[&str]) -> Result<()> {
        let program = self.runtime.program();
        let words: Vec<&str> = [program].iter().chain(words).copied().collect();
        program::output(&words).map(|_| ())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            eprintln!("vk-guest: cannot remove {}: {error:#}", self.name());
        }
    }
}

/// Removes what a check that panicked left behind.
pub(crate) fn remove_left_over() {
    let Ok(bundles) = fs::read_dir(BUNDLES) else {
        return;
    };
    for bundle in bundles.flatten() {
        for runtime in [Runtime::Crun, Runtime::Runc] {
            let name = bundle.file_name();
            let name = name.to_string_lossy();
            let _ = program::run(&[runtime.program(), "delete", "--force", &name]);
        }
        for part in ["rootfs", "upper"] {
            let _ = unmount(bundle.path().join(part), UnmountFlags::DETACH);
        }
        let _ = fs::remove_dir_all(bundle.path());
    }
}

/// Waits until `holds`; tells whether it did within `limit`.
pub(crate) fn wait_until(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(50));
    }
}
