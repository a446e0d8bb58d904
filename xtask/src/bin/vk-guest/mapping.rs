//! An anonymous mapping of this process, whose pages it can touch.

#![allow(unsafe_code)]

use std::fs;
use std::os::fd::BorrowedFd;
use std::ptr;

use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::mm::{mmap, mmap_anonymous, mremap, munmap, MapFlags, MremapFlags, ProtFlags};

/// A base page.
pub(crate) const PAGE_BYTES: usize = 4096;

/// The size and alignment of a huge page.
pub(crate) const HUGE_BYTES: usize = 2 << 20;

/// What the kernel is told about a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advice {
    /// Huge pages are wanted.
    Huge,
    /// They are not.
    NoHuge,
    /// They are wanted now: madvise(2), `MADV_COLLAPSE`.
    Collapse,
    /// Pages are wanted one by one: none is read ahead.
    Random,
    /// Every page is wanted now, written to: madvise(2), `MADV_POPULATE_WRITE`.
    Populate,
    /// They are not needed for long: madvise(2), `MADV_PAGEOUT`.
    PageOut,
}

impl Advice {
    fn number(self) -> i32 {
        match self {
            Self::Huge => libc::MADV_HUGEPAGE,
            Self::NoHuge => libc::MADV_NOHUGEPAGE,
            Self::Collapse => libc::MADV_COLLAPSE,
            Self::Random => libc::MADV_RANDOM,
            Self::Populate => libc::MADV_POPULATE_WRITE,
            Self::PageOut => libc::MADV_PAGEOUT,
        }
    }
}

/// A mapping, aligned for huge pages.
///
/// # Invariants
///
/// `start..start + len_bytes` lies inside `base..base + mapped_bytes`, which this value alone
/// mapped, readable and writable, and unmaps when it is let go.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: *mut u8,
    mapped_bytes: usize,
    start: *mut u8,
    len_bytes: usize,
}

