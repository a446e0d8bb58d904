//! Text on paper: every change is judged by what another processor could be doing.

use crate::function::{plan, CODE, DISPLACED, SITE};
use std::cell::{Cell, RefCell};
use vk_hook::plan::CodeAddr;
use vk_hook::{Detour, Text};

const FUNCTION: u64 = 0x1000;
const STUB: CodeAddr = CodeAddr(0x2000);
const TRAMPOLINE: CodeAddr = CodeAddr(0x3000);
const BREAKPOINT: u8 = 0xcc;
const EIO: i32 = 5;

/// What somebody else does to the function.
type Meddle = fn(&mut [u8]);

/// Text, and what is known of those who execute it.
#[derive(Default)]
pub(crate) struct Paper {
    seen: RefCell<Seen>,
    is_locked: Cell<bool>,
    /// The calls that may fail, counted, and which of them do: from, to.
    calls: Cell<usize>,
    fails: Cell<(usize, usize)>,
    /// What somebody else does while tasks are waited for.
    meddles: Cell<Option<Meddle>>,
    /// A probe comes while tasks are waited for.
    is_probed_later: Cell<bool>,
    is_probed: Cell<bool>,
}

#[derive(Default)]
struct Seen {
    function: Vec<u8>,
    trampoline: Vec<u8>,
    /// Who meets the breakpoint is sent to the trampoline.
    is_caught: bool,
    /// Written, and not seen by every processor yet.
    is_fresh: bool,
    /// Nobody is among the displaced instructions: settled since the breakpoint was seen, and the
    /// function's own first byte was not there since.
    is_empty: bool,
    /// What was done, in words.
    steps: Vec<&'static str>,
}

pub(crate) struct Lock<'p>(&'p Paper);

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        self.0.is_locked.set(false);
    }
}

impl Paper {
    pub(crate) fn new() -> Self {
        let paper = Self::default();
        paper.fails.set((usize::MAX, usize::MAX));
        let mut seen = paper.seen.borrow_mut();
        seen.function = CODE.to_vec();
        seen.trampoline = vec![BREAKPOINT; 64];
        drop(seen);
        paper
    }

    /// Lets calls number `from` to `to` fail.
    pub(crate) fn failing(from: usize, to: usize) -> Self {
        let paper = Self::new();
        paper.fails.set((from, to));
        paper
    }

    pub(crate) fn meddled_with(meddle: Meddle) -> Self {
        let paper = Self::new();
        paper.meddles.set(Some(meddle));
        paper
    }

    pub(crate) fn probed_while_settling() -> Self {
        let paper = Self::new();
        paper.is_probed_later.set(true);
        paper
    }

    /// Lets the calls from now on succeed, or calls `from` to `to` of those fail.
    pub(crate) fn fail_next(&self, from: usize, to: usize) {
        self.calls.set(0);
        self.fails.set((from, to));
    }

    pub(crate) fn detour(&self) -> Detour {
        // SAFETY: Nobody executes paper.
        unsafe { Detour::new(&plan(CodeAddr(FUNCTION)), STUB, TRAMPOLINE) }.expect("in reach")
    }

    pub(crate) fn function(&self) -> Vec<u8> {
        self.seen.borrow().function.clone()
    }

    pub(crate) fn meddle(&self, meddle: Meddle) {
        meddle(&mut self.seen.borrow_mut().function);
    }

    pub(crate) fn probe(&self, is_probed: bool) {
        self.is_probed.set(is_probed);
    }

    pub(crate) fn is_caught(&self) -> bool {
        self.seen.borrow().is_caught
    }

    pub(crate) fn steps(&self) -> Vec<&'static str> {
        self.seen.borrow().steps.clone()
    }

    /// Counts a call that may fail.
    fn call(&self) -> Result<(), i32> {
        let call = self.calls.get();
        self.calls.set(call + 1);
        let (from, to) = self.fails.get();
        match (from..to).contains(&call) {
            true => Err(-EIO),
            false => Ok(()),
        }
    }
}

impl Seen {
    fn has_breakpoint(&self) -> bool {
        self.function[SITE] == BREAKPOINT
    }

