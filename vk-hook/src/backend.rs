//! What a group of hooks needs from a kernel.

/// The number of a hook in its back end's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HookId(pub u32);

/// Where one hook is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its symbol does not fit this kernel.
    Absent,
    /// Resolved; the site is untouched.
    Planned,
    /// The site leads to the stub, and was read back.
    Armed,
    /// The site is restored; tasks may still be inside.
    Draining,
}

impl State {
    /// Returns the word users see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Planned => "planned",
            Self::Armed => "armed",
            Self::Draining => "draining",
        }
    }
}

/// A task that sleeps inside a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sleeper {
    /// Its pid in the initial namespace, 0 if too many sleep to know.
    pub pid: i32,
    /// The hook it is inside of.
    pub hook: HookId,
}

/// Diverts functions of a kernel: ftrace's direct jumps, or our own inline hooks.
///
/// All functions run in process context and may sleep; the caller serialises them.
pub trait Backend {
    /// Where the hook is.
    fn state(&self, hook: HookId) -> State;

    /// Checks what can be checked, and takes what must be taken, before any function is diverted.
    ///
    /// # Errors
    ///
    /// As [`arm`](Self::arm) would.
    fn prepare(&self, _hook: HookId) -> Result<(), i32> {
        Ok(())
    }

    /// Diverts the function, and reads the site back.
    ///
    /// If it fails, the hook is out, unless [`state`](Self::state) still says [`State::Armed`].
    ///
    /// # Errors
    ///
    /// A negative errno: `-EBUSY` when somebody else diverts the function or
    /// `kernel.ftrace_enabled` is 0, `-ENODEV` when the hook is absent, `-EILSEQ` when the site
    /// reads back wrong.
    fn arm(&self, hook: HookId) -> Result<(), i32>;

    /// Restores the site.
    ///
    /// # Errors
    ///
    /// A negative errno; the site is still ours and the stub must stay.
    fn disarm(&self, hook: HookId) -> Result<(), i32>;

    /// Waits until no task runs in a stub, or sleeps in a handler.
    ///
    /// # Errors
    ///
    /// One of the tasks that still sleep after `timeout_ms`.
    fn drain(&self, timeout_ms: u32) -> Result<(), Sleeper>;
}

impl<B: Backend> Backend for &B {
    fn state(&self, hook: HookId) -> State {
        (**self).state(hook)
    }

    fn prepare(&self, hook: HookId) -> Result<(), i32> {
        (**self).prepare(hook)
    }

    fn arm(&self, hook: HookId) -> Result<(), i32> {
        (**self).arm(hook)
    }

    fn disarm(&self, hook: HookId) -> Result<(), i32> {
        (**self).disarm(hook)
    }

    fn drain(&self, timeout_ms: u32) -> Result<(), Sleeper> {
        (**self).drain(timeout_ms)
    }
}