impl Mapping {
    /// Maps `len_bytes`, and a huge page more to align it.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn new(len_bytes: usize, more_flags: MapFlags) -> Result<Self, Errno> {
        Self::with(len_bytes, MapFlags::PRIVATE | more_flags)
    }

    /// Maps `len_bytes` of shared memory, of which each page is committed when it is first there.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn shared(len_bytes: usize) -> Result<Self, Errno> {
        Self::with(len_bytes, MapFlags::SHARED | MapFlags::NORESERVE)
    }

    /// Maps so many pages, wherever the kernel wants them.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn of_pages(pages: usize) -> Result<Self, Errno> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let len_bytes = pages * PAGE_BYTES;
        let flags = MapFlags::PRIVATE;
        // SAFETY: As in `of_file`.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), len_bytes, protection, flags) }?;
        Ok(Self::whole(base.cast(), len_bytes))
    }

    /// Maps the first `len_bytes` of a file, shared, where the kernel wants them: it aligns what may
    /// have huge pages.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn of_file(file: BorrowedFd<'_>, len_bytes: usize) -> Result<Self, Errno> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: A new mapping at an address that the kernel chooses touches nothing that exists.
        let base = unsafe {
            mmap(
                ptr::null_mut(),
                len_bytes,
                protection,
                MapFlags::SHARED,
                file,
                0,
            )
        }?;
        Ok(Self::whole(base.cast(), len_bytes))
    }

    /// Maps shared anonymous memory, where the kernel wants it.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn shared_whole(len_bytes: usize) -> Result<Self, Errno> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: As in `of_file`.
        let base =
            unsafe { mmap_anonymous(ptr::null_mut(), len_bytes, protection, MapFlags::SHARED) }?;
        Ok(Self::whole(base.cast(), len_bytes))
    }

    /// Maps SysV shared memory of its own, which goes with the mapping.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn sysv(len_bytes: usize) -> Result<Self, Errno> {
        let error =
            || Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL);
        // SAFETY: It makes an object and touches no memory.
        let id = unsafe { libc::shmget(libc::IPC_PRIVATE, len_bytes, 0o600) };
        if id < 0 {
            return Err(error());
        }
        // SAFETY: A new mapping at an address that the kernel chooses.
        let base = unsafe { libc::shmat(id, ptr::null(), 0) };
        let failed = (base as isize == -1).then(error);
        // SAFETY: The object is ours; it lives as long as the mapping.
        unsafe { libc::shmctl(id, libc::IPC_RMID, ptr::null_mut()) };
        match failed {
            Some(error) => Err(error),
            None => Ok(Self::whole(base.cast(), len_bytes)),
        }
    }

    fn whole(base: *mut u8, len_bytes: usize) -> Self {
        // INVARIANT: The kernel made the mapping just now.
        Self {
            base,
            mapped_bytes: len_bytes,
            start: base,
            len_bytes,
        }
    }

    /// Reads one byte of every page.
    pub(crate) fn reads(&self) {
        self.reads_first(self.len_bytes / PAGE_BYTES);
    }

    /// Reads one byte of each of its first pages.
    pub(crate) fn reads_first(&self, pages: usize) {
        for offset in (0..self.len_bytes).step_by(PAGE_BYTES).take(pages) {
            // SAFETY: As in `touch_every`; the mapping is readable.
            unsafe { ptr::read_volatile(self.start.wrapping_add(offset)) };
        }
    }

    fn with(len_bytes: usize, flags: MapFlags) -> Result<Self, Errno> {
        let mapped_bytes = len_bytes + HUGE_BYTES;
        // SAFETY: A new mapping at an address that the kernel chooses touches nothing that exists.
        let base = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                mapped_bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                flags,
            )
        }?
        .cast::<u8>();
        let skip = base.align_offset(HUGE_BYTES);
        // INVARIANT: The kernel made the mapping; `skip` is less than the huge page added.
        Ok(Self {
            base,
            mapped_bytes,
            start: base.wrapping_add(skip),
            len_bytes,
        })
    }

    /// Writes to one page in every `step_bytes`.
    pub(crate) fn touch_every(&self, step_bytes: usize) {
        for offset in (0..self.len_bytes).step_by(step_bytes) {
            // SAFETY: `offset` is less than the length, so the byte lies in our own writable
            // mapping (type invariant).
            unsafe { ptr::write_volatile(self.start.wrapping_add(offset), 1) };
        }
    }

    /// Makes it longer, elsewhere if need be: mremap(2).
    ///
    /// # Errors
    ///
    /// The kernel's; then it is as it was.
    pub(crate) fn grow(&mut self, len_bytes: usize) -> Result<(), Errno> {
        let mapped_bytes = len_bytes + HUGE_BYTES;
        let flags = MremapFlags::MAYMOVE;
        // SAFETY: The mapping is ours alone (type invariant), and no reference into it exists.
        let base = unsafe { mremap(self.base.cast(), self.mapped_bytes, mapped_bytes, flags) }?;
        let base = base.cast::<u8>();
        // INVARIANT: The kernel made it so; `start` is less than a huge page behind `base`.
        self.base = base;
        self.mapped_bytes = mapped_bytes;
        self.start = base.wrapping_add(base.align_offset(HUGE_BYTES));
        self.len_bytes = len_bytes;
        Ok(())
    }

    /// Writes to its first pages.
    pub(crate) fn touch_first(&self, pages: usize) {
        for offset in (0..self.len_bytes).step_by(PAGE_BYTES).take(pages) {
            // SAFETY: As in `touch_every`.
            unsafe { ptr::write_volatile(self.start.wrapping_add(offset), 1) };
        }
    }

    /// Writes to every other one of its first pages.
    pub(crate) fn touch_every_other(&self, pages: usize) {
        let firsts = (0..self.len_bytes).step_by(PAGE_BYTES).take(pages);
        for offset in firsts.step_by(2) {
            // SAFETY: As in `touch_every`.
            unsafe { ptr::write_volatile(self.start.wrapping_add(offset), 1) };
        }
    }

    /// Writes to every page.
    pub(crate) fn touch(&self) {
        self.touch_every(PAGE_BYTES);
    }

    /// Advises the kernel about the mapping.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn advise(&self, advice: Advice) -> Result<(), Errno> {
        self.advise_first(self.len_bytes / PAGE_BYTES, advice)
    }

    /// Advises the kernel about its first pages.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn advise_first(&self, pages: usize, advice: Advice) -> Result<(), Errno> {
        let len_bytes = self.len_bytes.min(pages.saturating_mul(PAGE_BYTES));
        // SAFETY: The range is of our own mapping (type invariant), and no `Advice` changes what is
        // read from it.
        let result = unsafe { libc::madvise(self.start.cast(), len_bytes, advice.number()) };
        match result {
            0 => Ok(()),
            _ => {
                Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
            }
        }
    }

    /// Returns where it starts.
    pub(crate) fn address(&self) -> u64 {
        self.start as u64
    }

    /// Returns how long it is.
    pub(crate) fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// Returns a field of its entries in `/proc/self/smaps`, in kB, summed.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub(crate) fn smaps(&self, field: &str) -> Result<u64> {
        smaps_of("self", self.address(), self.len_bytes, field)
    }
}

