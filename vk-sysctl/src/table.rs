//! The table of parameters that a container can have for itself.
//!
//! Places are those of 7.2.12. `tests/source.rs` looks each of them up.

use crate::entry::{Capability, Enforcer, Entry, Exactness, Place, Scope, Unit};
use crate::{CType, Exceed, Key, Order};

/// Every parameter, in the order of [`Key::ALL`].
pub const TABLE: [&Entry; Key::COUNT] = [
    &OVERCOMMIT_MEMORY,
    &OVERCOMMIT_RATIO,
    &OVERCOMMIT_KBYTES,
    &ADMIN_RESERVE_KBYTES,
    &USER_RESERVE_KBYTES,
    &MAX_MAP_COUNT,
    &MMAP_MIN_ADDR,
    &NR_OPEN,
    &FILE_MAX,
    &PIPE_MAX_SIZE,
    &PIPE_USER_PAGES_HARD,
    &PIPE_USER_PAGES_SOFT,
    &MOUNT_MAX,
    &THREADS_MAX,
    &PID_MAX,
    &DMESG_RESTRICT,
];

/// Shorthand for a line of the kernel's source.
const fn at(file: &'static str, line: u32) -> Place {
    Place { file, line }
}

pub(crate) const OVERCOMMIT_MEMORY: Entry = Entry {
    key: Key::OvercommitMemory,
    name: "vm.overcommit_memory",
    procname: "overcommit_memory",
    ctype: CType::Int { min: 0, max: 2 },
    unit: Unit::Mode,
    global: "sysctl_overcommit_memory",
    table: at("mm/util.c", 855),
    reads: &[
        at("mm/util.c", 969),
        at("mm/util.c", 972),
        at("mm/mmap.c", 552),
        at("ipc/shm.c", 764),
    ],
    enforcer: Enforcer::Overcommit,
    exactness: Exactness::Exact,
    order: Order::None,
    exceed: Exceed::May,
    scope: Scope::Machine,
    capability: None,
    zeroes: None,
};

pub(crate) const OVERCOMMIT_RATIO: Entry = Entry {
    key: Key::OvercommitRatio,
    name: "vm.overcommit_ratio",
    procname: "overcommit_ratio",
    ctype: CType::INT,
    unit: Unit::Percent,
    global: "sysctl_overcommit_ratio",
    table: at("mm/util.c", 864),
    reads: &[at("mm/util.c", 912)],
    enforcer: Enforcer::Overcommit,
    exactness: Exactness::Exact,
    order: Order::Lower,
    exceed: Exceed::May,
    scope: Scope::Machine,
    capability: None,
    zeroes: Some(Key::OvercommitKbytes),
};

pub(crate) const OVERCOMMIT_KBYTES: Entry = Entry {
    key: Key::OvercommitKbytes,
    name: "vm.overcommit_kbytes",
    procname: "overcommit_kbytes",
    ctype: CType::UNSIGNED_LONG,
    unit: Unit::Kbytes,
    global: "sysctl_overcommit_kbytes",
    table: at("mm/util.c", 871),
    reads: &[at("mm/util.c", 908)],
    enforcer: Enforcer::Overcommit,
    exactness: Exactness::Exact,
    order: Order::None,
    exceed: Exceed::May,
    scope: Scope::Machine,
    capability: None,
    zeroes: Some(Key::OvercommitRatio),
};

pub(crate) const ADMIN_RESERVE_KBYTES: Entry = Entry {
    key: Key::AdminReserveKbytes,
    name: "vm.admin_reserve_kbytes",
    procname: "admin_reserve_kbytes",
    ctype: CType::UNSIGNED_LONG,
    unit: Unit::Kbytes,
    global: "sysctl_admin_reserve_kbytes",
    table: at("mm/util.c", 885),
    reads: &[at("mm/util.c", 983)],
    enforcer: Enforcer::Overcommit,
    exactness: Exactness::Exact,
    order: Order::Higher,
    exceed: Exceed::May,
    scope: Scope::Machine,
    capability: None,
    zeroes: None,
};

pub(crate) const USER_RESERVE_KBYTES: Entry = Entry {
    key: Key::UserReserveKbytes,
    name: "vm.user_reserve_kbytes",
    procname: "user_reserve_kbytes",
    ctype: CType::UNSIGNED_LONG,
    unit: Unit::Kbytes,
    global: "sysctl_user_reserve_kbytes",
    table: at("mm/util.c", 878),
    reads: &[at("mm/util.c", 989)],
    enforcer: Enforcer::Overcommit,
    exactness: Exactness::Exact,
    order: Order::Higher,
    exceed: Exceed::May,
    scope: Scope::Machine,
    capability: None,
    zeroes: None,
};

