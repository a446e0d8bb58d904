//! Back end F: the kernel's own ftrace diverts the function (c/hook.c).

use crate::bindings;
use core::ffi::{c_char, CStr};
use vk_hook::{Backend, HookId, Sleeper, State};

/// The table of hooks of c/series_*.c, armed by ftrace direct jumps.
#[derive(Clone, Copy, Debug)]
pub struct Ftrace;

/// What hooks belong to, and are armed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Feature {
    /// Birth and end of namespaces.
    Lifecycle = bindings::VK_FEATURE_LIFECYCLE,
    /// Files below `/proc/sys`.
    Sysctl = bindings::VK_FEATURE_SYSCTL,
    /// Commit accounting and its view.
    Overcommit = bindings::VK_FEATURE_OVERCOMMIT,
    /// Transparent huge pages and their files.
    Thp = bindings::VK_FEATURE_THP,
    /// How hard their allocation tries.
    ThpDefrag = bindings::VK_FEATURE_THP_DEFRAG,
    /// Huge pages of shared memory.
    ThpShmem = bindings::VK_FEATURE_THP_SHMEM,
    /// The huge zero page.
    ThpZeroPage = bindings::VK_FEATURE_THP_ZERO_PAGE,
    /// The vote in khugepaged about anonymous memory.
    ThpVote = bindings::VK_FEATURE_THP_VOTE,
    /// The same, at each candidate of its scan: where the former cannot be hooked.
    ThpVoteScan = bindings::VK_FEATURE_THP_VOTE_SCAN,
    /// The vote about page cache and shared memory.
    ThpVoteFile = bindings::VK_FEATURE_THP_VOTE_FILE,
    /// Files below `/proc/sys` whose handlers serve many parameters.
    Parameters = bindings::VK_FEATURE_PARAMETERS,
    /// Files below `/proc/sys` that root of a container may write.
    Permission = bindings::VK_FEATURE_PERMISSION,
    /// Files below `/sys` that no container may write: `protect_host=1`.
    Protection = bindings::VK_FEATURE_PROTECTION,
    /// `vm.max_map_count`.
    Maps = bindings::VK_FEATURE_MAPS,
    /// `vm.mmap_min_addr`.
    MinAddr = bindings::VK_FEATURE_MIN_ADDR,
    /// `fs.nr_open`.
    Descriptors = bindings::VK_FEATURE_DESCRIPTORS,
    /// `fs.pipe-max-size`, `fs.pipe-user-pages-hard`, `-soft`.
    Pipes = bindings::VK_FEATURE_PIPES,
    /// `fs.mount-max`.
    Mounts = bindings::VK_FEATURE_MOUNTS,
    /// `kernel.threads-max`.
    Threads = bindings::VK_FEATURE_THREADS,
    /// `kernel.dmesg_restrict`.
    Log = bindings::VK_FEATURE_LOG,
    /// `fs.file-max`.
    Files = bindings::VK_FEATURE_FILES,
}

/// What a caller that is certainly none of ours gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StubKind {
    /// The original.
    Pass,
    /// The host's shadow value while a gate is open.
    Shadow,
    /// The original; ours are answered without it.
    Repl,
    /// The original runs inside the handler.
    Around,
}

/// What a hook's subject is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    /// The argument itself.
    None,
    /// The running task.
    Current,
    /// An mm.
    Mm,
    /// A VMA's mm.
    Vma,
    /// A task.
    Task,
}

/// What is told about one hook.
#[derive(Clone, Copy, Debug)]
pub struct HookInfo {
    /// The kernel function.
    pub symbol: &'static str,
    /// What it belongs to.
    pub feature: Feature,
    /// What strangers get.
    pub kind: StubKind,
    /// Whose policy it asks.
    pub subject: SubjectKind,
    /// Where it is in its life.
    pub state: State,
    /// The function's address, 0 if it was not found.
    pub address: usize,
    /// The function's first bytes as they are now.
    pub entry: [u8; 16],
    /// How many of them could be read.
    pub entry_len: usize,
    /// Why it is absent; empty if it is not.
    pub refusal: &'static str,
}

