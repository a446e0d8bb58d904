//! The parts that containers play: their programs, their policies, how one sees that they are ready.

use crate::container::Runtime;
use crate::oci::Spec;

/// A part that a container plays.
#[derive(Debug)]
pub(crate) struct Role {
    /// The container's name.
    pub(crate) name: &'static str,
    /// Who starts it.
    pub(crate) runtime: Runtime,
    /// Its first program.
    pub(crate) argv: &'static [&'static str],
    /// Its policy, as `vkctl set` takes it; none if empty.
    pub(crate) policy: &'static [&'static str],
    /// The limit of its memory cgroup, in bytes.
    pub(crate) memory_max_bytes: u64,
    /// The limit of its stacks, in bytes: threads reserve as much.
    pub(crate) stack_bytes: u64,
    /// Capabilities beyond the usual ones.
    pub(crate) capabilities: &'static [&'static str],
    /// What its log says when it is ready.
    pub(crate) ready: &'static str,
}

/// A redis-server that reports on standard output and keeps nothing by itself.
const REDIS_SERVER: &[&str] = &[
    "redis-server",
    "--port",
    "0",
    "--unixsocket",
    "/tmp/redis.sock",
    "--dir",
    "/tmp",
    "--save",
    "",
    "--enable-debug-command",
    "local",
];

/// The same, with an allocator that maps no more than is asked of it.
const THRIFTY_REDIS_SERVER: &[&str] = &[
    "env",
    "MALLOC_CONF=narenas:1,cache_oblivious:false,retain:false",
    "redis-server",
    "--port",
    "0",
    "--unixsocket",
    "/tmp/redis.sock",
    "--dir",
    "/tmp",
    "--save",
    "",
    "--enable-debug-command",
    "local",
    "--jemalloc-bg-thread",
    "no",
    "--maxclients",
    "16",
];

/// What redis says once it serves.
const REDIS_READY: &str = "Ready to accept connections";

/// Wants to fork a large data set, and no huge pages. Its limit would refuse that in mode 2.
pub(crate) static REDIS: Role = Role {
    name: "redis",
    runtime: Runtime::Crun,
    argv: REDIS_SERVER,
    policy: &[
        "vm.overcommit_memory=1",
        "vm.overcommit_kbytes=98304",
        "thp_enabled=never",
    ],
    memory_max_bytes: 512 << 20,
    stack_bytes: 1 << 20,
    capabilities: &[],
    ready: REDIS_READY,
};

/// Wants an error instead of the OOM killer. Its commit limit is half of its memory.
pub(crate) static POSTGRES: Role = Role {
    name: "postgres",
    runtime: Runtime::Runc,
    argv: &[
        "sh",
        "-c",
        // Debian has the version in its paths.
        "exec setpriv --reuid=postgres --regid=postgres --clear-groups \
         /usr/lib/postgresql/*/bin/postgres -D /etc/postgresql/*/main \
         -c unix_socket_directories=/tmp -c listen_addresses= -c external_pid_file= -c ssl=off \
         -c shared_buffers=16MB -c max_connections=10 -c logging_collector=off",
    ],
    policy: &[
        "vm.overcommit_memory=2",
        "vm.overcommit_ratio=50",
        "thp_enabled=madvise",
    ],
    memory_max_bytes: 512 << 20,
    stack_bytes: 8 << 20,
    capabilities: &[],
    ready: "database system is ready to accept connections",
};

/// Wants huge pages, whatever the host says.
pub(crate) static MARIADB: Role = Role {
    name: "mariadb",
    runtime: Runtime::Crun,
    argv: &[
        "mariadbd",
        "--no-defaults",
        "--user=mysql",
        "--datadir=/var/lib/mysql",
        "--socket=/tmp/mariadb.sock",
        "--pid-file=/tmp/mariadb.pid",
        "--skip-networking",
        "--innodb-buffer-pool-size=64M",
        "--innodb-log-file-size=8M",
    ],
    policy: &["thp_enabled=always"],
    memory_max_bytes: 768 << 20,
    stack_bytes: 8 << 20,
    capabilities: &[],
    ready: "ready for connections",
};

/// Has no policy: what happens in it is what happens on the host. Runs redis as [`REDIS`] does.
pub(crate) static PLAIN: Role = Role {
    name: "plain",
    runtime: Runtime::Runc,
    argv: REDIS_SERVER,
    policy: &[],
    memory_max_bytes: 512 << 20,
    stack_bytes: 1 << 20,
    capabilities: &[],
    ready: REDIS_READY,
};

