//! Memory to execute functions in, and the way in and out.

use fastrand::Rng;
use std::arch::{global_asm, is_x86_feature_detected};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Length of the region, in which nothing else is.
const REGION: usize = 1 << 30;
/// What lies around it and faults: a function may add any 32 bits, even times eight, to a pointer.
const GUARD: usize = 1 << 36;
const PAGE: usize = 4096;
/// Where functions are, in the region.
const CODE: usize = 0;
/// Where functions work: two pages for pointers, and one for the stack.
const DATA: usize = 0x1000_0000;
pub(crate) const DATA_LEN: usize = 3 * PAGE;
/// What the exits write to and read from.
const CONTROL: usize = 0x2000_0000;
/// Where trampolines and stubs are: far from the functions.
const TRAMPOLINES: usize = 0x3000_0000;

/// What goes into the processor and comes out. The assembly below knows the offsets.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Frame {
    registers: [u64; 16],
    flags: u64,
    entry: u64,
    own_stack: u64,
    has_avx: u64,
    fault: u64,
    padding: [u64; 3],
    fx: [u8; 512],
}

/// The only frame; the holder of [`Machine`] owns it.
struct FrameCell(UnsafeCell<Frame>);

// SAFETY: Only the holder of the lock in `Machine` uses it, and the handler on the same thread.
unsafe impl Sync for FrameCell {}

static FRAME: FrameCell = FrameCell(UnsafeCell::new(Frame {
    registers: [0; 16],
    flags: 0,
    entry: 0,
    own_stack: 0,
    has_avx: 0,
    fault: 0,
    padding: [0; 3],
    fx: [0; 512],
}));

/// Whether a fault belongs to a function under test.
static IS_RUNNING: AtomicBool = AtomicBool::new(false);

global_asm!(
    ".globl vk_execute_run",
    "vk_execute_run:",
    "push rbx; push rbp; push r12; push r13; push r14; push r15",
    "mov [rip + {f} + 144], rsp",
    "cmp qword ptr [rip + {f} + 152], 0",
    "je 2f",
    "vzeroall",
    "2:",
    "fxrstor64 [rip + {f} + 192]",
    "push qword ptr [rip + {f} + 128]",
    "popfq",
    "mov rax, [rip + {f}]",
    "mov rcx, [rip + {f} + 8]",
    "mov rdx, [rip + {f} + 16]",
    "mov rbx, [rip + {f} + 24]",
    "mov rsp, [rip + {f} + 32]",
    "mov rbp, [rip + {f} + 40]",
    "mov rsi, [rip + {f} + 48]",
    "mov rdi, [rip + {f} + 56]",
    "mov r8, [rip + {f} + 64]",
    "mov r9, [rip + {f} + 72]",
    "mov r10, [rip + {f} + 80]",
    "mov r11, [rip + {f} + 88]",
    "mov r12, [rip + {f} + 96]",
    "mov r13, [rip + {f} + 104]",
    "mov r14, [rip + {f} + 112]",
    "mov r15, [rip + {f} + 120]",
    "jmp [rip + {f} + 136]",
    ".globl vk_execute_land",
    "vk_execute_land:",
    "mov [rip + {f}], rax",
    "mov [rip + {f} + 8], rcx",
    "mov [rip + {f} + 16], rdx",
    "mov [rip + {f} + 24], rbx",
    "mov [rip + {f} + 32], rsp",
    "mov [rip + {f} + 40], rbp",
    "mov [rip + {f} + 48], rsi",
    "mov [rip + {f} + 56], rdi",
    "mov [rip + {f} + 64], r8",
    "mov [rip + {f} + 72], r9",
    "mov [rip + {f} + 80], r10",
    "mov [rip + {f} + 88], r11",
    "mov [rip + {f} + 96], r12",
    "mov [rip + {f} + 104], r13",
    "mov [rip + {f} + 112], r14",
    "mov [rip + {f} + 120], r15",
    "mov rsp, [rip + {f} + 144]",
    "pushfq",
    "pop qword ptr [rip + {f} + 128]",
    "cld",
    "fxsave64 [rip + {f} + 192]",
    "fninit",
    "pop r15; pop r14; pop r13; pop r12; pop rbp; pop rbx",
    "ret",
    f = sym FRAME,
);

extern "C" {
    fn vk_execute_run();
    fn vk_execute_land();
}

