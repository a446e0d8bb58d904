//! Text of this process, executed by its threads while it is changed.
//!
//! A breakpoint raises SIGTRAP, whose handler stands for the kernel's die notifier. Threads say
//! when they are between two calls, which stands for a voluntary context switch.

use crate::function::{plan, CODE};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use vk_hook::plan::CodeAddr;
use vk_hook::{Detour, Text};

const PAGE: usize = 4096;
/// Offsets in the region: code on the first page, the stub's counter on the second.
const FUNCTION: usize = 0x100;
const STUB: usize = 0x200;
const TRAMPOLINE: usize = 0x300;
const COUNTER: usize = PAGE;

/// Where a breakpoint is caught, and where it leads.
static SITE: AtomicU64 = AtomicU64::new(0);
static TO: AtomicU64 = AtomicU64::new(0);
static CAUGHT: AtomicU64 = AtomicU64::new(0);

/// Two pages of a function, its stub and its trampoline.
pub(crate) struct Process {
    base: u64,
    lock: Mutex<()>,
    callers: Vec<Caller>,
    calls: AtomicUsize,
    fails: AtomicUsize,
}

/// A thread that calls the function and checks what it answers.
struct Caller {
    state: &'static CallerState,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct CallerState {
    calls: AtomicU64,
    stops: AtomicBool,
}

impl Process {
    /// Writes the function and its stub, and starts `callers` threads.
    pub(crate) fn start(callers: usize) -> Self {
        catch_breakpoints();
        register_for_core_sync();
        let mut process = Self {
            base: map(),
            lock: Mutex::new(()),
            callers: Vec::new(),
            calls: AtomicUsize::new(0),
            fails: AtomicUsize::new(usize::MAX),
        };
        process.write(FUNCTION, &CODE);
        process.write(STUB, &stub());
        let function = process.base + FUNCTION as u64;
        process.callers = (0..callers).map(|_| Caller::start(function)).collect();
        process
    }

    pub(crate) fn detour(&self) -> Detour {
        let at = |offset: usize| CodeAddr(self.base + offset as u64);
        let plan = plan(at(FUNCTION));
        // SAFETY: All three are in the region, which is never unmapped; the stub counts and goes
        // on to the trampoline, so it may stand in for the function.
        unsafe { Detour::new(&plan, at(STUB), at(TRAMPOLINE)) }.expect("in reach")
    }

    /// How often the stub was executed.
    pub(crate) fn hooked(&self) -> u64 {
        let counter = ptr::with_exposed_provenance::<AtomicU64>(self.base as usize + COUNTER);
        // SAFETY: The page is mapped for ever, and everybody changes the counter atomically.
        unsafe { &*counter }.load(Ordering::SeqCst)
    }

    /// How many breakpoints were met.
    pub(crate) fn caught() -> u64 {
        CAUGHT.load(Ordering::SeqCst)
    }

    pub(crate) fn function(&self) -> [u8; CODE.len()] {
        let from = ptr::with_exposed_provenance(self.base as usize + FUNCTION);
        // SAFETY: The region is mapped, and only this thread writes it.
        unsafe { ptr::read_volatile(from) }
    }

    /// Lets the call with this number from now on fail, and no other.
    pub(crate) fn fail_call(&self, number: usize) {
        self.calls.store(0, Ordering::SeqCst);
        self.fails.store(number, Ordering::SeqCst);
    }

    /// Waits until every thread called the function once more.
    pub(crate) fn wait_for_callers(&self) {
        for caller in &self.callers {
            // The call that is under way, and one more.
            let end = caller.state.calls.load(Ordering::SeqCst) + 2;
            while caller.state.calls.load(Ordering::SeqCst) < end {
                thread::yield_now();
            }
        }
    }

    fn call(&self) -> Result<(), i32> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        match number == self.fails.load(Ordering::SeqCst) {
            true => Err(-5),
            false => Ok(()),
        }
    }

    fn write(&self, at: usize, bytes: &[u8]) {
        assert!(at + bytes.len() <= PAGE);
        self.protect(libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC);
        for (at, byte) in (at..).zip(bytes) {
            let to = ptr::with_exposed_provenance_mut(self.base as usize + at);
            // SAFETY: It lies in the first page, which is writable now.
            unsafe { ptr::write_volatile::<u8>(to, *byte) };
        }
        self.protect(libc::PROT_READ | libc::PROT_EXEC);
    }

    fn protect(&self, protection: libc::c_int) {
        let page = ptr::with_exposed_provenance_mut(self.base as usize);
        // SAFETY: The page is ours; threads may execute it with either protection.
        let result = unsafe { libc::mprotect(page, PAGE, protection) };
        assert_eq!(result, 0);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        for caller in &mut self.callers {
            caller.state.stops.store(true, Ordering::SeqCst);
            let thread = caller.thread.take().expect("joined once");
            if !thread::panicking() {
                thread.join().expect("every answer was right");
            }
        }
    }
}

