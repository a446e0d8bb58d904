//! A process at random: what it does with its memory and its children until it is told to pause.
//!
//! The same seed does the same, as long as nothing is refused.

#![allow(unsafe_code)]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use fastrand::Rng;
use rustix::process::{kill_process, Pid, Signal};

use crate::calls::{fork, wait_for, Fork};
use crate::door::number;
use crate::mapping::Mapping;
use crate::sequence::{Area, Range};
use crate::ways::grows_stack;

/// What it has at most of each.
const MOST: usize = 3;

/// Room that the allocator keeps, so that a walker does not end where memory is refused.
const SLACK_BYTES: usize = 4 << 20;

/// How deep the stack of a walker is from the start, likewise.
const STACK_BYTES: usize = 256 << 10;

const PAGE_BYTES: usize = 4096;

/// Kinds of memory that a range may get.
const KINDS: &[i32] = &[
    libc::MAP_PRIVATE,
    libc::MAP_PRIVATE,
    libc::MAP_PRIVATE | libc::MAP_NORESERVE,
    libc::MAP_SHARED,
    libc::MAP_SHARED | libc::MAP_NORESERVE,
];

/// A walker and all it has.
pub(crate) struct Walk {
    rng: Rng,
    area: Area,
    heap: Heap,
    children: Vec<i32>,
    segments: Vec<Mapping>,
    files: Vec<File>,
}

impl Walk {
    /// Gets ready.
    ///
    /// # Errors
    ///
    /// The addresses are taken.
    pub(crate) fn begin(seed: u64) -> io::Result<Self> {
        keep_slack();
        grows_stack(STACK_BYTES);
        Ok(Self {
            rng: Rng::with_seed(seed),
            area: Area::reserve()?,
            heap: Heap::default(),
            children: Vec::with_capacity(MOST),
            segments: Vec::with_capacity(MOST),
            files: Vec::with_capacity(MOST),
        })
    }

    /// Goes so many steps; returns a line for each: what it was, and the error's number or 0; of a fork,
    /// how many steps of the child were refused.
    ///
    /// # Errors
    ///
    /// What is not a refusal.
    pub(crate) fn goes(&mut self, steps: u64) -> io::Result<String> {
        let mut told = String::with_capacity(SLACK_BYTES / 16);
        for _ in 0..steps {
            let (what, result) = self.step()?;
            let _ = writeln!(told, "{what} {result}");
        }
        Ok(told)
    }

    fn step(&mut self) -> io::Result<(&'static str, i32)> {
        Ok(match self.rng.u32(0..16) {
            0..=8 => self.memory_step(),
            9 => ("brk", self.heap.moves(&mut self.rng)),
            10 | 11 => ("fork", self.forks()?),
            12 => ("exec", self.executes()?),
            13 => ("exit", self.ends_one()?),
            14 => ("segment", self.segment()),
            _ => ("file", self.file()?),
        })
    }

    /// What a child does too.
    fn memory_step(&mut self) -> (&'static str, i32) {
        let (area, rng) = (&self.area, &mut self.rng);
        let range = Range::any(rng);
        match rng.u32(0..8) {
            0..=2 => {
                let kind = *rng.choice(KINDS).unwrap_or(&libc::MAP_PRIVATE);
                ("map", area.map_as(range, kind))
            }
            3 => ("unmap", area.unmap(range)),
            4 | 5 => ("protect", area.protect(range, rng.bool())),
            _ => ("remap", area.remap(range, Range::any(rng))),
        }
    }

    /// A child has all that its parent has, changes some of it, and stays.
    fn forks(&mut self) -> io::Result<i32> {
        if self.children.len() == MOST {
            return self.ends_one();
        }
        let seed = self.rng.u64(..);
        let (mut done, ready) = UnixStream::pair()?;
        match fork() {
            Ok(Fork::Child) => self.lives(seed, ready),
            Ok(Fork::Parent(child)) => {
                drop(ready);
                self.children.push(child);
                let mut refused = [0];
                // A child whose stack was refused says nothing.
                let said = done.read(&mut refused)?;
                Ok(if said == 1 { i32::from(refused[0]) } else { -1 })
            }
            Err(error) => Ok(number(error)),
        }
    }

