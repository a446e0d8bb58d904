//! What `/proc` tells about a process.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::nsid;

/// The directories that name processes and containers, and the way from a namespace file to its id.
#[derive(Clone, Debug)]
pub(crate) struct System {
    pub(crate) proc: PathBuf,
    pub(crate) run: PathBuf,
    pub(crate) cgroup: PathBuf,
    pub(crate) ns_id: fn(&File) -> io::Result<u64>,
}

/// The fields of `/proc/N/status` that place a process among the pid namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) parent: u32,
    /// Its pid in each pid namespace, from ours to its own.
    pub(crate) pids: Vec<u32>,
}

impl Status {
    /// Tells whether it is the first process of a pid namespace below ours.
    pub(crate) fn is_first(&self) -> bool {
        self.pids.len() > 1 && self.pids.last() == Some(&1)
    }
}

impl System {
    /// Returns the system that runs.
    pub(crate) fn running() -> Self {
        Self {
            proc: PathBuf::from("/proc"),
            run: PathBuf::from("/run"),
            cgroup: PathBuf::from("/sys/fs/cgroup"),
            ns_id: nsid::of,
        }
    }

    /// Returns the pids of all processes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        names(&self.proc)
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect()
    }

    /// Returns when `pid` started, in clock ticks since boot: two processes that share a pid differ in it.
    pub(crate) fn start_time(&self, pid: u32) -> io::Result<u64> {
        let stat = self.read(pid, "stat")?;
        // Field 22 of proc_pid_stat(5); the second one, the name, may hold spaces and parentheses.
        let after_name = stat.rsplit_once(") ").map(|(_, fields)| fields);
        after_name
            .and_then(|fields| fields.split(' ').nth(19)?.trim_end().parse().ok())
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }

    /// Returns the parent of `pid` and its pids in the namespaces.
    pub(crate) fn status(&self, pid: u32) -> io::Result<Status> {
        let text = self.read(pid, "status")?;
        let mut status = Status::default();
        for line in text.lines() {
            match line.split_once(':') {
                Some(("PPid", value)) => status.parent = value.trim().parse().unwrap_or(0),
                Some(("NSpid", value)) => {
                    status.pids = value.split_whitespace().flat_map(str::parse).collect();
                }
                _ => {}
            }
        }
        Ok(status)
    }

    /// Returns the paths of the cgroups that `pid` is in.
    pub(crate) fn cgroups(&self, pid: u32) -> io::Result<Vec<String>> {
        let text = self.read(pid, "cgroup")?;
        let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
        Ok(paths.map(str::to_owned).collect())
    }

    /// Returns the path of the cgroup that the memory of `pid` is counted in: the memory controller's own
    /// hierarchy if there is one, else the unified one.
    pub(crate) fn memory_cgroup(&self, pid: u32) -> Option<String> {
        let text = self.read(pid, "cgroup").ok()?;
        let path = |wanted: fn(&str) -> bool| {
            let mut lines = text.lines().map(|line| line.splitn(3, ':').skip(1));
            lines.find_map(|mut parts| parts.next().filter(|its| wanted(its)).and(parts.next()))
        };
        let own = path(|controllers| controllers.split(',').any(|its| its == "memory"));
        own.or_else(|| path(str::is_empty)).map(str::to_owned)
    }

    /// Tells whether the memory controller is on in the unified hierarchy's cgroup `path`; of another hierarchy,
    /// or where the hierarchy cannot be seen, always.
    pub(crate) fn has_memory_controller(&self, path: &str) -> bool {
        let dir = self.cgroup.join(path.trim_start_matches('/'));
        !self.cgroup.join("cgroup.controllers").exists() || dir.join("memory.max").exists()
    }

    /// Returns the id of the pid namespace that `pid` is in.
    pub(crate) fn namespace_id(&self, pid: u32) -> io::Result<u64> {
        (self.ns_id)(&File::open(self.path(pid, "ns/pid"))?)
    }

    fn read(&self, pid: u32, file: &str) -> io::Result<String> {
        let bytes = fs::read(self.path(pid, file))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn path(&self, pid: u32, file: &str) -> PathBuf {
        self.proc.join(pid.to_string()).join(file)
    }
}