impl Feature {
    /// All of them, in the order in which they are armed.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Lifecycle,
        Self::Sysctl,
        Self::Overcommit,
        Self::Thp,
        Self::ThpDefrag,
        Self::ThpShmem,
        Self::ThpZeroPage,
        Self::ThpVote,
        Self::ThpVoteScan,
        Self::ThpVoteFile,
        Self::Parameters,
        Self::Permission,
        Self::Protection,
        Self::Maps,
        Self::MinAddr,
        Self::Descriptors,
        Self::Pipes,
        Self::Mounts,
        Self::Threads,
        Self::Log,
        Self::Files,
    ];

    /// How many there are.
    pub const COUNT: usize = bindings::VK_FEATURES as usize;

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lifecycle => "lifecycle",
            Self::Sysctl => "sysctl",
            Self::Overcommit => "overcommit",
            Self::Thp => "thp",
            Self::ThpDefrag => "thp-defrag",
            Self::ThpShmem => "thp-shmem",
            Self::ThpZeroPage => "thp-zero-page",
            Self::ThpVote => "thp-vote",
            Self::ThpVoteScan => "thp-vote-scan",
            Self::ThpVoteFile => "thp-vote-file",
            Self::Parameters => "parameters",
            Self::Permission => "permission",
            Self::Protection => "protection",
            Self::Maps => "maps",
            Self::MinAddr => "min-addr",
            Self::Descriptors => "descriptors",
            Self::Pipes => "pipes",
            Self::Mounts => "mounts",
            Self::Threads => "threads",
            Self::Log => "log",
            Self::Files => "files",
        }
    }

    /// Returns the feature of that name.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name().as_bytes() == name)
    }

    fn from_raw(raw: u32) -> Self {
        let found = Self::ALL.into_iter().find(|&feature| feature as u32 == raw);
        found.unwrap_or(Self::Lifecycle)
    }

    /// Returns its hooks, in the order in which they go in: that of their lines.
    pub fn hooks(self) -> &'static [HookId] {
        let is_its = |hook: &HookId| feature_of(*hook) == self as u32;
        let all = Ftrace::hooks();
        let first = all.iter().take_while(|hook| !is_its(hook)).count();
        let rest = all.get(first..).unwrap_or_default();
        let len = rest.iter().take_while(|hook| is_its(hook)).count();
        rest.get(..len).unwrap_or_default()
    }

    /// Why the kernel cannot serve it; empty if it can.
    pub fn refusal(self) -> &'static str {
        // SAFETY: The number is in range.
        let text = unsafe { bindings::vk_feature_refused(self as u32) };
        // SAFETY: A string literal of C.
        unsafe { text_of(text) }
    }
}

/// # Safety
///
/// `text` is null or a C string that lives as long as the module.
pub(crate) unsafe fn text_of(text: *const c_char) -> &'static str {
    if text.is_null() {
        return "";
    }
    // SAFETY: By the contract of this function.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or("")
}

fn state_from_raw(raw: u32) -> State {
    match raw {
        bindings::VK_STATE_PLANNED => State::Planned,
        bindings::VK_STATE_ARMED => State::Armed,
        bindings::VK_STATE_DRAINING => State::Draining,
        _ => State::Absent,
    }
}

fn errno(result: i32) -> Result<(), i32> {
    match result {
        0 => Ok(()),
        errno => Err(errno),
    }
}

/// More numbers than any module has hooks.
static IDS: [HookId; 256] = {
    let mut ids = [HookId(0); 256];
    let mut nth = 0;
    while nth < ids.len() {
        ids[nth] = HookId(nth as u32);
        nth += 1;
    }
    ids
};

fn count() -> u32 {
    // SAFETY: Any context.
    unsafe { bindings::vk_hook_count() }
}

/// Whether there is a hook of this number.
pub(crate) fn is_known(hook: HookId) -> bool {
    hook.0 < count()
}

/// The number of the hook's feature, `VK_FEATURES` for none.
fn feature_of(hook: HookId) -> u32 {
    // SAFETY: Only numbers of hooks are asked for.
    unsafe { bindings::vk_hook_feature(hook.0) }
}

