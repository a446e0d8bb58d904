//! Back end P: jumps of our own in the text of the running kernel (c/inline.c).
//!
//! What is hooked is planned from the live bytes, under the kernel's own locks; the order in which
//! bytes are written is that of [`Detour`].

use crate::bindings;
use crate::lock::{TextCell, TextGuard};
use core::ffi::CStr;
use core::fmt;
use vk_hook::plan::{CodeAddr, Facts, JumpTables, Plan, Reserved, TRAMPOLINE_MAX};
use vk_hook::{Backend, Detour, DetourError, HookId, Refusal, Sleeper, State, Text};

use crate::ftrace::Ftrace;

/// The hooks of c/series_*.c, by jumps of our own.
#[derive(Clone, Copy, Debug)]
pub struct Inline;

/// Why a function cannot be hooked inline, or the hook not be taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InlineRefusal {
    /// It answers for a gate: a livepatch would leave the function in front of the jump.
    Shadow,
    /// The kernel lacks what inline hooks need.
    Missing(&'static str),
    /// A live patch has the function, and leaves it in front of the jump.
    Patched,
    /// Too many hooks are declared before it.
    NoRoom,
    /// The kernel does not know where the function ends.
    NoLength,
    /// The function is in more parts than can be looked at.
    Parts(u32),
    /// Its bytes do not allow it.
    Plan(Refusal),
    /// Its text could not be changed.
    Text(DetourError),
}

/// Where an inline hook is.
#[derive(Clone, Copy, Debug)]
pub struct InlineSite {
    /// Where the jump is written.
    pub site: usize,
    /// The instructions that it displaces.
    pub displaced: vk_hook::plan::Displaced,
}

/// What is known of each hook. The cell's lock guards the whole of the kernel's text too.
static HOOKS: TextCell<[Known; HOOKS_MAX]> = TextCell::new([Known::NOTHING; HOOKS_MAX]);

/// How many hooks of a module can be inline: the first ones.
const HOOKS_MAX: usize = 64;

#[derive(Clone, Copy)]
struct Known {
    /// What is planned, or in.
    detour: Option<Detour>,
    /// Why it was refused the last time.
    why: Option<InlineRefusal>,
}

impl Known {
    const NOTHING: Self = Self {
        detour: None,
        why: None,
    };
}

/// The most parts of a function beside its beginning that are looked at.
const PARTS_MAX: usize = 4;

static_assertions::const_assert!(TRAMPOLINE_MAX <= bindings::VK_TRAMPOLINE_BYTES as usize);

impl Inline {
    /// Returns why the hook was refused the last time, or could not be taken out.
    pub fn why(hook: HookId) -> Option<InlineRefusal> {
        match Live::ready() {
            Ok(_) => known(hook).why,
            Err(why) => Some(why),
        }
    }

    /// Returns where the hook is, if it was planned.
    pub fn site(hook: HookId) -> Option<InlineSite> {
        Live::ready().ok()?;
        let detour = known(hook).detour?;
        Some(InlineSite {
            site: detour.site().0 as usize,
            displaced: *detour.displaced(),
        })
    }

    fn plan(live: &Live, hook: HookId) -> Result<Detour, InlineRefusal> {
        let id = hook.0;
        // SAFETY: The id is in range.
        if !unsafe { bindings::vk_hook_may_be_inline(id) } {
            return Err(InlineRefusal::Shadow);
        }
        if id as usize >= HOOKS_MAX {
            return Err(InlineRefusal::NoRoom);
        }
        // SAFETY: The id is in range, process context.
        if unsafe { bindings::vk_hook_is_patched(id) } {
            return Err(InlineRefusal::Patched);
        }
        let plan = live.plan(hook)?;
        // SAFETY: The id is in range.
        let stub = CodeAddr(unsafe { bindings::vk_hook_stub(id) });
        // SAFETY: The id is in range.
        let trampoline = CodeAddr(unsafe { bindings::vk_hook_trampoline(id) });
        // SAFETY:
        // - The plan is of all the function's bytes, by the kernel's own facts; functions of the
        //   kernel proper stay.
        // - The stub is the one for this function (c/series_*.c).
        // - Each hook has VK_TRAMPOLINE_BYTES of the module's text for itself.
        // - The module waits for RCU-tasks after the last removal (`vk_hooks_drain()`).
        unsafe { Detour::new(&plan, stub, trampoline) }.map_err(InlineRefusal::Plan)
    }