/// Returns the names in the directory `path`; none if it cannot be read.
pub(crate) fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// A made-up `/proc` and `/run`, for tests.
#[cfg(test)]
pub(crate) mod fake {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsRawFd;
    use tempfile::TempDir;

    /// A system in a temporary directory; the file of a namespace holds its id as text, and ` and ends` behind it
    /// if the process ends at the look.
    pub(crate) struct Fake {
        pub(crate) system: System,
        dir: TempDir,
    }

    impl Fake {
        pub(crate) fn new() -> Self {
            let dir = TempDir::new().unwrap();
            let system = System {
                proc: dir.path().join("proc"),
                run: dir.path().join("run"),
                cgroup: dir.path().join("cgroup"),
                ns_id: |mut file| {
                    let mut text = String::new();
                    file.read_to_string(&mut text)?;
                    let id = text.strip_suffix(" and ends");
                    if id.is_some() {
                        let open = format!("/proc/self/fd/{}", file.as_raw_fd());
                        fs::remove_file(fs::read_link(open)?.with_file_name("../stat"))?;
                    }
                    let id = id.unwrap_or(&text).parse();
                    id.map_err(|_| rustix::io::Errno::NOTTY.into())
                },
            };
            Self { system, dir }
        }

        /// Makes a process: `pids` from the outermost namespace to its own.
        pub(crate) fn process(&self, pids: &[u32], parent: u32, ns: &str, cgroup: &str) {
            let [pid, ..] = *pids else {
                panic!("a process has a pid")
            };
            let inner: Vec<_> = pids.iter().map(u32::to_string).collect();
            let status = format!("Name:\tx\nPPid:\t{parent}\nNSpid:\t{}\n", inner.join("\t"));
            self.write(
                &format!("proc/{pid}/stat"),
                &stat(pid, 1000 + u64::from(pid)),
            );
            self.write(&format!("proc/{pid}/status"), &status);
            self.write(&format!("proc/{pid}/cgroup"), &format!("0::{cgroup}\n"));
            self.write(&format!("proc/{pid}/ns/pid"), ns);
        }

        /// Writes a file below the temporary directory.
        pub(crate) fn write(&self, path: &str, text: &str) {
            let path = self.dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    fn stat(pid: u32, start: u64) -> String {
        format!("{pid} (a) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 {start} 20 21\n")
    }
}

#[cfg(test)]
mod tests {
    use super::fake::Fake;
    use super::*;

    #[test]
    fn reads_a_process_with_a_difficult_name() {
        let fake = Fake::new();
        fake.process(&[30, 1], 7, "55", "/a:b/c");
        let system = &fake.system;
        assert_eq!(system.pids(), [30]);
        assert_eq!(system.start_time(30).unwrap(), 1030);
        assert_eq!(system.namespace_id(30).unwrap(), 55);
        assert_eq!(system.cgroups(30).unwrap(), ["/a:b/c"]);
        let status = system.status(30).unwrap();
        assert_eq!((status.parent, status.is_first()), (7, true));
    }

    #[test]
    fn the_first_process_of_our_own_namespace_is_no_container() {
        let fake = Fake::new();
        fake.process(&[1], 0, "4", "/");
        assert!(!fake.system.status(1).unwrap().is_first());
    }

    #[test]
    fn reads_the_running_system() {
        let system = System::running();
        let own = std::process::id();
        assert!(system.pids().contains(&own));
        assert!(system.start_time(own).unwrap() > 0);
        assert_eq!(system.status(own).unwrap().pids.first(), Some(&own));
        assert!(!system.cgroups(own).unwrap().is_empty());
    }
}
