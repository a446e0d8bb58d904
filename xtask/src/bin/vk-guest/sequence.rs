//! A random sequence of mappings, faults and advice, and all that the kernel says of it afterwards.
//!
//! The same seed does the same, at the same addresses: two runs may be compared word for word.

#![allow(unsafe_code)]

use std::fmt::Write;
use std::fs;
use std::io;
use std::ptr;

use fastrand::Rng;

use crate::calls::{fork, wait_for, Fork};

/// Where the sequences live: nothing else is near.
const BASE: usize = 0x2000_0000_0000;

/// How much they may use: eight huge pages.
const PAGES: usize = 8 * 512;

const PAGE_BYTES: usize = 4096;

/// How many steps a sequence has.
const STEPS: usize = 10;

const ADVICE: &[i32] = &[
    libc::MADV_HUGEPAGE,
    libc::MADV_HUGEPAGE,
    libc::MADV_NOHUGEPAGE,
    libc::MADV_DONTNEED,
    libc::MADV_COLLAPSE,
    libc::MADV_POPULATE_READ,
    libc::MADV_POPULATE_WRITE,
];

/// Does the sequence of `seed`; returns each step's result and the entries of smaps.
///
/// # Errors
///
/// A process cannot be forked, or smaps not be read.
pub(crate) fn run(seed: u64) -> io::Result<String> {
    let mut rng = Rng::with_seed(seed);
    let mut told = String::new();
    let area = Area::reserve()?;
    for _ in 0..STEPS {
        let (what, result) = step(&area, &mut rng)?;
        let _ = writeln!(told, "{what} {result}");
    }
    told.push_str(&area.smaps()?);
    Ok(told)
}

/// A range of pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    first: usize,
    count: usize,
}

impl Range {
    /// Picks one: whole huge pages, or anything.
    pub(crate) fn any(rng: &mut Rng) -> Self {
        let unit = if rng.bool() { 512 } else { 1 };
        let first = rng.usize(0..PAGES / unit) * unit;
        let most = (PAGES - first) / unit;
        let count = rng.usize(1..=most) * unit;
        Self { first, count }
    }

    fn start(self) -> *mut libc::c_void {
        (BASE + self.first * PAGE_BYTES) as *mut libc::c_void
    }

    fn bytes(self) -> usize {
        self.count * PAGE_BYTES
    }
}

fn step(area: &Area, rng: &mut Rng) -> io::Result<(String, i32)> {
    let range = Range::any(rng);
    let (name, result) = match rng.u32(0..10) {
        0..=2 => ("map", area.map(range, rng)),
        3 | 4 => {
            let advice = *rng.choice(ADVICE).unwrap_or(&libc::MADV_NORMAL);
            let result = area.advise(range, advice);
            return Ok((format!("advise {advice} {range:?}"), result));
        }
        5 => ("protect", area.protect(range, rng.bool())),
        6 => ("unmap", area.reserve_again(range)),
        7 => ("fork", in_child(area, range)?),
        8 => ("prctl", thp_disable(rng.bool())),
        _ => {
            let step = *rng.choice([1, 16, 512].iter()).unwrap_or(&1);
            ("touch", area.touch(range, step, rng.bool()))
        }
    };
    Ok((format!("{name} {range:?}"), result))
}

/// The child writes to what it inherited, so that pages are copied.
fn in_child(area: &Area, range: Range) -> io::Result<i32> {
    match fork()? {
        Fork::Parent(child) => wait_for(child),
        Fork::Child => {
            let touched = area.touch(range, 64, true);
            std::process::exit(i32::from(touched != 0))
        }
    }
}

/// What PR_SET_THP_DISABLE says holds for the whole process, until it is said again.
fn thp_disable(is_on: bool) -> i32 {
    // SAFETY: No pointers.
    result(unsafe {
        libc::prctl(
            libc::PR_SET_THP_DISABLE,
            libc::c_ulong::from(is_on),
            0,
            0,
            0,
        )
    })
}

/// The reserved addresses.
///
/// # Invariants
///
/// `BASE..BASE + PAGES * PAGE_BYTES` holds only what this value mapped, and no reference points
/// there.
pub(crate) struct Area(());

impl Area {
    /// Takes the addresses, and maps nothing there that counts.
    ///
    /// # Errors
    ///
    /// The kernel's, or that something is there.
    pub(crate) fn reserve() -> io::Result<Self> {
        let all = Range {
            first: 0,
            count: PAGES,
        };
        // SAFETY: With NOREPLACE a mapping that exists is an error.
        let got = unsafe {
            libc::mmap(
                all.start(),
                all.bytes(),
                libc::PROT_NONE,
                libc::MAP_PRIVATE
                    | libc::MAP_ANONYMOUS
                    | libc::MAP_NORESERVE
                    | libc::MAP_FIXED_NOREPLACE,
                -1,
                0,
            )
        };
        // INVARIANT: The kernel has given the whole range, which was free.
        match got == all.start() {
            true => Ok(Self(())),
            false => Err(io::Error::last_os_error()),
        }
    }