pub(crate) const MAX_MAP_COUNT: Entry = Entry {
    key: Key::MaxMapCount,
    name: "vm.max_map_count",
    procname: "max_map_count",
    ctype: CType::Int {
        min: 0,
        max: i32::MAX,
    },
    unit: Unit::Mappings,
    global: "sysctl_max_map_count",
    table: at("mm/mmap.c", 1521),
    reads: &[
        at("mm/mmap.c", 379),
        at("mm/mremap.c", 1035),
        at("mm/vma.c", 596),
        at("mm/vma.c", 1416),
        at("mm/vma.c", 2926),
    ],
    enforcer: Enforcer::Hooks(&[
        "mmap_region",
        "do_brk_flags",
        "__split_vma",
        "do_vmi_align_munmap",
        "check_prep_vma",
    ]),
    exactness: Exactness::Differs(
        "mremap of several mappings at once needs room for 4 more before each, not before the \
         first only; no split is refused while the function graph tracer is on __split_vma",
    ),
    order: Order::Lower,
    exceed: Exceed::May,
    scope: Scope::Machine,
    capability: None,
    zeroes: None,
};

pub(crate) const MMAP_MIN_ADDR: Entry = Entry {
    key: Key::MmapMinAddr,
    name: "vm.mmap_min_addr",
    procname: "mmap_min_addr",
    ctype: CType::UNSIGNED_LONG,
    unit: Unit::Bytes,
    global: "dac_mmap_min_addr",
    table: at("security/min_addr.c", 47),
    reads: &[
        at("security/commoncap.c", 1473),
        at("mm/mmap.c", 225),
        at("mm/mmap.c", 699),
        at("mm/mmap.c", 708),
        at("mm/mmap.c", 749),
        at("mm/mmap.c", 759),
        at("mm/vma.c", 3006),
        at("mm/vma.c", 3064),
        at("mm/vma.c", 3241),
        at("fs/exec.c", 643),
        at("kernel/sys.c", 2025),
        at("kernel/sys.c", 2229),
    ],
    enforcer: Enforcer::Hooks(&["cap_mmap_addr"]),
    exactness: Exactness::Differs(
        "mapping below it is refused; hints are rounded by the host's value",
    ),
    order: Order::Higher,
    exceed: Exceed::Hardening,
    scope: Scope::Machine,
    capability: Some(Capability::SysRawio),
    zeroes: None,
};

pub(crate) const NR_OPEN: Entry = Entry {
    key: Key::NrOpen,
    name: "fs.nr_open",
    procname: "nr_open",
    ctype: CType::UnsignedInt {
        min: 64,
        max: 0x7fff_ffc0,
    },
    unit: Unit::Descriptors,
    global: "sysctl_nr_open",
    table: at("fs/file_table.c", 155),
    reads: &[
        at("fs/file.c", 194),
        at("fs/file.c", 310),
        at("kernel/sys.c", 1514),
    ],
    enforcer: Enforcer::Hooks(&["expand_files", "alloc_fdtable", "do_prlimit"]),
    exactness: Exactness::Exact,
    order: Order::Lower,
    exceed: Exceed::May,
    scope: Scope::Machine,
    capability: None,
    zeroes: None,
};

pub(crate) const FILE_MAX: Entry = Entry {
    key: Key::FileMax,
    name: "fs.file-max",
    procname: "file-max",
    ctype: CType::UnsignedLong {
        min: 0,
        max: i64::MAX as u64,
    },
    unit: Unit::Files,
    global: "files_stat.max_files",
    table: at("fs/file_table.c", 146),
    reads: &[
        at("fs/file_table.c", 121),
        at("fs/file_table.c", 252),
        at("fs/file_table.c", 258),
    ],
    enforcer: Enforcer::Hooks(&["alloc_empty_file", "security_file_free"]),
    exactness: Exactness::Differs(
        "files that were open before the value was set are not counted; AF_UNIX sockets keep \
         twice the host's; `fs.file-nr` is the machine's",
    ),
    order: Order::Lower,
    exceed: Exceed::SharedPool,
    scope: Scope::Machine,
    capability: None,
    zeroes: None,
};

pub(crate) const PIPE_MAX_SIZE: Entry = Entry {
    key: Key::PipeMaxSize,
    name: "fs.pipe-max-size",
    procname: "pipe-max-size",
    ctype: CType::PipeSize,
    unit: Unit::Bytes,
    global: "pipe_max_size",
    table: at("fs/pipe.c", 1609),
    reads: &[at("fs/pipe.c", 896), at("fs/pipe.c", 1484)],
    enforcer: Enforcer::Hooks(&["alloc_pipe_info", "pipe_fcntl"]),
    exactness: Exactness::Exact,
    order: Order::Lower,
    exceed: Exceed::May,
    scope: Scope::Machine,
    capability: None,
    zeroes: None,
};