/// Makes a further pid namespace.
pub(crate) static NESTED: Role = Role {
    name: "nested",
    runtime: Runtime::Crun,
    argv: &[
        "sh",
        "-c",
        // The shell stays in the container's own mount namespace, with its own /proc.
        "unshare --pid --fork --mount-proc /vk/vk-guest act map 1 touch hold & wait",
    ],
    policy: &[
        "vm.overcommit_memory=2",
        "vm.overcommit_kbytes=131072",
        "thp_enabled=never",
    ],
    memory_max_bytes: 512 << 20,
    stack_bytes: 8 << 20,
    capabilities: &["CAP_SYS_ADMIN"],
    ready: "eligible",
};

/// A redis that may commit less than twice its data: a fork has to be refused.
pub(crate) static LIMITED: Role = Role {
    name: "limited",
    runtime: Runtime::Crun,
    argv: THRIFTY_REDIS_SERVER,
    policy: &["vm.overcommit_memory=2", "vm.overcommit_kbytes=98304"],
    memory_max_bytes: 512 << 20,
    stack_bytes: 1 << 20,
    capabilities: &[],
    ready: REDIS_READY,
};

/// A redis with more mapped than the container's memory, and hardly touched. It maps while a limit
/// counts, so that all of it is charged.
pub(crate) static SPARSE: Role = Role {
    name: "sparse",
    runtime: Runtime::Crun,
    argv: THRIFTY_REDIS_SERVER,
    policy: &[
        "vm.overcommit_memory=2",
        "vm.overcommit_kbytes=131072",
        "vm.admin_reserve_kbytes=0",
        "vm.user_reserve_kbytes=0",
        "thp_enabled=never",
    ],
    memory_max_bytes: 48 << 20,
    stack_bytes: 1 << 20,
    capabilities: &[],
    ready: REDIS_READY,
};

/// A postgres for many, who together want more than it has.
pub(crate) static CROWDED: Role = Role {
    name: "crowded",
    runtime: Runtime::Crun,
    argv: &[
        "sh",
        "-c",
        // As Debian's unit has it: who serves a connection may be killed as anybody else.
        "exec env PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj \
         setpriv --reuid=postgres --regid=postgres --clear-groups \
         /usr/lib/postgresql/*/bin/postgres -D /etc/postgresql/*/main \
         -c unix_socket_directories=/tmp -c listen_addresses= -c external_pid_file= -c ssl=off \
         -c shared_buffers=16MB -c max_connections=40 -c logging_collector=off",
    ],
    policy: &[
        "vm.overcommit_memory=1",
        "vm.admin_reserve_kbytes=0",
        "vm.user_reserve_kbytes=0",
    ],
    memory_max_bytes: 160 << 20,
    stack_bytes: 8 << 20,
    capabilities: &[],
    ready: "database system is ready to accept connections",
};

/// A mariadb that asks for a buffer pool above its limit.
pub(crate) static OVERSIZED: Role = Role {
    name: "oversized",
    runtime: Runtime::Crun,
    argv: &[
        "mariadbd",
        "--no-defaults",
        "--user=mysql",
        "--datadir=/var/lib/mysql",
        "--socket=/tmp/mariadb.sock",
        "--pid-file=/tmp/mariadb.pid",
        "--skip-networking",
        "--innodb-buffer-pool-size=1G",
        "--innodb-log-file-size=8M",
    ],
    policy: &[
        "vm.overcommit_memory=2",
        "vm.overcommit_kbytes=393216",
        "thp_enabled=never",
    ],
    memory_max_bytes: 512 << 20,
    stack_bytes: 8 << 20,
    capabilities: &[],
    ready: "Aborting",
};

/// The five of the demo.
pub(crate) static FIVE: [&Role; 5] = [&REDIS, &POSTGRES, &MARIADB, &PLAIN, &NESTED];

impl Role {
    /// Describes its container.
    pub(crate) fn spec(&self) -> Spec {
        let spec = Spec::new(self.name, self.argv).stack(self.stack_bytes);
        let spec = spec.memory_max(self.memory_max_bytes);
        let add = |spec: Spec, name: &&str| spec.capability(name);
        self.capabilities.iter().fold(spec, add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_runtimes_start_some_of_the_five() {
        for runtime in [Runtime::Crun, Runtime::Runc] {
            assert!(FIVE.iter().any(|role| role.runtime == runtime));
        }
    }

    #[test]
    fn redis_and_plain_run_the_same_program() {
        assert_eq!(REDIS.argv, PLAIN.argv);
    }
}