    fn write_trampoline(&mut self, bytes: &[u8]) {
        assert_eq!(self.function, CODE, "the trampoline may be executed");
        self.trampoline[..bytes.len()].copy_from_slice(bytes);
        self.is_fresh = true;
        self.steps.push("trampoline");
    }

    fn write_first(&mut self, byte: u8) {
        if byte == BREAKPOINT {
            assert!(self.is_caught, "nobody sends a breakpoint's task anywhere");
            assert!(!self.is_fresh, "the trampoline is not seen by everybody");
            self.steps.push("breakpoint");
        } else {
            assert!(
                self.has_breakpoint(),
                "the first byte without the breakpoint"
            );
            assert!(!self.is_fresh, "the tail is not seen by everybody");
            self.is_empty = byte == 0xe9;
            self.steps.push(match byte {
                0xe9 => "jump",
                _ => "first",
            });
        }
        self.function[SITE] = byte;
        self.is_fresh = true;
    }

    fn write_tail(&mut self, bytes: &[u8]) {
        assert!(self.has_breakpoint(), "the tail may be executed");
        assert!(!self.is_fresh, "the breakpoint is not seen by everybody");
        let tail = SITE + 1..SITE + 1 + bytes.len();
        let is_original = bytes == &CODE[tail.clone()];
        assert!(
            is_original || self.is_empty,
            "a task may be among the displaced instructions"
        );
        self.function[tail].copy_from_slice(bytes);
        self.is_fresh = true;
        self.steps.push(match is_original {
            true => "own tail",
            false => "jump's tail",
        });
    }
}

// SAFETY: Nobody executes paper, so there is nobody who could see a wrong order but the asserts.
unsafe impl Text for Paper {
    type Lock<'t> = Lock<'t>;

    fn lock(&self) -> Lock<'_> {
        assert!(!self.is_locked.replace(true), "locked twice");
        Lock(self)
    }

    fn read(&self, _: &Lock<'_>, at: CodeAddr, bytes: &mut [u8]) -> Result<(), i32> {
        self.call()?;
        let seen = self.seen.borrow();
        let (from, start) = match at >= TRAMPOLINE {
            true => (&seen.trampoline, TRAMPOLINE),
            false => (&seen.function, CodeAddr(FUNCTION)),
        };
        let at = at.offset_from(start).0;
        bytes.copy_from_slice(&from[at..at + bytes.len()]);
        Ok(())
    }

    unsafe fn poke(&self, _: &Lock<'_>, at: CodeAddr, bytes: &[u8]) -> Result<(), i32> {
        self.call()?;
        let mut seen = self.seen.borrow_mut();
        match at.0.wrapping_sub(FUNCTION + SITE as u64) {
            _ if at == TRAMPOLINE => seen.write_trampoline(bytes),
            0 if bytes.len() == 1 => seen.write_first(bytes[0]),
            1 if bytes.len() == 4 => seen.write_tail(bytes),
            _ => panic!("{bytes:02x?} at {at:?}"),
        }
        Ok(())
    }

    fn sync(&self) {
        self.seen.borrow_mut().is_fresh = false;
    }

    fn settle(&self) {
        assert!(!self.is_locked.get(), "waits for tasks that wait for it");
        let mut seen = self.seen.borrow_mut();
        seen.steps.push("settle");
        seen.is_empty = !seen.is_fresh && seen.has_breakpoint();
        if let Some(meddle) = self.meddles.take() {
            meddle(&mut seen.function);
        }
        self.is_probed.set(self.is_probed_later.take());
    }

    fn catch(&self, _: &Lock<'_>, site: CodeAddr, to: CodeAddr) -> Result<(), i32> {
        self.call()?;
        assert_eq!((site.0, to), (FUNCTION + SITE as u64, TRAMPOLINE));
        self.seen.borrow_mut().is_caught = true;
        Ok(())
    }

    fn release(&self, _: &Lock<'_>, _: CodeAddr) {
        let mut seen = self.seen.borrow_mut();
        assert!(
            !seen.has_breakpoint() && !seen.is_fresh,
            "somebody may meet the breakpoint still"
        );
        seen.is_caught = false;
    }

    fn is_probed(&self, _: &Lock<'_>, start: CodeAddr, len: usize) -> bool {
        assert_eq!((start.0, len), (FUNCTION + SITE as u64, DISPLACED));
        self.is_probed.get()
    }
}
