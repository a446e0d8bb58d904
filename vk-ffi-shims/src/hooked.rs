//! All hooks of a module, in as long as a value lives.

use core::fmt;

use crate::words::Words;
use crate::{bindings, build, resolve, sleep_ms, ControlGuard, Ftrace};
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
        const ENODEV: i32 = 19;
        match self {
            Self::NoSymbols { errno } | Self::Busy { errno, .. } => errno,
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
/// It is for modules that have one set of hooks. Those that put some in and others out have
/// [`Group`](vk_hook::Group)s.
#[derive(Debug)]
pub struct Hooked(Option<Group<'static, Ftrace, Armed>>);

impl Hooked {
    /// Finds the functions and diverts all of them, or none. May sleep.
    ///
    /// # Errors
    ///
    /// The first that does not fit, or cannot be had; the log says so too.
    pub fn arm() -> Result<Self, HookError> {
        Self::try_arm().inspect_err(|error| {
            let mut words = Words::new();
            // `Words` take everything.
            let _ = fmt::Write::write_fmt(&mut words, format_args!("{error}"));
            let text = words.bytes();
            // SAFETY: `text` has the length given.
            unsafe { bindings::vk_say_error(text.as_ptr(), text.len() as u64) };
        })
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
        match Group::new(Ftrace, Ftrace::hooks()).arm() {
            Ok(armed) => Ok(Self(Some(armed))),
            Err((draining, error)) => {
                // Those that were in already are out again, but somebody may be inside.
                drain(draining);
                Err(HookError::Busy {
                    symbol: symbol(error.hook),
                    errno: error.errno,
                })
            }
        }
    }
}

fn symbol(hook: HookId) -> &'static str {
    Ftrace::info(hook).map_or("a hook", |info| info.symbol)
}

/// How long one attempt waits for who is inside.
const WAIT_MS: u32 = 1000;

fn drain(mut draining: Group<'static, Ftrace, Draining>) {
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
