//! The five words of `transparent_hugepage/defrag`.

use core::fmt;

use crate::{sysfs, Effort, ParseError, VmaFlags};

/// How hard the allocation of a huge page may try: `/sys/kernel/mm/transparent_hugepage/defrag`.
///
/// The numbers are those of `enum defrag_mode` in mm/huge_memory.c.
///
/// # Examples
///
/// The kernel boots with `madvise`: programs that asked for huge pages wait for them.
///
/// ```
/// use vk_thp::{Defrag, Effort, VmaFlags};
///
/// let policy = Defrag::from_sysfs(b"madvise\n")?;
/// assert_eq!(policy.sysfs_text(), "always defer defer+madvise [madvise] never\n");
/// assert_eq!(policy.effort(VmaFlags::HUGEPAGE), Effort::Direct);
/// assert_eq!(policy.effort(VmaFlags::empty()), Effort::Immediate);
/// # Ok::<(), vk_thp::ParseError>(())
/// ```
#[doc(alias = "TRANSPARENT_HUGEPAGE_DEFRAG_DIRECT_FLAG")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Defrag {
    /// Every task waits for reclaim and compaction.
    Always = 0,
    /// Nobody waits; kswapd and kcompactd are woken.
    Defer = 1,
    /// Tasks wait in memory with `MADV_HUGEPAGE`; elsewhere kswapd and kcompactd are woken.
    DeferMadvise = 2,
    /// Tasks wait in memory with `MADV_HUGEPAGE`; elsewhere nothing is done.
    Madvise = 3,
    /// Nobody waits and nobody is woken.
    Never = 4,
}

impl Defrag {
    /// Every mode, in the order in which sysfs lists them.
    pub const ALL: [Self; 5] = [
        Self::Always,
        Self::Defer,
        Self::DeferMadvise,
        Self::Madvise,
        Self::Never,
    ];

    /// Returns the mode with the kernel's number `raw`, if there is one.
    pub const fn from_raw(raw: u8) -> Option<Self> {
        match raw {
            0 => Some(Self::Always),
            1 => Some(Self::Defer),
            2 => Some(Self::DeferMadvise),
            3 => Some(Self::Madvise),
            4 => Some(Self::Never),
            _ => None,
        }
    }

    /// Reads what was written to `defrag`, as `defrag_store()` does.
    ///
    /// # Errors
    ///
    /// [`ParseError::UnknownWord`]: not one of the five words, a single newline at the end aside.
    pub fn from_sysfs(written: &[u8]) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|mode| sysfs::is_word(written, mode.as_str()))
            .ok_or(ParseError::UnknownWord {
                expected: "always, defer, defer+madvise, madvise or never",
            })
    }

    /// Returns how hard to try for a page of the VMA with flags `vma`.
    ///
    /// Give no flags where the kernel has no VMA, as `vma_thp_gfp_mask(NULL)` does.
    ///
    /// This is the choice in `vma_thp_gfp_mask()` of mm/huge_memory.c, for a policy that is not the
    /// kernel's global one. It holds for page faults, shmem and swap-in; khugepaged has
    /// `khugepaged/defrag`.
    #[doc(alias = "vma_thp_gfp_mask")]
    pub const fn effort(self, vma: VmaFlags) -> Effort {
        let is_advised = vma.contains(VmaFlags::HUGEPAGE);
        match (self, is_advised) {
            (Self::Always | Self::DeferMadvise | Self::Madvise, true) => Effort::Direct,
            (Self::Always, false) => Effort::DirectNoRetry,
            (Self::Defer, _) | (Self::DeferMadvise, false) => Effort::Kswapd,
            (Self::Madvise, false) | (Self::Never, _) => Effort::Immediate,
        }
    }

    /// Returns the mode's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Defer => "defer",
            Self::DeferMadvise => "defer+madvise",
            Self::Madvise => "madvise",
            Self::Never => "never",
        }
    }

    /// Returns what a read of `defrag` shows, as `defrag_show()` prints it.
    pub const fn sysfs_text(self) -> &'static str {
        match self {
            Self::Always => "[always] defer defer+madvise madvise never\n",
            Self::Defer => "always [defer] defer+madvise madvise never\n",
            Self::DeferMadvise => "always defer [defer+madvise] madvise never\n",
            Self::Madvise => "always defer defer+madvise [madvise] never\n",
            Self::Never => "always defer defer+madvise madvise [never]\n",
        }
    }
}

impl fmt::Display for Defrag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
