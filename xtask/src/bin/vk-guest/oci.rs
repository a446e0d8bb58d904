//! The configuration of a container, as an OCI runtime reads it.

use serde_json::{json, Value};

/// What the data bases need to change to their own user and to own their files.
const CAPABILITIES: &[&str] = &[
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// What a privileged container has beyond that, as far as its programs here could tell.
const PRIVILEGES: &[&str] = &[
    "DAC_READ_SEARCH",
    "IPC_LOCK",
    "IPC_OWNER",
    "NET_ADMIN",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYSLOG",
];

/// What a container is made of.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    /// Its name, for the runtime.
    pub(crate) name: String,
    /// Its first program with its arguments.
    pub(crate) argv: Vec<String>,
    /// The limit of its memory cgroup, in bytes.
    pub(crate) memory_max_bytes: Option<u64>,
    /// The limit of its processes' stacks, in bytes.
    pub(crate) stack_bytes: u64,
    /// Capabilities beyond the usual ones.
    pub(crate) more_capabilities: Vec<String>,
    /// Whether it may write where the kernel's files are, as a privileged container may.
    pub(crate) has_writable_sys: bool,
}

impl Spec {
    /// Describes a container that runs `argv`.
    pub(crate) fn new<S: AsRef<str>>(name: &str, argv: &[S]) -> Self {
        Self {
            name: name.to_owned(),
            argv: argv.iter().map(|word| word.as_ref().to_owned()).collect(),
            memory_max_bytes: None,
            stack_bytes: 8 << 20,
            more_capabilities: Vec::new(),
            has_writable_sys: false,
        }
    }

    /// Limits its memory.
    pub(crate) fn memory_max(mut self, bytes: u64) -> Self {
        self.memory_max_bytes = Some(bytes);
        self
    }

    /// Limits its processes' stacks, which are what their threads reserve too.
    pub(crate) fn stack(mut self, bytes: u64) -> Self {
        self.stack_bytes = bytes;
        self
    }

    /// Gives it a capability.
    pub(crate) fn capability(mut self, name: &str) -> Self {
        self.more_capabilities.push(name.to_owned());
        self
    }

    /// Makes it privileged: more capabilities, and a `/sys` that it may write.
    pub(crate) fn privileged(mut self) -> Self {
        let more = PRIVILEGES.iter().map(|name| format!("CAP_{name}"));
        self.more_capabilities.extend(more);
        self.has_writable_sys = true;
        self
    }

    /// Returns the path of its cgroup, below the mount point.
    pub(crate) fn cgroup(&self) -> String {
        format!("/vk/{}", self.name)
    }

    /// Writes `config.json` for a root file system at `rootfs`.
    pub(crate) fn config(&self, rootfs: &str) -> Value {
        let more = self.more_capabilities.iter().map(String::as_str);
        let capabilities: Vec<&str> = CAPABILITIES.iter().copied().chain(more).collect();
        json!({
            "ociVersion": "1.0.2",
            "hostname": self.name,
            "root": { "path": rootfs, "readonly": false },
            "process": {
                "terminal": false,
                "cwd": "/",
                "user": { "uid": 0, "gid": 0 },
                "args": self.argv,
                "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C"],
                "capabilities": {
                    "bounding": capabilities,
                    "effective": capabilities,
                    "permitted": capabilities,
                },
                "rlimits": [
                    { "type": "RLIMIT_NOFILE", "soft": 65536, "hard": 65536 },
                    { "type": "RLIMIT_STACK", "soft": self.stack_bytes, "hard": self.stack_bytes },
                ],
            },
            "mounts": mounts(self.has_writable_sys),
            "linux": {
                "cgroupsPath": self.cgroup(),
                "namespaces": [
                    { "type": "pid" }, { "type": "mount" }, { "type": "ipc" },
                    { "type": "uts" }, { "type": "network" }, { "type": "cgroup" },
                ],
                "resources": {
                    "memory": self.memory_max_bytes.map_or(json!({}), |limit| json!({ "limit": limit })),
                    "devices": [{ "allow": true, "access": "rwm" }],
                },
            },
        })
    }
}

fn mounts(has_writable_sys: bool) -> Value {
    let sys = if has_writable_sys { "rw" } else { "ro" };
    let place = |to: &str, kind: &str, options: &[&str]| json!({ "destination": to, "type": kind, "source": kind, "options": options });
    json!([
        place("/proc", "proc", &[]),
        place("/dev", "tmpfs", &["nosuid", "mode=755", "size=65536k"]),
        place(
            "/dev/pts",
            "devpts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666"]
        ),
        place(
            "/dev/shm",
            "tmpfs",
            &["nosuid", "noexec", "nodev", "mode=1777"]
        ),
        place("/sys", "sysfs", &["nosuid", "noexec", "nodev", sys]),
        place(
            "/sys/fs/cgroup",
            "cgroup",
            &["nosuid", "noexec", "nodev", "ro"]
        ),
        place("/tmp", "tmpfs", &["nosuid", "nodev", "mode=1777"]),
        place("/run", "tmpfs", &["nosuid", "nodev", "mode=755"]),
        // The programs of the payload, for checks that run inside.
        json!({ "destination": "/vk", "type": "bind", "source": "/vk", "options": ["rbind", "ro"] }),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_each_container_its_own_pid_namespace_and_cgroup() {
        let config = Spec::new("a", &["true"]).memory_max(1 << 20).config("/r");
        let namespaces = config["linux"]["namespaces"].as_array();
        assert!(namespaces.is_some_and(|list| list.contains(&json!({ "type": "pid" }))));
        assert_eq!(config["linux"]["cgroupsPath"], "/vk/a");
        assert_eq!(config["linux"]["resources"]["memory"]["limit"], 1 << 20);
    }
}
