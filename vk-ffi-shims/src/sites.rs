//! The hooks of c/series_*.c, each by the back end that was chosen for it.

use crate::bindings;
use crate::ftrace::{Ftrace, StubKind};
use crate::inline::Inline;
use core::ffi::CStr;
use vk_hook::{Backend, HookId, Sleeper, State};

/// The hooks of c/series_*.c, each by the back end that was chosen for it.
///
/// The choice is the module parameter `backend`, or one for the hook.
#[derive(Clone, Copy, Debug)]
pub struct Sites;

/// What a hook may go in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Choice {
    /// [`Ftrace`]; [`Inline`] where somebody else diverts the function by ftrace, unless the hook
    /// answers for a gate.
    Auto = bindings::VK_CHOICE_AUTO,
    /// [`Ftrace`] alone.
    Ftrace = bindings::VK_CHOICE_FTRACE,
    /// [`Inline`]; [`Ftrace`] where that is refused. The module parameter `backend=inline`.
    Prefer = bindings::VK_CHOICE_PREFER,
    /// [`Inline`] alone.
    Inline = bindings::VK_CHOICE_INLINE,
}

impl Choice {
    /// What may be chosen for one hook.
    const EACH: [Self; 3] = [Self::Auto, Self::Ftrace, Self::Inline];

    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ftrace => "ftrace",
            Self::Prefer | Self::Inline => "inline",
        }
    }

    /// Returns the choice for one hook with that word.
    pub fn from_name(word: &[u8]) -> Option<Self> {
        Self::EACH
            .into_iter()
            .find(|choice| choice.as_str().as_bytes() == word)
    }
}

impl Sites {
    /// Returns what the hook may go in by.
    pub fn choice(hook: HookId) -> Choice {
        // SAFETY: The id is that of a hook.
        match unsafe { bindings::vk_hook_choice(hook.0) } {
            bindings::VK_CHOICE_AUTO => Choice::Auto,
            bindings::VK_CHOICE_PREFER => Choice::Prefer,
            bindings::VK_CHOICE_INLINE => Choice::Inline,
            _ => Choice::Ftrace,
        }
    }

    /// Chooses what the hook goes in by from now on. The caller serialises changes.
    ///
    /// # Errors
    ///
    /// A negative errno: `-EBUSY`, the hook is in; `-EOPNOTSUPP`, it answers for a gate.
    pub fn choose(hook: HookId, choice: Choice) -> Result<(), i32> {
        const EOPNOTSUPP: i32 = 95;
        if choice == Choice::Inline && !may_be_inline(hook) {
            return Err(-EOPNOTSUPP);
        }
        // SAFETY: The id is that of a hook.
        match unsafe { bindings::vk_hook_choose(hook.0, choice as u32) } {
            0 => Ok(()),
            errno => Err(errno),
        }
    }

    /// Returns the word for what the hook is in by, or may go in by.
    pub fn backend(hook: HookId) -> &'static str {
        match Ftrace.state(hook) {
            State::Armed | State::Draining if is_inline(hook) => Choice::Inline.as_str(),
            State::Armed | State::Draining => Choice::Ftrace.as_str(),
            _ => Self::choice(hook).as_str(),
        }
    }

    /// Tells whether the hook is in, or was last, by [`Inline`].
    pub fn is_inline(hook: HookId) -> bool {
        is_inline(hook)
    }

    /// Tells whether it was tried to put the hook in by [`Inline`], or will be.
    pub fn wants_inline(hook: HookId) -> bool {
        match Self::choice(hook) {
            Choice::Ftrace => false,
            Choice::Prefer | Choice::Inline => true,
            // SAFETY: The id is that of a hook.
            Choice::Auto => may_be_inline(hook) && unsafe { bindings::vk_hook_is_shared(hook.0) },
        }
    }

    /// Returns the address of the stub where callers arrive.
    pub fn stub(hook: HookId) -> usize {
        // SAFETY: The id is that of a hook.
        unsafe { bindings::vk_hook_stub(hook.0) as usize }
    }

    /// Returns the address of the room for the hook's trampoline.
    pub fn trampoline(hook: HookId) -> usize {
        // SAFETY: The id is that of a hook.
        unsafe { bindings::vk_hook_trampoline(hook.0) as usize }
    }

    /// Calls `then` with the stub of another module that has the function, if one has.
    pub fn rival<T>(hook: HookId, then: impl FnOnce(&str) -> T) -> Option<T> {
        // SAFETY: The id is that of a hook; the caller serialises, as for all of a back end.
        let name = unsafe { bindings::vk_hook_rival(hook.0) };
        // SAFETY: A C string in a buffer that nobody writes before the next call.
        let name = unsafe { CStr::from_ptr(name) };
        name.to_str().ok().filter(|name| !name.is_empty()).map(then)
    }

    /// Tells whether a hook of another module is on the function.
    pub fn has_rival(hook: HookId) -> bool {
        Self::rival(hook, |_| ()).is_some()
    }
}

fn is_inline(hook: HookId) -> bool {
    // SAFETY: The id is that of a hook.
    unsafe { bindings::vk_hook_backend(hook.0) == bindings::VK_BACKEND_INLINE }
}

/// Remembers the back end that the hook will go in by.
fn decide(hook: HookId, is_inline: bool) {
    let backend = match is_inline {
        true => bindings::VK_BACKEND_INLINE,
        false => bindings::VK_BACKEND_FTRACE,
    };
    // SAFETY: The id is that of a hook.
    unsafe { bindings::vk_hook_decide(hook.0, backend) };
}

fn may_be_inline(hook: HookId) -> bool {
    Ftrace::info(hook).is_some_and(|info| info.kind != StubKind::Shadow)
}

impl Backend for Sites {
    fn state(&self, hook: HookId) -> State {
        Ftrace.state(hook)
    }

    fn prepare(&self, hook: HookId) -> Result<(), i32> {
        const EEXIST: i32 = 17;
        if self.state(hook) != State::Planned {
            return Ok(());
        }
        if Self::has_rival(hook) {
            return Err(-EEXIST);
        }
        let is_inline = Self::wants_inline(hook) && {
            let result = Inline.prepare(hook);
            if Self::choice(hook) != Choice::Prefer {
                result?;
            }
            result.is_ok()
        };
        decide(hook, is_inline);
        Ok(())
    }

    fn arm(&self, hook: HookId) -> Result<(), i32> {
        // SAFETY: The id is that of a hook.
        match unsafe { bindings::vk_hook_next(hook.0) } {
            bindings::VK_BACKEND_INLINE => Inline.arm(hook),
            _ => Ftrace.arm(hook),
        }
    }

    fn disarm(&self, hook: HookId) -> Result<(), i32> {
        match is_inline(hook) {
            true => Inline.disarm(hook),
            false => Ftrace.disarm(hook),
        }
    }

    fn drain(&self, timeout_ms: u32) -> Result<(), Sleeper> {
        Ftrace.drain(timeout_ms)
    }
}