    fn put_in(live: &Live, hook: HookId) -> Result<(), InlineRefusal> {
        let Some(detour) = known(hook).detour else {
            return Err(InlineRefusal::NoLength);
        };
        // Static calls are direct ones.
        let to = detour.trampoline().direct().0;
        // SAFETY: The id is in range, process context. Nobody is in the stub, and nobody gets
        // there before the trampoline is written.
        unsafe { bindings::vk_hook_lead(hook.0, to) };
        let result = detour.activate(live);
        let is_in = result.map_or_else(|error| error.is_in, |()| true);
        if is_in {
            // SAFETY: The id is in range; the stub is reached.
            unsafe { bindings::vk_hook_enter(hook.0, bindings::VK_STATE_ARMED) };
        }
        result.map_err(InlineRefusal::Text)
    }

    fn take_out(live: &Live, hook: HookId) -> Result<(), InlineRefusal> {
        let Some(detour) = known(hook).detour else {
            return Ok(());
        };
        detour.remove(live).map_err(InlineRefusal::Text)?;
        // SAFETY: The id is in range; the site is restored.
        unsafe { bindings::vk_hook_enter(hook.0, bindings::VK_STATE_DRAINING) };
        Ok(())
    }
}

fn known(hook: HookId) -> Known {
    let text = TextGuard::lock();
    let known = HOOKS.get(&text).get(hook.0 as usize);
    known.copied().unwrap_or(Known::NOTHING)
}

fn remember(hook: HookId, change: impl FnOnce(&mut Known)) {
    let mut text = TextGuard::lock();
    if let Some(known) = HOOKS.get_mut(&mut text).get_mut(hook.0 as usize) {
        change(known);
    }
}

/// Remembers the refusal, or that there is none.
fn answer(hook: HookId, result: Result<(), InlineRefusal>) -> Result<(), i32> {
    remember(hook, |known| known.why = result.err());
    result.map_err(InlineRefusal::to_errno)
}

impl Backend for Inline {
    fn state(&self, hook: HookId) -> State {
        Ftrace.state(hook)
    }

    fn prepare(&self, hook: HookId) -> Result<(), i32> {
        let live = Live::ready().map_err(InlineRefusal::to_errno)?;
        match self.state(hook) {
            State::Planned => {}
            State::Armed => return Ok(()),
            State::Absent | State::Draining => return Err(-ENODEV),
        }
        let planned = Self::plan(&live, hook);
        remember(hook, |known| known.detour = planned.ok());
        answer(hook, planned.map(|_| ()))
    }

    fn arm(&self, hook: HookId) -> Result<(), i32> {
        let live = Live::ready().map_err(InlineRefusal::to_errno)?;
        match self.state(hook) {
            State::Planned => answer(hook, Self::put_in(&live, hook)),
            State::Armed => Ok(()),
            State::Absent | State::Draining => Err(-ENODEV),
        }
    }

    fn disarm(&self, hook: HookId) -> Result<(), i32> {
        let live = Live::ready().map_err(InlineRefusal::to_errno)?;
        match self.state(hook) {
            State::Armed => answer(hook, Self::take_out(&live, hook)),
            _ => Ok(()),
        }
    }

    fn drain(&self, timeout_ms: u32) -> Result<(), Sleeper> {
        Ftrace.drain(timeout_ms)
    }
}

/// The text of the running kernel.
///
/// # Invariants
///
/// What inline hooks need was found: c/inline.c is bound.
struct Live(());

