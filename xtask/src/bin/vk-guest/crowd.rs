//! Many pid namespaces, each with one tiny process: no program, no memory of its own.

#![allow(unsafe_code)]

use std::arch::asm;
use std::fs;
use std::io;

use anyhow::{ensure, Context, Result};

use crate::calls::wait_for;
use crate::mapping::Mapping;

/// What a process has for a stack.
const STACK_BYTES: usize = 4096;

/// What limits the number of namespaces, and what it is raised to.
const LIMITS: &[(&str, &str)] = &[
    ("/proc/sys/kernel/pid_max", "4194304"),
    ("/proc/sys/kernel/threads-max", "200000"),
    ("/proc/sys/user/max_pid_namespaces", "200000"),
];

/// Namespaces that live; they end when they are let go.
#[derive(Debug)]
pub(crate) struct Crowd {
    pids: Vec<i32>,
    /// Where their processes stand.
    _stacks: Mapping,
}

impl Crowd {
    /// Makes `count` of them.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn gather(count: usize) -> Result<Self> {
        for (path, value) in LIMITS {
            fs::write(path, value).with_context(|| format!("cannot write {value} to {path}"))?;
        }
        let stacks = Mapping::new(count.max(1) * STACK_BYTES, rustix::mm::MapFlags::NORESERVE)?;
        let mut crowd = Self {
            pids: Vec::with_capacity(count),
            _stacks: stacks,
        };
        for number in 1..=count {
            let top = crowd._stacks.address() as usize + number * STACK_BYTES;
            let pid = clone(stays, top);
            crowd
                .pids
                .push(pid.with_context(|| format!("namespace {number}"))?);
        }
        Ok(crowd)
    }

    /// Returns their processes, as the host numbers them.
    pub(crate) fn pids(&self) -> &[i32] {
        &self.pids
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for pid in &self.pids {
            // SAFETY: A child of ours that nobody has waited for: no other process has this number.
            unsafe { libc::kill(*pid, libc::SIGKILL) };
        }
        for pid in &self.pids {
            if let Err(error) = wait_for(*pid) {
                eprintln!("vk-guest: {error}");
            }
        }
    }
}

/// Makes a namespace whose process ends at once, and waits for that.
///
/// # Errors
///
/// The kernel's.
pub(crate) fn come_and_go() -> Result<()> {
    let mut stack = [0_u128; STACK_BYTES / size_of::<u128>()];
    let top = stack.as_mut_ptr_range().end as usize;
    let status = wait_for(clone(ends, top)?)?;
    ensure!(status == 0, "the process ended with {status}");
    Ok(())
}

/// Starts `life` on its own stack as process 1 of a new pid namespace, in this process's memory.
fn clone(life: extern "C" fn(*mut libc::c_void) -> libc::c_int, top: usize) -> io::Result<i32> {
    let flags = libc::CLONE_NEWPID | libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_FS;
    let top = (top as *mut libc::c_void).cast();
    // SAFETY: The stack is the new process's alone for as long as it lives (by the callers), and it
    // does nothing but one system call, without a look at this process's memory.
    let pid = unsafe { libc::clone(life, top, flags | libc::SIGCHLD, std::ptr::null_mut()) };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(pid),
    }
}

/// Waits for ever. The C library's would write to this process's `errno`.
extern "C" fn stays(_: *mut libc::c_void) -> libc::c_int {
    loop {
        // SAFETY: pause(2) touches no memory; the kernel changes rcx and r11.
        unsafe {
            asm!("syscall", inout("rax") libc::SYS_pause => _, out("rcx") _, out("r11") _);
        }
    }
}

extern "C" fn ends(_: *mut libc::c_void) -> libc::c_int {
    // SAFETY: exit(2) ends this task alone, which shares memory but is a process of its own.
    unsafe {
        asm!("syscall", in("rax") libc::SYS_exit, in("rdi") 0, options(noreturn));
    }
}