    fn lives(&mut self, seed: u64, mut ready: impl Write) -> ! {
        const STEPS: u32 = 8;
        self.rng = Rng::with_seed(seed);
        let mut refused = 0;
        for _ in 0..STEPS {
            let (_, result) = self.memory_step();
            refused += u8::from(result == libc::ENOMEM);
        }
        grows_stack(self.rng.usize(1..8) * STACK_BYTES);
        let _ = ready.write_all(&[refused]);
        drop(ready);
        loop {
            std::thread::park();
        }
    }

    /// Another program, which maps and stays.
    fn executes(&mut self) -> io::Result<i32> {
        if self.children.len() == MOST {
            return self.ends_one();
        }
        let mib = self.rng.u32(1..16).to_string();
        let spawned = Command::new("/proc/self/exe")
            .args(["act", "map", &mib, "hold"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => return Ok(number(error)),
        };
        self.children.push(child.id() as i32);
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        // A program that may not have what it needs ends, and says nothing.
        BufReader::with_capacity(64, stdout).read_line(&mut line)?;
        Ok(match line.trim() {
            "map=ok" => 0,
            "" => -1,
            _ => libc::ENOMEM,
        })
    }

    fn ends_one(&mut self) -> io::Result<i32> {
        if self.children.is_empty() {
            return Ok(0);
        }
        let child = self
            .children
            .swap_remove(self.rng.usize(..self.children.len()));
        // One that has ended already cannot be killed, and is waited for all the same.
        let _ = Pid::from_raw(child).map(|pid| kill_process(pid, Signal::KILL));
        wait_for(child).map(|_| 0)
    }

    fn segment(&mut self) -> i32 {
        if self.segments.len() == MOST {
            self.segments.swap_remove(self.rng.usize(..MOST));
            return 0;
        }
        match Mapping::sysv(self.rng.usize(1..2048) * PAGE_BYTES) {
            Ok(segment) => {
                self.segments.push(segment);
                0
            }
            Err(error) => error.raw_os_error(),
        }
    }

    /// Shared memory that is charged page by page.
    fn file(&mut self) -> io::Result<i32> {
        if self.files.len() == MOST {
            self.files.swap_remove(self.rng.usize(..MOST));
            return Ok(0);
        }
        let mut file = File::from(rustix::fs::memfd_create(
            "walk",
            rustix::fs::MemfdFlags::CLOEXEC,
        )?);
        let mut result = 0;
        for _ in 0..self.rng.usize(1..32) {
            if let Err(error) = file.write_all(&[1; PAGE_BYTES]) {
                result = number(error);
                break;
            }
        }
        self.files.push(file);
        Ok(result)
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        while !self.children.is_empty() {
            if let Err(error) = self.ends_one() {
                eprintln!("vk-guest: a child of a walker: {error}");
            }
        }
    }
}

/// What a walker has of the heap, beyond what the allocator has.
#[derive(Default)]
struct Heap {
    end: usize,
    bytes: usize,
}

impl Heap {
    /// Grows, or shrinks again if nobody has grown it since; returns 0 or the error's number.
    fn moves(&mut self, rng: &mut Rng) -> i32 {
        let moved = match self.bytes != 0 && Self::now() == self.end {
            true => Self::by(-(self.bytes as isize)).map(|()| 0),
            false => {
                let bytes = rng.usize(1..512) * PAGE_BYTES;
                Self::by(bytes as isize).map(|()| bytes)
            }
        };
        match moved {
            Ok(bytes) => {
                self.bytes = bytes;
                self.end = Self::now();
                0
            }
            Err(error) => number(error),
        }
    }

    fn now() -> usize {
        // SAFETY: Only asks.
        unsafe { libc::sbrk(0) as usize }
    }

    fn by(bytes: isize) -> io::Result<()> {
        // SAFETY: The allocator sees a break that has moved and goes on behind it; what is given back
        // was taken here, and nobody refers to it.
        match unsafe { libc::sbrk(bytes) } as isize {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }
}

/// Lets the allocator have some memory that it does not give back.
fn keep_slack() {
    // SAFETY: Two numbers of the allocator's.
    unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX) };
    // SAFETY: As above.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, i32::MAX) };
    drop(std::hint::black_box(vec![0_u8; SLACK_BYTES]));
}
