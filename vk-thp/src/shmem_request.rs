//! What the kernel wants to know about a page of shared memory.

use crate::{Asker, ThpDisable, VmaFlags};

/// A question about one page of a file in shmem or tmpfs: what
/// `shmem_allowable_huge_orders()` in mm/shmem.c finds in its arguments.
///
/// Context: any. It is a copy; the kernel's answer does not hold a lock on the size either.
#[doc(alias = "shmem_allowable_huge_orders")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShmemRequest {
    /// Which mount the file is on.
    pub mount: ShmemMount,
    /// Whether the file is regular: a link's text gets no huge page.
    pub is_regular: bool,
    /// The VMA that faults; none for write(2) and fallocate(2).
    pub vma: Option<ShmemVma>,
    /// Who asks. [`Asker::ForcedCollapse`] is `shmem_huge_force`; the others are equal.
    pub asker: Asker,
    /// The page, counted from the start of the file.
    pub index_pages: u64,
    /// The file's size in pages, the last one perhaps in part.
    pub size_pages: u64,
    /// The end of the write that needs the page, in pages; 0 for a fault.
    pub write_end_pages: u64,
}

/// A mapping of a file in shmem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShmemVma {
    /// What `madvise` said about it.
    pub flags: VmaFlags,
    /// What the process that owns it said about itself.
    pub process: ThpDisable,
    /// Whether the file had no name when it was mapped: a memfd, SysV shared memory or
    /// `MAP_SHARED | MAP_ANONYMOUS`.
    #[doc(alias = "vma_is_anon_shmem")]
    pub is_anon_shmem: bool,
}

/// The mount that a file of shmem is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShmemMount {
    /// The kernel's own, on which memfds, SysV shared memory and shared anonymous memory lie. Its
    /// `huge=` is the global `shmem_enabled`.
    #[doc(alias = "shm_mnt")]
    Internal,
    /// A tmpfs that somebody mounted.
    Tmpfs(TmpfsHuge),
}

/// The mount option `huge=` of a tmpfs.
///
/// The numbers are those of `SHMEM_HUGE_*` in mm/shmem.c.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TmpfsHuge {
    /// `huge=never`.
    Never = 0,
    /// `huge=always`.
    Always = 1,
    /// `huge=within_size`.
    WithinSize = 2,
    /// `huge=advise`.
    Advise = 3,
}

impl TmpfsHuge {
    /// Every option, by its number.
    pub const ALL: [Self; 4] = [Self::Never, Self::Always, Self::WithinSize, Self::Advise];

    /// Returns the option with the kernel's number `raw`, if there is one.
    pub const fn from_raw(raw: u8) -> Option<Self> {
        match raw {
            0 => Some(Self::Never),
            1 => Some(Self::Always),
            2 => Some(Self::WithinSize),
            3 => Some(Self::Advise),
            _ => None,
        }
    }
}

impl ShmemRequest {
    /// Returns what `madvise` said: nothing where there is no VMA.
    pub(crate) const fn flags(&self) -> VmaFlags {
        match self.vma {
            Some(vma) => vma.flags,
            None => VmaFlags::empty(),
        }
    }

    /// Tells whether the program that maps the file forbids huge pages there.
    pub(crate) const fn is_forbidden(&self) -> bool {
        match self.vma {
            Some(vma) => vma.process.forbids(vma.flags, self.asker),
            None => false,
        }
    }

    /// Tells whether the files for each size have a say.
    pub(crate) const fn obeys_order_modes(&self) -> bool {
        match self.vma {
            Some(vma) => vma.is_anon_shmem && self.asker.obeys_sysfs(),
            None => false,
        }
    }
}