impl Live {
    fn ready() -> Result<Self, InlineRefusal> {
        // SAFETY: Process context, as all of a back end.
        let missing = unsafe { bindings::vk_inline_refusal() };
        // SAFETY: A string literal of C.
        let missing = unsafe { CStr::from_ptr(missing) };
        match missing.to_str() {
            // INVARIANT: C says so.
            Ok("") => Ok(Self(())),
            Ok(name) => Err(InlineRefusal::Missing(name)),
            Err(_) => Err(InlineRefusal::Missing("a symbol")),
        }
    }

    /// Plans from the bytes that are there now.
    fn plan(&self, hook: HookId) -> Result<Plan, InlineRefusal> {
        let (head, parts) = Function::of(hook)?;
        let text = self.lock();
        let facts = LiveFacts(&text);
        let plan = Plan::new(head.bytes(&text), head.address(), &facts);
        let plan = plan.map_err(InlineRefusal::Plan)?;
        for part in parts.iter().flatten() {
            plan.check_part(part.bytes(&text), part.address(), &facts)
                .map_err(InlineRefusal::Plan)?;
        }
        Ok(plan)
    }
}

/// A function, or a part of one.
///
/// # Invariants
///
/// A symbol of the kernel proper and its length: text that is mapped for ever.
#[derive(Clone, Copy)]
struct Function {
    start: u64,
    len: usize,
}

impl Function {
    /// Finds a hook's function and its parts.
    fn of(hook: HookId) -> Result<(Self, [Option<Self>; PARTS_MAX]), InlineRefusal> {
        // SAFETY: The id is in range.
        let head = Self::at(unsafe { bindings::vk_hook_address(hook.0) })?;
        let mut starts = [0; PARTS_MAX];
        // SAFETY: The id is in range, and `starts` has the room given. Process context.
        let count =
            unsafe { bindings::vk_hook_parts(hook.0, starts.as_mut_ptr(), PARTS_MAX as u32) };
        if count as usize > PARTS_MAX {
            return Err(InlineRefusal::Parts(count));
        }
        let mut parts = [None; PARTS_MAX];
        for (part, start) in parts.iter_mut().zip(starts).take(count as usize) {
            *part = Some(Self::at(start)?);
        }
        Ok((head, parts))
    }

    fn at(start: u64) -> Result<Self, InlineRefusal> {
        // SAFETY: Process context.
        match unsafe { bindings::vk_function_len(start) } as usize {
            0 => Err(InlineRefusal::NoLength),
            // INVARIANT: The kernel's symbol table says so.
            len => Ok(Self { start, len }),
        }
    }

    const fn address(self) -> CodeAddr {
        CodeAddr(self.start)
    }

    fn bytes(self, _text: &TextGuard) -> &[u8] {
        let start = core::ptr::with_exposed_provenance(self.start as usize);
        // SAFETY: Mapped for ever (type invariant), and nobody writes text while the lock is held.
        unsafe { core::slice::from_raw_parts(start, self.len) }
    }
}

// SAFETY:
// - The lock is text_mutex, under which all text is changed, with kprobe_mutex around it, under
//   which all probes are registered.
// - `vk_text_sync()` interrupts every processor by IPI; the handler of a breakpoint has interrupts
//   off.
// - `synchronize_rcu_tasks()` waits for every task to switch voluntarily, and for all code that
//   runs with preemption off.
// - The die notifier sends a breakpoint at the site on, whatever the context.
unsafe impl Text for Live {
    type Lock<'t> = TextGuard;

    fn lock(&self) -> TextGuard {
        TextGuard::lock()
    }

    fn read(&self, _: &TextGuard, at: CodeAddr, bytes: &mut [u8]) -> Result<(), i32> {
        // SAFETY: The lock is held, and `bytes` has the length given.
        let result =
            unsafe { bindings::vk_text_read(at.0, bytes.as_mut_ptr(), bytes.len() as u32) };
        errno(result)
    }

    unsafe fn poke(&self, _: &TextGuard, at: CodeAddr, bytes: &[u8]) -> Result<(), i32> {
        // SAFETY: The lock is held, `bytes` has the length given, and the caller promises that
        // they may be there.
        errno(unsafe { bindings::vk_text_write(at.0, bytes.as_ptr(), bytes.len() as u32) })
    }