impl Ftrace {
    /// Returns all hooks, in the order of their lines.
    pub fn hooks() -> &'static [HookId] {
        IDS.get(..count() as usize).unwrap_or(&IDS)
    }

    /// Returns the ids of all hooks.
    pub fn ids() -> impl Iterator<Item = HookId> {
        Self::hooks().iter().copied()
    }

    /// Returns what is known of a hook, `None` for an id out of range.
    pub fn info(hook: HookId) -> Option<HookInfo> {
        let id = hook.0;
        if id >= count() {
            return None;
        }
        let mut entry = [0; 16];
        // SAFETY: The id is in range, and `entry` has the length given.
        let entry_len = unsafe { bindings::vk_hook_entry(id, entry.as_mut_ptr(), 16) } as usize;
        // SAFETY: The id is in range.
        let symbol = unsafe { bindings::vk_hook_symbol(id) };
        // SAFETY: The id is in range.
        let refusal = unsafe { bindings::vk_refusal(id) };
        // SAFETY: The id is in range.
        let kind = match unsafe { bindings::vk_hook_kind(id) } {
            bindings::VK_KIND_SHADOW => StubKind::Shadow,
            bindings::VK_KIND_REPL => StubKind::Repl,
            bindings::VK_KIND_AROUND => StubKind::Around,
            _ => StubKind::Pass,
        };
        // SAFETY: The id is in range.
        let subject = match unsafe { bindings::vk_hook_subject(id) } {
            bindings::VK_SUBJECT_CURRENT => SubjectKind::Current,
            bindings::VK_SUBJECT_MM => SubjectKind::Mm,
            bindings::VK_SUBJECT_VMA
            | bindings::VK_SUBJECT_VMA_OR_CURRENT
            | bindings::VK_SUBJECT_SECOND_VMA_OR_CURRENT
            | bindings::VK_SUBJECT_FAULT => SubjectKind::Vma,
            bindings::VK_SUBJECT_TASK => SubjectKind::Task,
            _ => SubjectKind::None,
        };
        Some(HookInfo {
            // SAFETY: A string literal of C.
            symbol: unsafe { text_of(symbol) },
            // SAFETY: The id is in range.
            feature: Feature::from_raw(unsafe { bindings::vk_hook_feature(id) }),
            kind,
            subject,
            state: Self.state(hook),
            // SAFETY: The id is in range.
            address: unsafe { bindings::vk_hook_address(id) } as usize,
            entry,
            entry_len,
            // SAFETY: A string literal of C.
            refusal: unsafe { text_of(refusal) },
        })
    }

    /// Waits for RCU callbacks of ours: after the last drain, before the module goes.
    pub fn barrier() {
        // SAFETY: Process context (documented by the callers' contract of `Backend`).
        unsafe { bindings::vk_hooks_barrier() };
    }
}

impl Backend for Ftrace {
    fn state(&self, hook: HookId) -> State {
        if hook.0 >= count() {
            return State::Absent;
        }
        // SAFETY: The id is in range.
        state_from_raw(unsafe { bindings::vk_hook_state(hook.0) })
    }

    fn arm(&self, hook: HookId) -> Result<(), i32> {
        if self.state(hook) == State::Absent {
            const ENODEV: i32 = 19;
            return Err(-ENODEV);
        }
        // SAFETY: The id is in range, process context.
        errno(unsafe { bindings::vk_hook_arm(hook.0) })
    }

    fn disarm(&self, hook: HookId) -> Result<(), i32> {
        if self.state(hook) == State::Absent {
            return Ok(());
        }
        // SAFETY: The id is in range, process context.
        errno(unsafe { bindings::vk_hook_disarm(hook.0) })
    }

    fn drain(&self, timeout_ms: u32) -> Result<(), Sleeper> {
        let (mut pid, mut id) = (0, 0);
        // SAFETY: Process context.
        match unsafe { bindings::vk_hooks_drain(timeout_ms, &mut pid, &mut id) } {
            0 => Ok(()),
            _ => Err(Sleeper {
                pid,
                hook: HookId(id),
            }),
        }
    }
}
