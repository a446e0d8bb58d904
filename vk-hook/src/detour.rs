//! An inline hook goes in and comes out while others execute the function.

use crate::text::{Detour, Tail, Text};
use core::fmt;

/// What stands at the site of a [`Detour`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The function's own bytes.
    Original,
    /// Our jump.
    Jump,
    /// A breakpoint before either: a change that could be neither completed nor undone.
    Breakpoint,
    /// Somebody else's.
    Foreign {
        /// The first five bytes.
        found: [u8; 5],
    },
}

/// Why a [`Detour`] was not put in or taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetourError {
    /// Why.
    pub cause: Cause,
    /// Whether something of the hook is in the text still: the jump, or a breakpoint by which the
    /// function works, through the trampoline. Stub and trampoline must stay;
    /// [`Detour::remove`] may be tried again.
    pub is_in: bool,
}

/// What kept a [`Detour`] from being put in or taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The bytes at the site are not those that were expected.
    Found(Form),
    /// A probe is on one of the displaced bytes, and will write back what it found there.
    Probed,
    /// The text could not be read or written, or a breakpoint not be caught: a negative errno.
    Text(i32),
}

impl Detour {
    /// Puts the jump in, in the order in which kprobes puts its own in.
    ///
    /// 1. The bytes are those of the plan, and no probe is on them. The trampoline is written.
    /// 2. A breakpoint alone, which leads to the trampoline; every processor sees it.
    /// 3. Tasks that were preempted among the displaced instructions leave them.
    /// 4. The bytes are verified once more: others could change them meanwhile.
    /// 5. The jump's last four bytes; every processor sees them.
    /// 6. The jump's first byte; every processor sees it. Nobody is in the breakpoint's handler.
    ///
    /// If it is not the first time, the caller has waited by [`Text::settle`] since
    /// [`remove`](Self::remove).
    ///
    /// # Errors
    ///
    /// The first step that failed; those before it are undone, and nobody is in the trampoline,
    /// unless [`DetourError::is_in`] says otherwise.
    #[doc(alias = "kprobe_optimizer")]
    #[doc(alias = "arch_optimize_kprobes")]
    pub fn activate<T: Text>(&self, text: &T) -> Result<(), DetourError> {
        let is_in = false;
        self.begin(text, &text.lock())
            .map_err(|cause| DetourError { cause, is_in })?;
        text.settle();
        let result = self.complete_or_back_out(text, &text.lock());
        if result.is_err() {
            // Whom the breakpoint sent to the trampoline.
            text.settle();
        }
        result
    }

    /// Takes the jump out.
    ///
    /// Nobody is among its bytes: it is one instruction. Tasks may be in the stub and in the
    /// trampoline, until the caller has waited by [`Text::settle`].
    ///
    /// 1. The bytes are ours, and no probe is on them.
    /// 2. A breakpoint, which leads to the trampoline; every processor sees it.
    /// 3. The function's own bytes behind the first; every processor sees them.
    /// 4. Its first byte; every processor sees it. Nobody is in the breakpoint's handler.
    ///
    /// # Errors
    ///
    /// - [`Cause::Found`]: somebody else patched over the jump. It is left as it is.
    /// - [`Cause::Probed`]: a probe would write the jump back.
    /// - [`Cause::Text`]: the first step that failed; the jump is in again, or a breakpoint if that
    ///   failed too.
    #[doc(alias = "arch_unoptimize_kprobe")]
    pub fn remove<T: Text>(&self, text: &T) -> Result<(), DetourError> {
        let lock = text.lock();
        self.take_out(text, &lock)
            .map_err(|cause| DetourError { cause, is_in: true })
    }

    /// Reads what stands at the site now.
    ///
    /// # Errors
    ///
    /// A negative errno: it cannot be read.
    pub fn look<T: Text>(&self, text: &T) -> Result<Form, i32> {
        let lock = text.lock();
        self.form(text, &lock).map_err(|cause| match cause {
            Cause::Text(errno) => errno,
            _ => -EBUSY,
        })
    }

