//! Workloads on mappings.

#![allow(unsafe_code)]

use std::ptr;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use rustix::mm::{mmap_anonymous, mprotect, munmap, MapFlags, MprotectFlags, ProtFlags};

use super::phase::Phase;
use super::{Meter, Operation};
use crate::mapping::{Advice, Mapping, HUGE_BYTES};

const PAGE_BYTES: usize = 4096;

/// More than a step of the clock by which the module keeps a limit.
const REST: Duration = Duration::from_millis(120);

/// Where nothing else is mapped, so that a page here needs a page table of its own.
const LONELY: usize = 0x1000_0000_0000;

/// mmap(2) and munmap(2) of a page.
#[derive(Default)]
pub(super) struct MmapMunmap(Phase);

impl Operation for MmapMunmap {
    fn once(&mut self, meter: &mut Meter) -> Result<u64> {
        self.0.step();
        meter.start();
        let unmapped = map_page().and_then(unmap_page);
        let cost = meter.stop();
        unmapped.map(|()| cost)
    }
}

/// The same, after a rest.
#[derive(Default)]
pub(super) struct Rested(MmapMunmap);

impl Operation for Rested {
    fn once(&mut self, meter: &mut Meter) -> Result<u64> {
        thread::sleep(REST);
        self.0.once(meter)
    }
}

/// brk(2) up by a page and down again.
#[derive(Default)]
pub(super) struct Brk(Phase);

impl Operation for Brk {
    fn once(&mut self, meter: &mut Meter) -> Result<u64> {
        self.0.step();
        let bytes = PAGE_BYTES as libc::intptr_t;
        meter.start();
        // SAFETY: The allocator does nothing meanwhile, and finds its break where it was.
        let up = unsafe { libc::sbrk(bytes) };
        // SAFETY: As above; the page is of the line before, and nobody knows it.
        let down = unsafe { libc::sbrk(-bytes) };
        let cost = meter.stop();
        ensure!(up as isize != -1 && down as isize != -1, "brk was refused");
        Ok(cost)
    }
}

/// mprotect(2) of the page in the middle of three, and back: two splits, and they merge again.
pub(super) struct Split(*mut u8);

impl Split {
    /// Maps the three.
    ///
    /// # Errors
    ///
    /// mmap(2) is refused.
    pub(super) fn new() -> Result<Self> {
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: The kernel chooses where: it replaces nothing.
        let three =
            unsafe { mmap_anonymous(ptr::null_mut(), 3 * PAGE_BYTES, prot, MapFlags::PRIVATE) };
        three.map(|three| Self(three.cast())).context("mmap")
    }
}

impl Operation for Split {
    fn once(&mut self, meter: &mut Meter) -> Result<u64> {
        let middle = self.0.wrapping_add(PAGE_BYTES).cast();
        let both = MprotectFlags::READ | MprotectFlags::WRITE;
        meter.start();
        // SAFETY: A page of ours that nobody uses.
        let split = unsafe { mprotect(middle, PAGE_BYTES, MprotectFlags::READ) };
        // SAFETY: As above.
        let merged = unsafe { mprotect(middle, PAGE_BYTES, both) };
        let cost = meter.stop();
        split.and(merged).map(|()| cost).context("mprotect")
    }
}

/// The first write to a page.
#[derive(Default)]
pub(super) struct TouchPage(Phase);

impl Operation for TouchPage {
    fn once(&mut self, meter: &mut Meter) -> Result<u64> {
        self.0.step();
        let page = map_page()?;
        meter.start();
        // SAFETY: A writable page that only this function knows.
        unsafe { ptr::write_volatile(page.0, 1) };
        let cost = meter.stop();
        unmap_page(page).map(|()| cost)
    }
}

/// A writable page that [`map_page`] mapped; nobody else knows it.
pub(super) struct Page(*mut u8);

/// Maps one.
///
/// # Errors
///
/// The kernel refuses.
pub(super) fn map_page() -> Result<Page> {
    let prot = ProtFlags::READ | ProtFlags::WRITE;
    let flags = MapFlags::PRIVATE | MapFlags::FIXED_NOREPLACE;
    let at = ptr::without_provenance_mut(LONELY);
    // SAFETY: FIXED_NOREPLACE replaces no mapping.
    let page = unsafe { mmap_anonymous(at, PAGE_BYTES, prot, flags) };
    page.map(|page| Page(page.cast())).context("mmap")
}

/// Unmaps it.
///
/// # Errors
///
/// The kernel refuses.
pub(super) fn unmap_page(page: Page) -> Result<()> {
    // SAFETY: The page is mapped, and who knew it gave it away.
    unsafe { munmap(page.0.cast(), PAGE_BYTES) }.context("munmap")
}

/// The first write to an advised range of the size and alignment of a huge page.
pub(super) struct TouchHugePage(Phase);

impl TouchHugePage {
    /// Makes sure that such a range gets a huge page.
    ///
    /// # Errors
    ///
    /// It gets none.
    pub(super) fn new() -> Result<Self> {
        let range = advised()?;
        range.touch_every(HUGE_BYTES);
        let huge_kb = range.smaps("AnonHugePages")?;
        ensure!(huge_kb == 2048, "{huge_kb} kB in huge pages, expected 2048");
        Ok(Self(Phase::default()))
    }
}

impl Operation for TouchHugePage {
    fn once(&mut self, meter: &mut Meter) -> Result<u64> {
        self.0.step();
        let range = advised()?;
        meter.start();
        range.touch_every(HUGE_BYTES);
        Ok(meter.stop())
    }
}

fn advised() -> Result<Mapping> {
    let range = Mapping::new(HUGE_BYTES, MapFlags::empty())?;
    range.advise(Advice::Huge)?;
    Ok(range)
}
