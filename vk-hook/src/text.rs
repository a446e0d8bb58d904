//! Text of a running kernel: what changes it, and one function's share of it.
//!
//! This is the only file of the crate with `unsafe`: whoever makes a [`Detour`] promises what the
//! bytes cannot tell, and each write here says why the bytes may be there at that moment.

#![allow(unsafe_code)]

use crate::detour::{Cause, Form};
use crate::plan::{CodeAddr, Displaced, Offset, Patch, Plan, Refusal, Trampoline, DISPLACED_MAX};

/// `int3`.
const BREAKPOINT: u8 = 0xcc;

/// Text that others execute while it is changed.
///
/// Its functions run in process context and may sleep.
///
/// # Safety
///
/// - While a [`Lock`](Self::Lock) lives nobody else changes text, or registers a probe on it.
/// - [`sync`](Self::sync) returns after every processor executed a serialising instruction with
///   interrupts on or on its way back to them: none is in the handler of a breakpoint that was
///   written over before, and all execute what was written before.
/// - [`settle`](Self::settle) returns after every task that was in a function, or in a
///   trampoline, left it or went to sleep of its own will.
/// - Between [`catch`](Self::catch) and [`release`](Self::release) a breakpoint at the site leads
///   to the given address, with all registers and flags as they were, in any context.
pub unsafe trait Text {
    /// Keeps everybody else from changing text as long as it lives.
    type Lock<'t>
    where
        Self: 't;

    /// Waits until nobody else changes text. Not recursive.
    #[doc(alias = "text_mutex")]
    fn lock(&self) -> Self::Lock<'_>;