/// What a function starts with.
#[derive(Clone)]
pub(crate) struct Start {
    registers: [u64; 16],
    flags: u64,
    fx: [u8; 512],
}

/// What a function left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) registers: [u64; 16],
    pub(crate) flags: u64,
    pub(crate) fx: Vec<u8>,
    pub(crate) data: Vec<u8>,
    /// The exit it took.
    pub(crate) exit: u32,
    /// Whether it came through the stub.
    pub(crate) was_hooked: bool,
    /// Where it faulted, or 0.
    pub(crate) fault: u64,
}

/// The memory in which functions run.
pub(crate) struct Machine {
    base: u64,
    /// What functions find in memory: as addresses, these words lead nowhere.
    data: Vec<u8>,
}

impl Machine {
    /// Waits for the only machine, and makes it fit for this thread.
    pub(crate) fn lock() -> MutexGuard<'static, Self> {
        static MACHINE: OnceLock<Mutex<Machine>> = OnceLock::new();
        let machine = MACHINE.get_or_init(|| Mutex::new(Self::new()));
        let machine = machine.lock().unwrap_or_else(PoisonError::into_inner);
        catch_faults();
        machine
    }

    fn new() -> Self {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let len = GUARD + REGION + GUARD;
        // Where it is free, as usual, a failure happens again.
        let hint = ptr::without_provenance_mut(0x2000_0000_0000);
        // SAFETY: A new mapping, at no address of ours.
        let all = unsafe { libc::mmap(hint, len, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(all, libc::MAP_FAILED);
        let mut rng = Rng::with_seed(1);
        let words = (0..DATA_LEN / 8).flat_map(|_| rng.u64(..).to_le_bytes());
        let machine = Self {
            base: all as u64 + GUARD as u64,
            data: words.collect(),
        };
        machine.protect(DATA, DATA_LEN, libc::PROT_READ | libc::PROT_WRITE);
        machine.protect(CONTROL, PAGE, libc::PROT_READ | libc::PROT_WRITE);
        let land = vk_execute_land as *const () as u64;
        machine.put(CONTROL + 8, &land.to_le_bytes());
        machine
    }

    pub(crate) fn code(&self) -> u64 {
        self.base + CODE as u64
    }

    pub(crate) fn trampolines(&self) -> u64 {
        self.base + TRAMPOLINES as u64
    }

    pub(crate) fn data(&self) -> u64 {
        self.base + DATA as u64
    }

    /// The word into which an exit writes its number.
    pub(crate) fn exit(&self) -> u64 {
        self.base + CONTROL as u64
    }

    /// The address of the way out.
    pub(crate) fn land(&self) -> u64 {
        self.exit() + 8
    }

    /// The word into which the stub writes.
    pub(crate) fn mark(&self) -> u64 {
        self.exit() + 16
    }

    /// Writes code at `address`, in the page of functions or in that of trampolines.
    pub(crate) fn write_code(&self, address: u64, bytes: &[u8]) {
        let at = (address - self.base) as usize;
        let page = at & !(PAGE - 1);
        assert!(at + bytes.len() <= page + PAGE && (page == CODE || page == TRAMPOLINES));
        self.protect(page, PAGE, libc::PROT_READ | libc::PROT_WRITE);
        self.put(at, bytes);
        self.protect(page, PAGE, libc::PROT_READ | libc::PROT_EXEC);
    }

    /// Chooses what a function starts with.
    pub(crate) fn start(&self, rng: &mut Rng) -> Start {
        let middle = self.data() + PAGE as u64;
        let mut registers = [0; 16];
        for register in &mut registers {
            *register = match rng.usize(..8) {
                0 => rng.usize(..9) as u64,
                1 => rng.u64(..),
                _ => middle - 1024 + 8 * rng.usize(..256) as u64,
            };
        }
        registers[4] = self.data() + (2 * PAGE + PAGE / 2 + 8) as u64;
        let mut fx = [0; 512];
        fx[..2].copy_from_slice(&0x37f_u16.to_le_bytes());
        fx[24..28].copy_from_slice(&0x1f80_u32.to_le_bytes());
        fx[160..416].fill_with(|| rng.u8(..));
        Start {
            registers,
            // Carry, parity, adjust, zero, sign, direction seldom, overflow; interrupts are on.
            flags: 0x202 | rng.u64(..) & 0x8d5 | u64::from(rng.u8(..8) == 0) << 10,
            fx,
        }
    }

    /// Runs what is at `entry`.
    pub(crate) fn run(&mut self, start: &Start, entry: u64) -> Outcome {
        self.put(DATA, &self.data);
        self.put(CONTROL, &u32::MAX.to_le_bytes());
        self.put(CONTROL + 16, &[0; 4]);
        let frame = Frame {
            registers: start.registers,
            flags: start.flags,
            entry,
            own_stack: 0,
            has_avx: is_x86_feature_detected!("avx").into(),
            fault: 0,
            padding: [0; 3],
            fx: start.fx,
        };
        // SAFETY: `self` is borrowed mutably, so nobody else uses the frame.
        unsafe { FRAME.0.get().write(frame) };
        IS_RUNNING.store(true, Ordering::SeqCst);
        // SAFETY: It saves what the ABI asks for, and the function leaves by an exit or a fault,
        // both of which come back to it. It writes to the region alone.
        unsafe { vk_execute_run() };
        IS_RUNNING.store(false, Ordering::SeqCst);
        // SAFETY: As above.
        let frame = unsafe { FRAME.0.get().read() };
        self.outcome(&frame)
    }

    fn outcome(&self, frame: &Frame) -> Outcome {
        let mut fx = frame.fx[..416].to_vec();
        // The address and opcode of the last x87 instruction.
        fx[6..24].fill(0);
        let word = |at| u32::from_le_bytes(self.get(at, 4).try_into().unwrap());
        Outcome {
            registers: frame.registers,
            flags: frame.flags,
            fx,
            data: self.get(DATA, DATA_LEN),
            exit: word(CONTROL),
            was_hooked: word(CONTROL + 16) != 0,
            fault: frame.fault,
        }
    }

    fn protect(&self, at: usize, len: usize, protection: libc::c_int) {
        assert!(at + len <= REGION);
        let address = (self.base as usize + at) as *mut libc::c_void;
        // SAFETY: It lies in the region, which is ours and holds no Rust value.
        let result = unsafe { libc::mprotect(address, len, protection) };
        assert_eq!(result, 0);
    }

    fn put(&self, at: usize, bytes: &[u8]) {
        assert!(at + bytes.len() <= REGION);
        let to = (self.base as usize + at) as *mut u8;
        // SAFETY: It lies in the region, and callers made it writable.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }

    fn get(&self, at: usize, len: usize) -> Vec<u8> {
        assert!(at + len <= REGION);
        let mut bytes = vec![0; len];
        let from = (self.base as usize + at) as *const u8;
        // SAFETY: It lies in the region, and callers made it readable.
        unsafe { ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), len) };
        bytes
    }
}