pub(crate) const PIPE_USER_PAGES_HARD: Entry = Entry {
    key: Key::PipeUserPagesHard,
    name: "fs.pipe-user-pages-hard",
    procname: "pipe-user-pages-hard",
    ctype: CType::UNSIGNED_LONG,
    unit: Unit::Pages,
    global: "pipe_user_pages_hard",
    table: at("fs/pipe.c", 1617),
    reads: &[at("fs/pipe.c", 880)],
    enforcer: Enforcer::Hooks(&["alloc_pipe_info", "pipe_fcntl"]),
    exactness: Exactness::Differs(
        "counted per user of the host, with the user's pipes elsewhere; watch queues keep the \
         host's",
    ),
    order: Order::LowerButZero,
    exceed: Exceed::SharedPool,
    scope: Scope::Machine,
    capability: None,
    zeroes: None,
};

pub(crate) const PIPE_USER_PAGES_SOFT: Entry = Entry {
    key: Key::PipeUserPagesSoft,
    name: "fs.pipe-user-pages-soft",
    procname: "pipe-user-pages-soft",
    ctype: CType::UNSIGNED_LONG,
    unit: Unit::Pages,
    global: "pipe_user_pages_soft",
    table: at("fs/pipe.c", 1624),
    reads: &[at("fs/pipe.c", 873)],
    enforcer: Enforcer::Hooks(&["alloc_pipe_info", "pipe_fcntl"]),
    exactness: Exactness::Differs(
        "counted per user of the host, with the user's pipes elsewhere; watch queues keep the \
         host's",
    ),
    order: Order::LowerButZero,
    exceed: Exceed::SharedPool,
    scope: Scope::Machine,
    capability: None,
    zeroes: None,
};

pub(crate) const MOUNT_MAX: Entry = Entry {
    key: Key::MountMax,
    name: "fs.mount-max",
    procname: "mount-max",
    ctype: CType::Int {
        min: 1,
        max: i32::MAX,
    },
    unit: Unit::Mounts,
    global: "sysctl_mount_max",
    table: at("fs/namespace.c", 6667),
    reads: &[at("fs/namespace.c", 2510)],
    enforcer: Enforcer::Hooks(&["count_mounts"]),
    exactness: Exactness::Exact,
    order: Order::Lower,
    exceed: Exceed::May,
    scope: Scope::Machine,
    capability: None,
    zeroes: None,
};

pub(crate) const THREADS_MAX: Entry = Entry {
    key: Key::ThreadsMax,
    name: "kernel.threads-max",
    procname: "threads-max",
    ctype: CType::Int {
        min: 1,
        max: 0x3fff_ffff,
    },
    unit: Unit::Threads,
    global: "max_threads",
    table: at("kernel/fork.c", 3416),
    reads: &[at("kernel/fork.c", 2184)],
    enforcer: Enforcer::Hooks(&["alloc_pid"]),
    exactness: Exactness::Differs(
        "a process that has ended counts while its number is in use, as that of a group or session",
    ),
    order: Order::Lower,
    exceed: Exceed::SharedPool,
    scope: Scope::Machine,
    capability: None,
    zeroes: None,
};

pub(crate) const PID_MAX: Entry = Entry {
    key: Key::PidMax,
    name: "kernel.pid_max",
    procname: "pid_max",
    ctype: CType::Int {
        min: 301,
        max: 4_194_304,
    },
    unit: Unit::Pid,
    global: "pid_max",
    table: at("kernel/pid.c", 771),
    reads: &[at("kernel/pid.c", 209)],
    enforcer: Enforcer::Hooks(&["alloc_pid"]),
    exactness: Exactness::Differs("the least value is 8 per possible CPU where that is more"),
    order: Order::Lower,
    exceed: Exceed::NoPlace,
    scope: Scope::PidNamespaceSince612,
    capability: None,
    zeroes: None,
};

pub(crate) const DMESG_RESTRICT: Entry = Entry {
    key: Key::DmesgRestrict,
    name: "kernel.dmesg_restrict",
    procname: "dmesg_restrict",
    ctype: CType::Int { min: 0, max: 1 },
    unit: Unit::Mode,
    global: "dmesg_restrict",
    table: at("kernel/printk/sysctl.c", 61),
    reads: &[at("kernel/printk/printk.c", 607)],
    enforcer: Enforcer::Hooks(&["security_syslog"]),
    exactness: Exactness::Exact,
    order: Order::Higher,
    exceed: Exceed::Hardening,
    scope: Scope::Machine,
    capability: Some(Capability::SysAdmin),
    zeroes: None,
};