/// Returns a field of the entries of a range in a process's smaps, in kB, summed.
///
/// # Errors
///
/// The file cannot be read.
pub(crate) fn smaps_of(process: &str, start: u64, len_bytes: usize, field: &str) -> Result<u64> {
    let path = format!("/proc/{process}/smaps");
    let smaps = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    Ok(sum(&smaps, start, start + len_bytes as u64, field))
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: The mapping is ours alone (type invariant), and no reference into it exists.
        let unmapped = unsafe { munmap(self.base.cast(), self.mapped_bytes) };
        if let Err(error) = unmapped {
            eprintln!("vk-guest: cannot unmap: {error}");
        }
    }
}

/// Sums `field` over the entries of `smaps` that overlap `start..end`.
fn sum(smaps: &str, start: u64, end: u64, field: &str) -> u64 {
    let mut is_ours = false;
    let mut sum = 0;
    for line in smaps.lines() {
        if let Some((from, to)) = range(line) {
            is_ours = from < end && to > start;
        } else if let Some(value) = line.strip_prefix(field).filter(|_| is_ours) {
            let number = value.trim_start_matches(':').split_whitespace().next();
            sum += number.and_then(|it| it.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    sum
}

/// Reads the first line of an entry: `7f1c00000000-7f1c00200000 rw-p ...`.
fn range(line: &str) -> Option<(u64, u64)> {
    let (from, to) = line.split_whitespace().next()?.split_once('-')?;
    let hex = |text| u64::from_str_radix(text, 16).ok();
    Some((hex(from)?, hex(to)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
1000-3000 rw-p 00000000 00:00 0
AnonHugePages:      10 kB
3000-4000 rw-p 00000000 00:00 0
AnonHugePages:     100 kB
THPeligible:           1
";

    #[test]
    fn sums_only_the_entries_of_the_range() {
        assert_eq!(sum(SMAPS, 0x1000, 0x3000, "AnonHugePages"), 10);
        assert_eq!(sum(SMAPS, 0x2000, 0x4000, "AnonHugePages"), 110);
        assert_eq!(sum(SMAPS, 0x3000, 0x4000, "THPeligible"), 1);
    }

    #[test]
    fn finds_its_own_pages() -> Result<()> {
        let mapping = Mapping::new(64 << 10, MapFlags::empty())?;
        mapping.touch();
        // The neighbours that the kernel merged with it may count too.
        assert!(mapping.smaps("Rss")? >= 64);
        Ok(())
    }
}