    /// Copies the bytes at `at`.
    ///
    /// # Errors
    ///
    /// A negative errno: they cannot be read.
    fn read(&self, lock: &Self::Lock<'_>, at: CodeAddr, bytes: &mut [u8]) -> Result<(), i32>;

    /// Writes `bytes` at `at`: a single byte, or bytes that nobody executes.
    ///
    /// # Errors
    ///
    /// A negative errno; nothing was written.
    ///
    /// # Safety
    ///
    /// Whoever executes text finds whole instructions in it that may be executed there: before,
    /// between and after the write, and whatever each processor has seen of it.
    #[doc(alias = "text_poke")]
    unsafe fn poke(&self, lock: &Self::Lock<'_>, at: CodeAddr, bytes: &[u8]) -> Result<(), i32>;

    /// Makes every processor see what was written.
    #[doc(alias = "smp_text_poke_sync_each_cpu")]
    fn sync(&self);

    /// Waits until every task that is in a function or a trampoline left it.
    #[doc(alias = "synchronize_rcu_tasks")]
    fn settle(&self);

    /// Sends whoever meets a breakpoint at `site` to `to`.
    ///
    /// # Errors
    ///
    /// A negative errno: nobody is sent.
    #[doc(alias = "register_die_notifier")]
    fn catch(&self, lock: &Self::Lock<'_>, site: CodeAddr, to: CodeAddr) -> Result<(), i32>;

    /// Ends [`catch`](Self::catch).
    fn release(&self, lock: &Self::Lock<'_>, site: CodeAddr);

    /// Whether a probe is on one of the `len` bytes at `start`, be it on or off.
    #[doc(alias = "get_kprobe")]
    fn is_probed(&self, lock: &Self::Lock<'_>, start: CodeAddr, len: usize) -> bool;
}

/// An inline hook: a jump over the first instructions of a function, and the way to the original.
///
/// [`activate`](Self::activate) and [`remove`](Self::remove) write it; it has no state of its
/// own but what is in the text.
///
/// # Invariants
///
/// - The plan is of a function that is mapped, and was true to its bytes and to the kernel.
/// - The stub may stand in for the function: it is reached with the function's arguments.
/// - The trampoline's place is text of ours, as long as the trampoline.
/// - All three stay while the jump is in the text, and until [`Text::settle`] has returned after
///   it was taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detour {
    displaced: Displaced,
    patch: Patch,
    trampoline: Trampoline,
}

/// Which bytes stand behind the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// The function's own.
    Original,
    /// The jump's distance.
    Jump,
}

impl Detour {
    /// Describes the hook of `plan`, which leads to `stub`; writes nothing.
    ///
    /// # Errors
    ///
    /// `stub` or the function is 2 GiB or more away.
    ///
    /// # Safety
    ///
    /// - The plan was made of a function that is mapped and executed, from all its bytes, by
    ///   facts that hold.
    /// - `stub` may be executed instead of the function.
    /// - At `trampoline` are [`TRAMPOLINE_MAX`](crate::plan::TRAMPOLINE_MAX) bytes of text that
    ///   nobody else writes, and nobody executes but by this hook.
    /// - All of it stays until [`Text::settle`] has returned after the last [`remove`](Self::remove).
    pub unsafe fn new(plan: &Plan, stub: CodeAddr, trampoline: CodeAddr) -> Result<Self, Refusal> {
        // INVARIANT: By the contract of this function.
        Ok(Self {
            displaced: *plan.displaced(),
            patch: plan.patch(stub)?,
            trampoline: plan.trampoline(trampoline)?,
        })
    }

    /// Returns where the jump is written.
    pub const fn site(&self) -> CodeAddr {
        self.patch.address()
    }

    /// Returns the way to the original.
    pub const fn trampoline(&self) -> &Trampoline {
        &self.trampoline
    }

    /// Returns the instructions that the jump displaces.
    pub const fn displaced(&self) -> &Displaced {
        &self.displaced
    }

    /// Reads what is at the site.
    pub(crate) fn form<T: Text>(&self, text: &T, lock: &T::Lock<'_>) -> Result<Form, Cause> {
        let mut bytes = [0; DISPLACED_MAX];
        let bytes = bytes
            .get_mut(..self.displaced.bytes().len())
            .unwrap_or_default();
        text.read(lock, self.site(), bytes).map_err(Cause::Text)?;
        Ok(self.form_of(bytes))
    }

    fn form_of(&self, bytes: &[u8]) -> Form {
        let (original, jump) = (self.displaced.bytes(), self.patch.bytes());
        let head = bytes.first_chunk().copied().unwrap_or_default();
        let foreign = Form::Foreign { found: head };
        if bytes.get(jump.len()..) != original.get(jump.len()..) {
            return foreign;
        }
        let tail = head.get(1..);
        let is_tail_ours = tail == jump.get(1..) || tail == original.get(1..jump.len());
        if head == self.patch.original() {
            Form::Original
        } else if head == jump {
            Form::Jump
        } else if head.first() == Some(&BREAKPOINT) && is_tail_ours {
            Form::Breakpoint
        } else {
            foreign
        }
    }

    /// Writes the trampoline, if it is not there already.
    ///
    /// Nobody is in it: the caller has waited since the hook was in.
    pub(crate) fn write_trampoline<T: Text>(
        &self,
        text: &T,
        lock: &T::Lock<'_>,
    ) -> Result<(), Cause> {
        let mut there = [0; crate::plan::TRAMPOLINE_MAX];
        let new = self.trampoline.bytes();
        let there = there.get_mut(..new.len()).unwrap_or_default();
        let at = self.trampoline.address();
        text.read(lock, at, there).map_err(Cause::Text)?;
        if there == new {
            return Ok(());
        }
        // SAFETY: Nobody executes it: only this hook leads there (type invariant), which is not
        // in, and was settled since it was.
        unsafe { text.poke(lock, at, new) }.map_err(Cause::Text)
    }

    /// Writes the breakpoint over the first byte.
    ///
    /// The caller has begun to catch it.
    pub(crate) fn write_breakpoint<T: Text>(
        &self,
        text: &T,
        lock: &T::Lock<'_>,
    ) -> Result<(), Cause> {
        // SAFETY: One byte, at the start of an instruction: before and after it is whole, and who
        // meets the breakpoint goes to the trampoline, which does what stood here.
        unsafe { text.poke(lock, self.site(), &[BREAKPOINT]) }.map_err(Cause::Text)
    }

    /// Writes the bytes behind the first.
    ///
    /// The caller has written the breakpoint, synchronised, and settled if the tail becomes the
    /// jump's.
    pub(crate) fn write_tail<T: Text>(
        &self,
        text: &T,
        lock: &T::Lock<'_>,
        tail: Tail,
    ) -> Result<(), Cause> {
        let bytes = self.bytes(tail);
        let at = self.site().at(Offset(1));
        // SAFETY: Nobody executes them: the breakpoint stands before them on every processor, no
        // branch leads among them (invariant of a plan), and who was among them has left.
        unsafe { text.poke(lock, at, bytes.get(1..).unwrap_or_default()) }.map_err(Cause::Text)
    }

    /// Writes the first byte over the breakpoint.
    ///
    /// The caller has written its tail, and synchronised.
    pub(crate) fn write_first<T: Text>(
        &self,
        text: &T,
        lock: &T::Lock<'_>,
        tail: Tail,
    ) -> Result<(), Cause> {
        let bytes = self.bytes(tail);
        // SAFETY: One byte, with which the bytes behind it, which every processor sees, are whole
        // instructions: the jump to a stub that may stand in, or those of the function.
        unsafe { text.poke(lock, self.site(), bytes.get(..1).unwrap_or_default()) }
            .map_err(Cause::Text)
    }

    fn bytes(&self, tail: Tail) -> [u8; 5] {
        match tail {
            Tail::Original => self.patch.original(),
            Tail::Jump => self.patch.bytes(),
        }
    }
}