/// Sends this thread's faults in functions to the way out, with a stack of their own.
fn catch_faults() {
    let stack = libc::stack_t {
        ss_sp: Box::leak(vec![0_u8; 1 << 16].into_boxed_slice())
            .as_mut_ptr()
            .cast(),
        ss_flags: 0,
        ss_size: 1 << 16,
    };
    // SAFETY: The stack is leaked: it stays as long as the thread.
    let result = unsafe { libc::sigaltstack(&stack, ptr::null_mut()) };
    assert_eq!(result, 0);
    let faults = [
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGILL,
        libc::SIGFPE,
        libc::SIGTRAP,
    ];
    for signal in faults {
        catch(signal);
    }
}

fn catch(signal: libc::c_int) {
    // SAFETY: All zeroes is a value: no handler, no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_fault as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: The handler has the prototype that SA_SIGINFO asks for.
    let result = unsafe { libc::sigaction(signal, &action, ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// Goes on at the way out if a function under test faulted, else lets the signal kill.
extern "C" fn on_fault(
    signal: libc::c_int,
    _: *mut libc::siginfo_t,
    context: *mut libc::ucontext_t,
) {
    if !IS_RUNNING.swap(false, Ordering::SeqCst) {
        // SAFETY: The default action has no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        return;
    }
    // SAFETY: The kernel gives it to handlers with SA_SIGINFO.
    let context = unsafe { &mut *context };
    let ip = &mut context.uc_mcontext.gregs[libc::REG_RIP as usize];
    let fault = FRAME
        .0
        .get()
        .wrapping_byte_add(std::mem::offset_of!(Frame, fault));
    // SAFETY: The thread that owns the frame is in a function under test: this one.
    unsafe { fault.cast::<u64>().write(*ip as u64) };
    *ip = vk_execute_land as *const () as i64;
}