    fn map(&self, range: Range, rng: &mut Rng) -> i32 {
        let share = *rng
            .choice([libc::MAP_PRIVATE, libc::MAP_PRIVATE, libc::MAP_SHARED].iter())
            .unwrap_or(&libc::MAP_PRIVATE);
        let more = *rng
            .choice([0, 0, libc::MAP_NORESERVE, libc::MAP_POPULATE].iter())
            .unwrap_or(&0);
        self.map_as(range, share | more)
    }

    /// Puts memory there, of this kind; returns 0 or the error's number.
    pub(crate) fn map_as(&self, range: Range, flags: i32) -> i32 {
        self.replace(range, libc::PROT_READ | libc::PROT_WRITE, flags)
    }

    /// Leaves nothing there; returns 0 or the error's number.
    pub(crate) fn unmap(&self, range: Range) -> i32 {
        // SAFETY: The range is ours, nothing refers to it (type invariant).
        result(unsafe { libc::munmap(range.start(), range.bytes()) })
    }

    /// Moves what is there to another range, which may be larger; if it is smaller, makes it so where
    /// it is. Returns 0 or the error's number.
    ///
    /// Not both at once: 7.2.12 charges for what is cut off then, and never gives it back
    /// (`vrm->delta` in `mremap_to()`, mm/mremap.c).
    pub(crate) fn remap(&self, from: Range, to: Range) -> i32 {
        let flags = match to.count < from.count {
            true => 0,
            false => libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED,
        };
        // SAFETY: Both ranges are ours, nothing refers to them (type invariant).
        let got =
            unsafe { libc::mremap(from.start(), from.bytes(), to.bytes(), flags, to.start()) };
        result(if got == libc::MAP_FAILED { -1 } else { 0 })
    }

    fn reserve_again(&self, range: Range) -> i32 {
        let flags = libc::MAP_PRIVATE | libc::MAP_NORESERVE;
        self.replace(range, libc::PROT_NONE, flags)
    }

    fn replace(&self, range: Range, protection: i32, flags: i32) -> i32 {
        let flags = flags | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: The range is ours, nothing refers to it (type invariant).
        let got = unsafe { libc::mmap(range.start(), range.bytes(), protection, flags, -1, 0) };
        result(if got == libc::MAP_FAILED { -1 } else { 0 })
    }

    fn advise(&self, range: Range, advice: i32) -> i32 {
        // SAFETY: The range is ours, nothing refers to it (type invariant).
        result(unsafe { libc::madvise(range.start(), range.bytes(), advice) })
    }

    /// Lets it be written to, or not; returns 0 or the error's number.
    pub(crate) fn protect(&self, range: Range, is_writable: bool) -> i32 {
        let more = if is_writable { libc::PROT_WRITE } else { 0 };
        // SAFETY: As above.
        result(unsafe { libc::mprotect(range.start(), range.bytes(), libc::PROT_READ | more) })
    }

    /// Reads or writes a byte in every `step`th page; what may not be touched is an error, not a
    /// signal: it is the kernel that touches.
    fn touch(&self, range: Range, step: usize, writes: bool) -> i32 {
        let mut byte = [7_u8];
        let mut errors = 0;
        let pid = std::process::id() as i32;
        for page in (0..range.count).step_by(step) {
            let there = libc::iovec {
                iov_base: range.start().wrapping_byte_add(page * PAGE_BYTES),
                iov_len: 1,
            };
            let here = libc::iovec {
                iov_base: ptr::from_mut(&mut byte).cast(),
                iov_len: 1,
            };
            let transfer = match writes {
                true => libc::process_vm_writev,
                false => libc::process_vm_readv,
            };
            // SAFETY: `here` is our own byte, `there` is in the range that is ours (type
            // invariant).
            let got = unsafe { transfer(pid, &here, 1, &there, 1, 0) };
            errors += i32::from(got != 1);
        }
        errors
    }

    fn smaps(&self) -> io::Result<String> {
        let smaps = fs::read_to_string("/proc/self/smaps")?;
        let mut is_ours = false;
        let mut ours = String::new();
        for line in smaps.lines() {
            if let Some(start) = start_of(line) {
                is_ours = (BASE..BASE + PAGES * PAGE_BYTES).contains(&start);
            }
            // An inode number says only how many shared mappings there were before.
            let line = line.split(" 00:01 ").next().unwrap_or(line);
            if is_ours && !line.ends_with(" 0 kB") {
                let _ = writeln!(ours, "{line}");
            }
        }
        Ok(ours)
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        thp_disable(false);
        // SAFETY: The range is ours, nothing refers to it (type invariant).
        unsafe { libc::munmap(BASE as *mut libc::c_void, PAGES * PAGE_BYTES) };
    }
}

fn start_of(line: &str) -> Option<usize> {
    let (start, _) = line.split(' ').next()?.split_once('-')?;
    usize::from_str_radix(start, 16).ok()
}

fn result(value: i32) -> i32 {
    match value {
        -1 => io::Error::last_os_error().raw_os_error().unwrap_or(-1),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn does_the_same_for_the_same_seed() {
        let ranges = |seed| {
            let mut rng = Rng::with_seed(seed);
            [(); 50]
                .map(|()| Range::any(&mut rng))
                .map(|it| (it.first, it.count))
        };
        assert_eq!(ranges(1), ranges(1));
        assert_ne!(ranges(1), ranges(2));
        assert!(ranges(3)
            .iter()
            .all(|(first, count)| first + count <= PAGES));
    }
}