    fn sync(&self) {
        // SAFETY: Process context.
        unsafe { bindings::vk_text_sync() };
    }

    fn settle(&self) {
        // SAFETY: Process context, no lock held.
        unsafe { bindings::vk_hooks_synchronize() };
    }

    fn catch(&self, _: &TextGuard, site: CodeAddr, to: CodeAddr) -> Result<(), i32> {
        // SAFETY: The lock is held.
        errno(unsafe { bindings::vk_text_catch(site.0, to.0) })
    }

    fn release(&self, _: &TextGuard, site: CodeAddr) {
        // SAFETY: The lock is held.
        unsafe { bindings::vk_text_release(site.0) };
    }

    fn is_probed(&self, _: &TextGuard, start: CodeAddr, len: usize) -> bool {
        // SAFETY: The lock is held.
        unsafe { bindings::vk_text_is_probed(start.0, len as u32) }
    }
}

/// What the running kernel knows of its text, while the lock is held.
struct LiveFacts<'t>(
    #[expect(dead_code, reason = "it proves that the lock is held")] &'t TextGuard,
);

impl Facts for LiveFacts<'_> {
    fn reserved(&self, start: CodeAddr, len: usize) -> Option<Reserved> {
        // SAFETY: The lock is held.
        match unsafe { bindings::vk_text_owner(start.0, len as u32) } {
            bindings::VK_OWNER_NONE => None,
            bindings::VK_OWNER_FTRACE => Some(Reserved::Ftrace),
            bindings::VK_OWNER_JUMP_LABEL => Some(Reserved::JumpLabel),
            bindings::VK_OWNER_STATIC_CALL => Some(Reserved::StaticCall),
            bindings::VK_OWNER_ALTERNATIVE => Some(Reserved::Alternative),
            bindings::VK_OWNER_BUG => Some(Reserved::Bug),
            bindings::VK_OWNER_HOOK => Some(Reserved::Hook),
            _ => Some(Reserved::Kprobe),
        }
    }

    fn exception_fixup(&self, insn: CodeAddr) -> Option<CodeAddr> {
        // SAFETY: The lock is held.
        match unsafe { bindings::vk_text_fixup(insn.0) } {
            0 => None,
            fixup => Some(CodeAddr(fixup)),
        }
    }

    fn jump_tables(&self) -> JumpTables {
        // SAFETY: Any context.
        match unsafe { bindings::vk_text_has_jump_tables() } {
            true => JumpTables::Possible,
            false => JumpTables::Never,
        }
    }
}

fn errno(result: i32) -> Result<(), i32> {
    match result {
        0 => Ok(()),
        errno => Err(errno),
    }
}

const EBUSY: i32 = 16;
const ENODEV: i32 = 19;
const EOPNOTSUPP: i32 = 95;

impl InlineRefusal {
    /// Returns the negative errno.
    pub const fn to_errno(self) -> i32 {
        match self {
            Self::Missing(_) | Self::NoRoom | Self::NoLength => -ENODEV,
            Self::Shadow | Self::Parts(_) => -EOPNOTSUPP,
            Self::Patched => -EBUSY,
            Self::Plan(refusal) => refusal.to_errno(),
            Self::Text(error) => error.to_errno(),
        }
    }
}

impl fmt::Display for InlineRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shadow => f.write_str(
                "it answers for a gate, which a livepatch would go past an inline hook for; use ftrace",
            ),
            Self::Missing(name) => write!(f, "this kernel has no {name}"),
            Self::Patched => {
                f.write_str("a live patch has it, which leaves in front of an inline hook")
            }
            Self::NoRoom => write!(f, "only the first {HOOKS_MAX} hooks can be"),
            Self::NoLength => f.write_str("the kernel does not say where it ends"),
            Self::Parts(count) => write!(f, "it is in {count} parts"),
            Self::Plan(refusal) => refusal.fmt(f),
            Self::Text(error) => error.fmt(f),
        }
    }
}
