//! What the kernel wants to know about a VMA.

use crate::{Asker, Orders, ThpDisable, VmaFlags};

/// A question about an anonymous VMA: the arguments of `thp_vma_allowable_orders()`, and what the
/// process said.
///
/// Context: any. It is a copy of the VMA's words, which the mmap lock or the VMA lock keeps true.
#[doc(alias = "thp_vma_allowable_orders")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// What `madvise` said about the VMA.
    pub vma: VmaFlags,
    /// What the process that owns the memory said about itself, whoever asks.
    pub process: ThpDisable,
    /// Who asks.
    pub asker: Asker,
    /// The orders asked for.
    pub orders: Orders,
}
