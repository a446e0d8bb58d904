//! All hooks of a module, in as long as a value lives.

use core::fmt;

use crate::words::Words;
use crate::{
    bindings, build, resolve, sleep_ms, ControlGuard, Ftrace, Inline, InlineRefusal, Sites,
};
use vk_hook::{Armed, Draining, Group, HookId};

/// Why the hooks of a module did not go in. None of them is in.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum HookError {
    /// The kernel's symbol table cannot be read.
    NoSymbols {
        /// The negative errno.
        errno: i32,
    },
    /// The module was built for another build of the kernel.
    OtherKernel(build::Mismatch),
    /// A function does not fit.
    Refused {
        /// The function.
        symbol: &'static str,
        /// Why.
        why: &'static str,
    },
    /// A hook of another module has the function, by either back end.
    Taken {
        /// The function.
        symbol: &'static str,
        /// Whose.
        rival: Rival,
    },
    /// It was to go in by back end P alone.
    Inline {
        /// The function.
        symbol: &'static str,
        /// Why it did not.
        why: InlineRefusal,
    },
    /// Somebody else has the function, or ftrace is off.
    Busy {
        /// The function.
        symbol: &'static str,
        /// The negative errno.
        errno: i32,
    },
}

impl HookError {
    /// Returns the negative errno.
    pub const fn to_errno(self) -> i32 {
        const EBUSY: i32 = 16;
        const ENODEV: i32 = 19;
        match self {
            Self::NoSymbols { errno } | Self::Busy { errno, .. } => errno,
            Self::Taken { .. } => -EBUSY,
            Self::Inline { why, .. } => why.to_errno(),
            Self::OtherKernel(_) | Self::Refused { .. } => -ENODEV,
        }
    }
}

impl fmt::Display for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSymbols { errno } => write!(f, "the kernel's symbols cannot be read: {errno}"),
            Self::OtherKernel(mismatch) => write!(f, "{mismatch}"),
            Self::Refused { symbol, why } => write!(f, "{symbol}: {why}"),
            Self::Taken { symbol, rival } => {
                write!(f, "{symbol}: a hook of another module has it: {rival}")
            }
            Self::Inline { symbol, why } => write!(f, "{symbol} cannot be hooked inline: {why}"),
            Self::Busy { symbol, errno } => {
                write!(
                    f,
                    "{symbol}: somebody else diverts it, or ftrace is off: {errno}"
                )
            }
        }
    }
}

impl core::error::Error for HookError {}

/// The stub of another module: its name, and the module's behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rival {
    name: [u8; Self::ROOM],
    len: usize,
}

impl Rival {
    const ROOM: usize = 80;

    /// Takes what fits of a name.
    fn named(name: &str) -> Self {
        let mut rival = Self {
            name: [0; Self::ROOM],
            len: name.len().min(Self::ROOM),
        };
        for (slot, byte) in rival.name.iter_mut().zip(name.bytes()) {
            *slot = byte;
        }
        rival
    }
}

impl fmt::Display for Rival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.get(..self.len).unwrap_or_default();
        f.write_str(core::str::from_utf8(name).unwrap_or_default())
    }
}

impl fmt::Debug for Rival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<HookError> for kernel::error::Error {
    fn from(error: HookError) -> Self {
        Self::from_errno(error.to_errno())
    }
}

/// The hooks of a module's lines, which are in while it lives.
///
/// Keep it in the module's own value: dropping it takes the hooks out and waits until nobody is
/// inside, however long that takes. Process context.
///
/// By which back end they go in says the module's parameter `backend`; see [`Sites`].
///
/// It is for modules that have one set of hooks. Those that put some in and others out have
/// [`Group`](vk_hook::Group)s.
#[derive(Debug)]
pub struct Hooked(Option<Group<'static, Sites, Armed>>);

impl Hooked {
    /// Finds the functions and diverts all of them, or none. May sleep.
    ///
    /// # Errors
    ///
    /// The first that does not fit, or cannot be had; the log says so too.
    pub fn arm() -> Result<Self, HookError> {
        Self::try_arm().inspect_err(|error| say(true, format_args!("{error}")))
    }

    fn try_arm() -> Result<Self, HookError> {
        match build::check(build::allows_btf()) {
            // A tree that records no kernel: the lines are compared with the running one's BTF.
            Ok(()) | Err(build::Mismatch::NotRecorded) => {}
            Err(mismatch) => return Err(HookError::OtherKernel(mismatch)),
        }
        resolve().map_err(|errno| HookError::NoSymbols { errno })?;
        let outcome = Self::arm_planned();
        if outcome.is_err() {
            Ftrace::barrier();
        }
        outcome
    }

    fn arm_planned() -> Result<Self, HookError> {
        for info in Ftrace::ids().filter_map(Ftrace::info) {
            if !info.refusal.is_empty() {
                let (symbol, why) = (info.symbol, info.refusal);
                return Err(HookError::Refused { symbol, why });
            }
        }
        let _control = ControlGuard::lock();
        match Group::new(Sites, Ftrace::hooks()).arm() {
            Ok(armed) => {
                tell_who_is_not_inline();
                Ok(Self(Some(armed)))
            }
            Err((draining, error)) => {
                // Those that were in already are out again, but somebody may be inside.
                drain(draining);
                Err(why_not(error.hook, error.errno))
            }
        }
    }
}

/// Says why a hook was refused.
fn why_not(hook: HookId, errno: i32) -> HookError {
    let symbol = symbol(hook);
    if let Some(rival) = Sites::rival(hook, Rival::named) {
        return HookError::Taken { symbol, rival };
    }
    let inline = Sites::wants_inline(hook).then(|| Inline::why(hook));
    match inline.flatten() {
        Some(why) => HookError::Inline { symbol, why },
        None => HookError::Busy { symbol, errno },
    }
}

/// Names the hooks that were to be inline, with `backend=inline`, and went in by ftrace.
fn tell_who_is_not_inline() {
    for hook in Ftrace::ids() {
        if !Sites::wants_inline(hook) || Sites::is_inline(hook) {
            continue;
        }
        if let Some(why) = Inline::why(hook) {
            let symbol = symbol(hook);
            say(
                false,
                format_args!("{symbol} is hooked by ftrace, not inline: {why}"),
            );
        }
    }
}

/// Writes a line to the kernel's log.
fn say(is_error: bool, line: fmt::Arguments<'_>) {
    let mut words = Words::new();
    // `Words` take everything.
    let _ = fmt::Write::write_fmt(&mut words, line);
    let text = words.bytes();
    // SAFETY: `text` has the length given.
    unsafe { bindings::vk_say(is_error, text.as_ptr(), text.len() as u64) };
}

fn symbol(hook: HookId) -> &'static str {
    Ftrace::info(hook).map_or("a hook", |info| info.symbol)
}

/// How long one attempt waits for who is inside.
const WAIT_MS: u32 = 1000;

fn drain(mut draining: Group<'static, Sites, Draining>) {
    while let Err((still, _asleep)) = draining.drain(WAIT_MS) {
        draining = still;
    }
}

impl Drop for Hooked {
    fn drop(&mut self) {
        let mut armed = self.0.take();
        while let Some(group) = armed.take() {
            let _control = ControlGuard::lock();
            match group.disarm() {
                Ok(draining) => drain(draining),
                // A site that is not ours any more: the exit of a module cannot fail, and code that is
                // in use cannot go.
                Err((group, _stuck)) => {
                    armed = Some(group);
                    sleep_ms(WAIT_MS);
                }
            }
        }
        Ftrace::barrier();
    }
}