    /// Steps 1 and 2 of activation.
    fn begin<T: Text>(&self, text: &T, lock: &T::Lock<'_>) -> Result<(), Cause> {
        match self.form(text, lock)? {
            Form::Original => {}
            found => return Err(Cause::Found(found)),
        }
        self.check_probes(text, lock)?;
        self.write_trampoline(text, lock)?;
        // The trampoline is executed from the breakpoint on.
        text.sync();
        self.catch(text, lock)?;
        if let Err(cause) = self.write_breakpoint(text, lock) {
            text.release(lock, self.site());
            return Err(cause);
        }
        text.sync();
        Ok(())
    }

    /// Steps 4 to 6 of activation.
    fn complete<T: Text>(&self, text: &T, lock: &T::Lock<'_>) -> Result<(), Cause> {
        match self.form(text, lock)? {
            Form::Breakpoint => {}
            found => return Err(Cause::Found(found)),
        }
        self.check_probes(text, lock)?;
        self.write_tail(text, lock, Tail::Jump)?;
        text.sync();
        self.write_first(text, lock, Tail::Jump)?;
        text.sync();
        text.release(lock, self.site());
        Ok(())
    }

    /// Steps 4 to 6 of activation, or step 2 undone, and 5 if it was done.
    fn complete_or_back_out<T: Text>(
        &self,
        text: &T,
        lock: &T::Lock<'_>,
    ) -> Result<(), DetourError> {
        let Err(cause) = self.complete(text, lock) else {
            return Ok(());
        };
        // What is not ours stays as it is, and so does what a second failure leaves.
        let is_ours = matches!(self.form(text, lock), Ok(Form::Breakpoint));
        let is_in = !is_ours || self.write(text, lock, Tail::Original).is_err();
        if !is_in {
            text.release(lock, self.site());
        }
        Err(DetourError { cause, is_in })
    }

    /// All of removal.
    fn take_out<T: Text>(&self, text: &T, lock: &T::Lock<'_>) -> Result<(), Cause> {
        match self.form(text, lock)? {
            Form::Original => return Ok(()),
            Form::Jump | Form::Breakpoint => {}
            found => return Err(Cause::Found(found)),
        }
        self.check_probes(text, lock)?;
        self.catch(text, lock)?;
        let result = self.write(text, lock, Tail::Original);
        // What fails twice leaves the breakpoint, which is caught.
        if result.is_ok() || self.write(text, lock, Tail::Jump).is_ok() {
            text.release(lock, self.site());
        }
        result
    }

    /// Writes all five bytes, breakpoint first: the jump over the original, or the other way round.
    fn write<T: Text>(&self, text: &T, lock: &T::Lock<'_>, tail: Tail) -> Result<(), Cause> {
        self.write_breakpoint(text, lock)?;
        text.sync();
        self.write_tail(text, lock, tail)?;
        text.sync();
        self.write_first(text, lock, tail)?;
        text.sync();
        Ok(())
    }

    fn catch<T: Text>(&self, text: &T, lock: &T::Lock<'_>) -> Result<(), Cause> {
        text.catch(lock, self.site(), self.trampoline().address())
            .map_err(Cause::Text)
    }

    fn check_probes<T: Text>(&self, text: &T, lock: &T::Lock<'_>) -> Result<(), Cause> {
        match text.is_probed(lock, self.site(), self.displaced().bytes().len()) {
            true => Err(Cause::Probed),
            false => Ok(()),
        }
    }
}

const EBUSY: i32 = 16;

impl DetourError {
    /// Returns the negative errno.
    pub const fn to_errno(self) -> i32 {
        match self.cause {
            Cause::Found(_) | Cause::Probed => -EBUSY,
            Cause::Text(errno) => errno,
        }
    }
}

impl fmt::Display for DetourError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)?;
        match self.is_in {
            true => f.write_str("; the hook is in still"),
            false => Ok(()),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(form) => form.fmt(f),
            Self::Probed => f.write_str("a kprobe is on the displaced instructions"),
            Self::Text(errno) => write!(f, "the text could not be changed: errno {errno}"),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Original => f.write_str("the function's own bytes are there"),
            Self::Jump => f.write_str("our jump is there already"),
            Self::Breakpoint => f.write_str("a breakpoint of ours is there"),
            Self::Foreign { found } => {
                write!(f, "somebody else's bytes are there: {found:02x?}")
            }
        }
    }
}

impl core::error::Error for DetourError {}
