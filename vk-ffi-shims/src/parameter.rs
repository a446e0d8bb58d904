//! Kernel parameters: the host's variables.

use crate::{bindings, ControlGuard, Namespace, RegistryGuard};
use core::ffi::{c_int, c_void};

/// A kernel parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Parameter {
    /// `vm.overcommit_memory`.
    OvercommitMemory = bindings::VK_PARAMETER_OVERCOMMIT_MEMORY,
    /// `vm.overcommit_ratio`.
    OvercommitRatio = bindings::VK_PARAMETER_OVERCOMMIT_RATIO,
    /// `vm.overcommit_kbytes`.
    OvercommitKbytes = bindings::VK_PARAMETER_OVERCOMMIT_KBYTES,
    /// `vm.max_map_count`.
    MaxMapCount = bindings::VK_PARAMETER_MAX_MAP_COUNT,
    /// `vm.mmap_min_addr`.
    MmapMinAddr = bindings::VK_PARAMETER_MMAP_MIN_ADDR,
    /// `fs.nr_open`.
    NrOpen = bindings::VK_PARAMETER_NR_OPEN,
    /// `fs.pipe-max-size`.
    PipeMaxSize = bindings::VK_PARAMETER_PIPE_MAX_SIZE,
    /// `fs.pipe-user-pages-hard`.
    PipeUserPagesHard = bindings::VK_PARAMETER_PIPE_USER_PAGES_HARD,
    /// `fs.pipe-user-pages-soft`.
    PipeUserPagesSoft = bindings::VK_PARAMETER_PIPE_USER_PAGES_SOFT,
    /// `fs.mount-max`.
    MountMax = bindings::VK_PARAMETER_MOUNT_MAX,
    /// `kernel.threads-max`.
    ThreadsMax = bindings::VK_PARAMETER_THREADS_MAX,
    /// `kernel.dmesg_restrict`.
    DmesgRestrict = bindings::VK_PARAMETER_DMESG_RESTRICT,
    /// `fs.file-max`.
    FileMax = bindings::VK_PARAMETER_FILE_MAX,
    /// `vm.admin_reserve_kbytes`.
    AdminReserveKbytes = bindings::VK_PARAMETER_ADMIN_RESERVE_KBYTES,
    /// `vm.user_reserve_kbytes`.
    UserReserveKbytes = bindings::VK_PARAMETER_USER_RESERVE_KBYTES,
}

const _: () = {
    let mut at = 0;
    while at < Parameter::ALL.len() {
        assert!(Parameter::ALL[at] as usize == at);
        at += 1;
    }
};

/// The file of one, and what somebody wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterFile {
    /// Which one.
    pub parameter: Parameter,
    /// It is to be written.
    pub is_write: bool,
}

impl Parameter {
    /// All of them.
    pub const ALL: [Self; bindings::VK_PARAMETERS as usize] = [
        Self::OvercommitMemory,
        Self::OvercommitRatio,
        Self::OvercommitKbytes,
        Self::MaxMapCount,
        Self::MmapMinAddr,
        Self::NrOpen,
        Self::PipeMaxSize,
        Self::PipeUserPagesHard,
        Self::PipeUserPagesSoft,
        Self::MountMax,
        Self::ThreadsMax,
        Self::DmesgRestrict,
        Self::FileMax,
        Self::AdminReserveKbytes,
        Self::UserReserveKbytes,
    ];

    #[doc(hidden)]
    pub fn from_raw(raw: u32) -> Option<Self> {
        Self::ALL.get(raw as usize).copied()
    }

    /// Finds the one that a table is about.
    ///
    /// # Safety
    ///
    /// `table` is a `struct ctl_table`.
    #[doc(hidden)]
    pub unsafe fn of_table(table: *const c_void) -> Option<Self> {
        // SAFETY: By the contract of this function.
        Self::from_raw(unsafe { bindings::vk_parameter_of(table) })
    }

    /// Returns the host's own value, as a pattern of bits; `None` if the kernel's variable was not
    /// found.
    ///
    /// Any context.
    pub fn host_bits(self) -> Option<u64> {
        let mut bits = 0;
        // SAFETY: One of the enumeration.
        unsafe { bindings::vk_parameter_host(self as u32, &mut bits) }.then_some(bits)
    }
}

impl Parameter {
    /// Lets containers have up to `greatest`, and holds the host to its own value; `None` undoes it.
    ///
    /// Process context, under the control mutex. Before its hooks go it must be undone.
    ///
    /// # Errors
    ///
    /// A negative errno: its hooks are not in, or there are none that could hold the host.
    pub fn widen(self, _control: &ControlGuard, greatest: Option<u32>) -> Result<(), i32> {
        let result = match greatest {
            // SAFETY: One of the enumeration, process context, the mutex is held.
            Some(greatest) => unsafe { bindings::vk_parameter_widen(self as u32, greatest) },
            None => {
                // SAFETY: As above.
                unsafe { bindings::vk_parameter_narrow(self as u32) };
                0
            }
        };
        match result {
            0 => Ok(()),
            errno => Err(errno),
        }
    }

    /// Asks everybody who would come beyond `edge`, and whoever is asked already.
    ///
    /// Before a value that is stricter than those before it is published: whom no value can concern is
    /// not asked.
    pub fn tighten(self, _registry: &RegistryGuard, edge: u64) {
        // SAFETY: One of the enumeration, the lock is held.
        unsafe { bindings::vk_edge_tighten(self as u32, edge) };
    }

    /// Asks those who would come beyond `edge`, and nobody else; nobody at all without one.
    ///
    /// No value that is stricter is published any more.
    pub fn relax(self, _registry: &RegistryGuard, edge: Option<u64>) {
        let edge = edge.unwrap_or(match self {
            Self::MmapMinAddr => 0,
            _ => u64::MAX,
        });
        // SAFETY: One of the enumeration, the lock is held.
        unsafe { bindings::vk_edge_set(self as u32, edge) };
    }

    /// Leads the host's own reads and writes past what is wide, once the handlers are armed.
    ///
    /// Process context.
    pub fn shadow_host(_control: &ControlGuard) {
        // SAFETY: Process context (documented).
        unsafe { bindings::vk_parameters_shadow_host() };
    }
}

impl Namespace<'_> {
    /// Returns how many files are open that were opened in it and below, while it had a value of
    /// `fs.file-max`.
    pub fn open_files(self) -> u32 {
        // SAFETY: Live (type invariant).
        unsafe { bindings::vk_ns_files(self.as_ptr()) }
    }
}

/// Counts the open files of no container any more, for who has taken the hooks of
/// [`Feature::Files`](crate::Feature::Files) out.
///
/// Process context, under the control mutex; nobody is inside those hooks.
pub fn forget_files() {
    // SAFETY: Process context, callers serialised, the hooks out and drained (documented).
    unsafe { bindings::vk_files_forget() };
}

impl ParameterFile {
    /// Makes one of what permission is asked for.
    ///
    /// # Safety
    ///
    /// `table` is a `struct ctl_table`.
    #[doc(hidden)]
    pub unsafe fn from_raw(table: *const c_void, op: c_int) -> Option<Self> {
        // SAFETY: By the contract of this function.
        let parameter = unsafe { Parameter::of_table(table) }?;
        // SAFETY: Any number.
        let is_write = unsafe { bindings::vk_may_write(op as u32) };
        Some(Self {
            parameter,
            is_write,
        })
    }
}
