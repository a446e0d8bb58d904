//! Parameters that the kernel keeps per namespace itself.

use core::fmt;

use crate::entry::Place;
use crate::CType;

/// A parameter, or all of a directory, that is set natively inside a container's namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namespaced {
    /// The name as sysctl(8) spells it; one that ends in `.` stands for all that begin with it.
    pub name: &'static str,
    /// What its file takes.
    pub shape: Shape,
    /// The kind of namespace.
    pub namespace: Namespace,
    /// Where the kernel's table is, in 7.2.12.
    pub table: Place,
}

/// What a file below `/proc/sys` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// One number.
    Number(CType),
    /// Several numbers.
    Numbers {
        /// How many.
        count: u8,
        /// The type of each.
        ctype: CType,
    },
    /// A string.
    Text {
        /// The most bytes kept.
        len_max: u8,
    },
    /// It depends on the file.
    Various,
}

/// A kind of namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Namespace {
    /// System V IPC and POSIX message queues.
    Ipc,
    /// Network.
    Net,
    /// Host and domain name.
    Uts,
    /// Process IDs.
    Pid,
    /// Users: the limits are of the user namespace, set by its parent's.
    User,
}

/// The parameters that are namespaced in 7.2.12, ordered by name.
///
/// In `net.` those that are not are in [`UNSUPPORTED`](crate::UNSUPPORTED).
#[rustfmt::skip]
pub const NAMESPACED: &[Namespaced] = &[
    ipc("fs.mqueue.msg_default", int(1, 65_536), "ipc/mq_sysctl.c", 50),
    ipc("fs.mqueue.msg_max", int(1, 65_536), "ipc/mq_sysctl.c", 32),
    ipc("fs.mqueue.msgsize_default", int(128, 16_777_216), "ipc/mq_sysctl.c", 59),
    ipc("fs.mqueue.msgsize_max", int(128, 16_777_216), "ipc/mq_sysctl.c", 41),
    ipc("fs.mqueue.queues_max", Shape::Number(CType::INT), "ipc/mq_sysctl.c", 25),
    ipc("kernel.auto_msgmni", int(0, 1), "ipc/ipc_sysctl.c", 128),
    uts("kernel.domainname", "kernel/utsname_sysctl.c", 116),
    uts("kernel.hostname", "kernel/utsname_sysctl.c", 108),
    ipc("kernel.msg_next_id", int(0, i32::MAX), "ipc/ipc_sysctl.c", 163),
    ipc("kernel.msgmax", int(0, i32::MAX), "ipc/ipc_sysctl.c", 110),
    ipc("kernel.msgmnb", int(0, i32::MAX), "ipc/ipc_sysctl.c", 137),
    ipc("kernel.msgmni", int(0, 32_768), "ipc/ipc_sysctl.c", 119),
    pid("kernel.ns_last_pid", int(0, 4_194_304), "kernel/pid_namespace.c", 309),
    ipc("kernel.sem", Shape::Numbers { count: 4, ctype: CType::INT }, "ipc/ipc_sysctl.c", 146),
    ipc("kernel.sem_next_id", int(0, i32::MAX), "ipc/ipc_sysctl.c", 154),
    ipc("kernel.shm_next_id", int(0, i32::MAX), "ipc/ipc_sysctl.c", 172),
    ipc("kernel.shm_rmid_forced", int(0, 1), "ipc/ipc_sysctl.c", 101),
    ipc("kernel.shmall", Shape::Number(CType::UNSIGNED_LONG), "ipc/ipc_sysctl.c", 85),
    ipc("kernel.shmmax", Shape::Number(CType::UNSIGNED_LONG), "ipc/ipc_sysctl.c", 78),
    ipc("kernel.shmmni", int(0, 32_768), "ipc/ipc_sysctl.c", 92),
    row("net.", Shape::Various, Namespace::Net, "net/sysctl_net.c", 33),
    row("user.", Shape::Various, Namespace::User, "kernel/ucount.c", 75),
    pid("vm.memfd_noexec", int(0, 2), "kernel/pid_sysctl.h", 36),
];

impl Namespaced {
    /// Returns the row of the parameter that sysctl(8) calls `name`.
    pub fn from_name(name: &[u8]) -> Option<&'static Self> {
        NAMESPACED.iter().find(|row| covers(row.name, name))
    }
}

/// Tells whether `name` is `pattern`, or begins with it where that is a directory.
pub(crate) fn covers(pattern: &str, name: &[u8]) -> bool {
    let pattern = pattern.as_bytes();
    let is_directory = matches!(pattern.last(), Some(b'.' | b'_'));
    match name.strip_prefix(pattern) {
        Some(rest) => rest.is_empty() != is_directory,
        None => false,
    }
}

const fn row(
    name: &'static str,
    shape: Shape,
    namespace: Namespace,
    file: &'static str,
    line: u32,
) -> Namespaced {
    Namespaced {
        name,
        shape,
        namespace,
        table: Place { file, line },
    }
}

const fn ipc(name: &'static str, shape: Shape, file: &'static str, line: u32) -> Namespaced {
    row(name, shape, Namespace::Ipc, file, line)
}

const fn pid(name: &'static str, shape: Shape, file: &'static str, line: u32) -> Namespaced {
    row(name, shape, Namespace::Pid, file, line)
}

const fn uts(name: &'static str, file: &'static str, line: u32) -> Namespaced {
    let shape = Shape::Text { len_max: 64 };
    row(name, shape, Namespace::Uts, file, line)
}

const fn int(min: i32, max: i32) -> Shape {
    Shape::Number(CType::Int { min, max })
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ipc => "ipc",
            Self::Net => "net",
            Self::Uts => "uts",
            Self::Pid => "pid",
            Self::User => "user",
        })
    }
}
