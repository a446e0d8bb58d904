//! The names of the parameters.

use core::fmt;

use crate::entry::Entry;
use crate::{table, CType};

/// A kernel parameter that a container can have for itself.
///
/// # Examples
///
/// ```
/// use vk_sysctl::Key;
///
/// let key = Key::from_name(b"vm.overcommit_ratio").ok_or("no such key")?;
/// assert_eq!(key, Key::OvercommitRatio);
/// assert_eq!(key.procname(), "overcommit_ratio");
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Key {
    /// `vm.overcommit_memory`.
    #[doc(alias = "sysctl_overcommit_memory")]
    OvercommitMemory,
    /// `vm.overcommit_ratio`.
    #[doc(alias = "sysctl_overcommit_ratio")]
    OvercommitRatio,
    /// `vm.overcommit_kbytes`.
    #[doc(alias = "sysctl_overcommit_kbytes")]
    OvercommitKbytes,
    /// `vm.admin_reserve_kbytes`.
    #[doc(alias = "sysctl_admin_reserve_kbytes")]
    AdminReserveKbytes,
    /// `vm.user_reserve_kbytes`.
    #[doc(alias = "sysctl_user_reserve_kbytes")]
    UserReserveKbytes,
    /// `vm.max_map_count`.
    #[doc(alias = "sysctl_max_map_count")]
    MaxMapCount,
    /// `vm.mmap_min_addr`.
    #[doc(alias = "dac_mmap_min_addr")]
    MmapMinAddr,
    /// `fs.nr_open`.
    #[doc(alias = "sysctl_nr_open")]
    NrOpen,
    /// `fs.file-max`.
    #[doc(alias = "files_stat")]
    FileMax,
    /// `fs.pipe-max-size`.
    #[doc(alias = "pipe_max_size")]
    PipeMaxSize,
    /// `fs.pipe-user-pages-hard`.
    #[doc(alias = "pipe_user_pages_hard")]
    PipeUserPagesHard,
    /// `fs.pipe-user-pages-soft`.
    #[doc(alias = "pipe_user_pages_soft")]
    PipeUserPagesSoft,
    /// `fs.mount-max`.
    #[doc(alias = "sysctl_mount_max")]
    MountMax,
    /// `kernel.threads-max`.
    #[doc(alias = "max_threads")]
    ThreadsMax,
    /// `kernel.pid_max`.
    #[doc(alias = "pid_max")]
    PidMax,
    /// `kernel.dmesg_restrict`.
    #[doc(alias = "dmesg_restrict")]
    DmesgRestrict,
}

impl Key {
    /// Every key, in the order of [`TABLE`](crate::TABLE).
    pub const ALL: [Self; 16] = [
        Self::OvercommitMemory,
        Self::OvercommitRatio,
        Self::OvercommitKbytes,
        Self::AdminReserveKbytes,
        Self::UserReserveKbytes,
        Self::MaxMapCount,
        Self::MmapMinAddr,
        Self::NrOpen,
        Self::FileMax,
        Self::PipeMaxSize,
        Self::PipeUserPagesHard,
        Self::PipeUserPagesSoft,
        Self::MountMax,
        Self::ThreadsMax,
        Self::PidMax,
        Self::DmesgRestrict,
    ];

    /// How many keys there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Returns the key that sysctl(8) calls `name`, if it is supported.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|key| key.name().as_bytes() == name)
    }

    /// Returns the name as sysctl(8) spells it.
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// Returns the last part of the name: `procname` in the kernel's table.
    pub const fn procname(self) -> &'static str {
        self.entry().procname
    }

    /// Returns the C type and the bounds of the key's handler.
    pub const fn ctype(self) -> CType {
        self.entry().ctype
    }

    /// Returns the key's row of the table.
    pub const fn entry(self) -> &'static Entry {
        match self {
            Self::OvercommitMemory => &table::OVERCOMMIT_MEMORY,
            Self::OvercommitRatio => &table::OVERCOMMIT_RATIO,
            Self::OvercommitKbytes => &table::OVERCOMMIT_KBYTES,
            Self::AdminReserveKbytes => &table::ADMIN_RESERVE_KBYTES,
            Self::UserReserveKbytes => &table::USER_RESERVE_KBYTES,
            Self::MaxMapCount => &table::MAX_MAP_COUNT,
            Self::MmapMinAddr => &table::MMAP_MIN_ADDR,
            Self::NrOpen => &table::NR_OPEN,
            Self::FileMax => &table::FILE_MAX,
            Self::PipeMaxSize => &table::PIPE_MAX_SIZE,
            Self::PipeUserPagesHard => &table::PIPE_USER_PAGES_HARD,
            Self::PipeUserPagesSoft => &table::PIPE_USER_PAGES_SOFT,
            Self::MountMax => &table::MOUNT_MAX,
            Self::ThreadsMax => &table::THREADS_MAX,
            Self::PidMax => &table::PID_MAX,
            Self::DmesgRestrict => &table::DMESG_RESTRICT,
        }
    }

    /// The key's place in an array of [`COUNT`](Self::COUNT).
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// The key's bit in a set.
    pub(crate) const fn bit(self) -> u32 {
        1u32.wrapping_shl(self as u32)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
