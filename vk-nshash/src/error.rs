//! Why a node was not inserted.

use core::fmt;

/// A node that was not inserted, and why.
#[derive(Debug)]
#[non_exhaustive]
pub enum InsertError<O> {
    /// The key is in the table already; here is the new node back.
    Exists(O),
    /// The chain has [`CHAIN_MAX`](crate::CHAIN_MAX) nodes; here is the new node back.
    Crowded(O),
    /// The node was in a table before and has lost its key; here it is back.
    Removed(O),
}

impl<O> InsertError<O> {
    /// Returns the node that was not inserted.
    pub fn into_node(self) -> O {
        match self {
            Self::Exists(node) | Self::Crowded(node) | Self::Removed(node) => node,
        }
    }

    /// Returns the kernel's number for it: `-EEXIST`, `-ENOSPC` or `-EINVAL`.
    pub const fn to_errno(&self) -> i32 {
        const EEXIST: i32 = 17;
        const EINVAL: i32 = 22;
        const ENOSPC: i32 = 28;
        match self {
            Self::Exists(_) => -EEXIST,
            Self::Crowded(_) => -ENOSPC,
            Self::Removed(_) => -EINVAL,
        }
    }
}

impl<O> fmt::Display for InsertError<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists(_) => "the key is in the table already",
            Self::Crowded(_) => "the chain of the key is as long as it may be",
            Self::Removed(_) => "the node was in a table before",
        })
    }
}

impl InsertError<()> {
    /// Adds the node.
    pub(crate) fn of<O>(self, node: O) -> InsertError<O> {
        match self {
            Self::Exists(()) => InsertError::Exists(node),
            Self::Crowded(()) => InsertError::Crowded(node),
            Self::Removed(()) => InsertError::Removed(node),
        }
    }
}

impl<O: fmt::Debug> core::error::Error for InsertError<O> {}
