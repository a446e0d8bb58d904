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
}

/// What a caller that is certainly none of ours gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
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
}

/// Hooks whose handlers may sleep, for [`Flight`](crate::Flight).
pub mod hooks {
    use crate::bindings;
    use vk_hook::HookId;

    /// A write to `vm.overcommit_memory`.
    pub const OVERCOMMIT_POLICY_HANDLER: HookId =
        HookId(bindings::VK_HOOK_OVERCOMMIT_POLICY_HANDLER);
    /// A write to `vm.overcommit_ratio`.
    pub const OVERCOMMIT_RATIO_HANDLER: HookId = HookId(bindings::VK_HOOK_OVERCOMMIT_RATIO_HANDLER);
    /// A write to `vm.overcommit_kbytes`.
    pub const OVERCOMMIT_KBYTES_HANDLER: HookId =
        HookId(bindings::VK_HOOK_OVERCOMMIT_KBYTES_HANDLER);
    /// A write to `transparent_hugepage/enabled`.
    pub const THP_ENABLED_STORE: HookId = HookId(bindings::VK_HOOK_THP_ENABLED_STORE);
    /// A write to `transparent_hugepage/hugepages-2048kB/enabled`.
    pub const ANON_ENABLED_STORE: HookId = HookId(bindings::VK_HOOK_ANON_ENABLED_STORE);
}

/// What is told about one hook.
#[derive(Clone, Copy, Debug)]
pub struct HookInfo {
    /// The kernel function.
    pub symbol: &'static str,
    /// What it belongs to.
    pub feature: Feature,
    /// What strangers get.
    pub kind: Kind,
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
    pub const ALL: [Self; 4] = [Self::Lifecycle, Self::Sysctl, Self::Overcommit, Self::Thp];

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lifecycle => "lifecycle",
            Self::Sysctl => "sysctl",
            Self::Overcommit => "overcommit",
            Self::Thp => "thp",
        }
    }

    /// Returns the feature of that name.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name().as_bytes() == name)
    }

    fn from_raw(raw: u32) -> Self {
        match raw {
            bindings::VK_FEATURE_SYSCTL => Self::Sysctl,
            bindings::VK_FEATURE_OVERCOMMIT => Self::Overcommit,
            bindings::VK_FEATURE_THP => Self::Thp,
            _ => Self::Lifecycle,
        }
    }

    /// Returns its hooks, in the order in which they go in: those that answer for a gate first.
    pub const fn hooks(self) -> &'static [HookId] {
        match self {
            Self::Lifecycle => &[
                // The end hook is in before the first insertion.
                HookId(bindings::VK_HOOK_DELAYED_FREE_PIDNS),
                HookId(bindings::VK_HOOK_WAKE_UP_NEW_TASK),
            ],
            Self::Sysctl => &[
                HookId(bindings::VK_HOOK_OVERCOMMIT_POLICY_HANDLER),
                HookId(bindings::VK_HOOK_OVERCOMMIT_RATIO_HANDLER),
                HookId(bindings::VK_HOOK_OVERCOMMIT_KBYTES_HANDLER),
            ],
            Self::Overcommit => &[
                HookId(bindings::VK_HOOK_VM_ENOUGH_MEMORY),
                HookId(bindings::VK_HOOK_VM_COMMIT_LIMIT),
                HookId(bindings::VK_HOOK_VM_MEMORY_COMMITTED),
            ],
            Self::Thp => &[
                HookId(bindings::VK_HOOK_THP_ALLOWABLE_ORDERS),
                HookId(bindings::VK_HOOK_THP_ENABLED_SHOW),
                HookId(bindings::VK_HOOK_THP_ENABLED_STORE),
                HookId(bindings::VK_HOOK_ANON_ENABLED_SHOW),
                HookId(bindings::VK_HOOK_ANON_ENABLED_STORE),
            ],
        }
    }

    /// Why the kernel cannot serve it; empty if it can.
    pub fn refusal(self) -> &'static str {
        // SAFETY: The number is in range.
        let text = unsafe { bindings::vk_refusal(bindings::VK_HOOKS + self as u32) };
        // SAFETY: A string literal of C.
        unsafe { text_of(text) }
    }
}

/// # Safety
///
/// `text` is null or a C string that lives as long as the module.
unsafe fn text_of(text: *const c_char) -> &'static str {
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

impl Ftrace {
    /// Returns the ids of all hooks.
    pub fn ids() -> impl Iterator<Item = HookId> {
        (0..bindings::VK_HOOKS).map(HookId)
    }

    /// Returns what is known of a hook, `None` for an id out of range.
    pub fn info(hook: HookId) -> Option<HookInfo> {
        let id = hook.0;
        if id >= bindings::VK_HOOKS {
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
            bindings::VK_KIND_SHADOW => Kind::Shadow,
            bindings::VK_KIND_REPL => Kind::Repl,
            bindings::VK_KIND_AROUND => Kind::Around,
            _ => Kind::Pass,
        };
        // SAFETY: The id is in range.
        let subject = match unsafe { bindings::vk_hook_subject(id) } {
            bindings::VK_SUBJECT_CURRENT => SubjectKind::Current,
            bindings::VK_SUBJECT_MM => SubjectKind::Mm,
            bindings::VK_SUBJECT_VMA => SubjectKind::Vma,
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
        if hook.0 >= bindings::VK_HOOKS {
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