impl Caller {
    fn start(function: u64) -> Self {
        let state: &'static CallerState = Box::leak(Box::default());
        let function = ptr::with_exposed_provenance::<()>(function as usize);
        // SAFETY: The function at this address has this type.
        let function: extern "C" fn(u64) -> u64 = unsafe { std::mem::transmute(function) };
        let thread = Some(thread::spawn(move || state.run(function)));
        Self { state, thread }
    }
}

impl CallerState {
    fn run(&self, function: extern "C" fn(u64) -> u64) {
        let mut number = 0_u64;
        while !self.stops.load(Ordering::SeqCst) {
            let answer = function(number);
            assert_eq!(answer, number.wrapping_mul(3).wrapping_add(1));
            number = number.wrapping_add(0x1234_5678_9abc_def1);
            self.calls.fetch_add(1, Ordering::SeqCst);
        }
        // Nobody waits for a thread that has gone.
        self.calls.store(u64::MAX / 2, Ordering::SeqCst);
    }
}

// SAFETY: The mutex excludes other writers; `sync` serialises all processors that run this process
// and then waits until each thread is past any breakpoint it met; `settle` waits until each was
// between two calls; the handler of SIGTRAP sends whoever meets the breakpoint to the address.
unsafe impl Text for Process {
    type Lock<'t> = MutexGuard<'t, ()>;

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, _: &MutexGuard<'_, ()>, at: CodeAddr, bytes: &mut [u8]) -> Result<(), i32> {
        self.call()?;
        for (at, byte) in (at.0 as usize..).zip(bytes) {
            // SAFETY: The region is mapped, and only this thread writes it.
            *byte = unsafe { ptr::read_volatile(ptr::with_exposed_provenance(at)) };
        }
        Ok(())
    }

    unsafe fn poke(&self, _: &MutexGuard<'_, ()>, at: CodeAddr, bytes: &[u8]) -> Result<(), i32> {
        self.call()?;
        self.write((at.0 - self.base) as usize, bytes);
        Ok(())
    }

    fn sync(&self) {
        membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE);
        self.wait_for_callers();
    }

    fn settle(&self) {
        self.wait_for_callers();
    }

    fn catch(&self, _: &MutexGuard<'_, ()>, site: CodeAddr, to: CodeAddr) -> Result<(), i32> {
        self.call()?;
        TO.store(to.0, Ordering::SeqCst);
        SITE.store(site.0, Ordering::SeqCst);
        Ok(())
    }

    fn release(&self, _: &MutexGuard<'_, ()>, _: CodeAddr) {
        SITE.store(0, Ordering::SeqCst);
    }

    fn is_probed(&self, _: &MutexGuard<'_, ()>, _: CodeAddr, _: usize) -> bool {
        false
    }
}

/// `lock incq counter(%rip); jmp trampoline`
fn stub() -> Vec<u8> {
    let distance = |next: usize, target: usize| (target as i32 - next as i32).to_le_bytes();
    let mut bytes = vec![0xf0, 0x48, 0xff, 0x05];
    bytes.extend(distance(STUB + 8, COUNTER));
    bytes.push(0xe9);
    bytes.extend(distance(STUB + 13, TRAMPOLINE));
    bytes
}

fn map() -> u64 {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let all = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: A new mapping, at no address of ours.
    let base = unsafe { libc::mmap(ptr::null_mut(), 2 * PAGE, all, flags, -1, 0) };
    assert_ne!(base, libc::MAP_FAILED);
    base.expose_provenance() as u64
}

fn membarrier(command: libc::c_int) {
    // SAFETY: It has no arguments in memory.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
    assert_eq!(result, 0);
}

fn register_for_core_sync() {
    membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE);
}

fn catch_breakpoints() {
    // SAFETY: All zeroes is a value: no handler, no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_breakpoint as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: The handler has the prototype that SA_SIGINFO asks for.
    let result = unsafe { libc::sigaction(libc::SIGTRAP, &action, ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// Sends the thread on as the kernel's die notifier does, or lets the signal kill.
extern "C" fn on_breakpoint(
    signal: libc::c_int,
    _: *mut libc::siginfo_t,
    context: *mut libc::ucontext_t,
) {
    // SAFETY: The kernel gives it to handlers with SA_SIGINFO.
    let context = unsafe { &mut *context };
    let ip = &mut context.uc_mcontext.gregs[libc::REG_RIP as usize];
    if *ip as u64 != SITE.load(Ordering::SeqCst) + 1 {
        // SAFETY: The default action has no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        *ip -= 1;
        return;
    }
    CAUGHT.fetch_add(1, Ordering::SeqCst);
    *ip = TO.load(Ordering::SeqCst) as i64;
}
