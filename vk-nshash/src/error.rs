//! Why a node was not inserted.

use core::fmt;

/// A node that was not inserted, and why.
#[derive(Debug)]
#[non_exhaustive]
pub enum InsertError<O> {
    /// The key is in the table already; here is the new node back.
    Exists(O),
}

impl<O> InsertError<O> {
    /// Returns the node that was not inserted.
    pub fn into_node(self) -> O {
        match self {
            Self::Exists(node) => node,
        }
    }

    /// Returns the kernel's number for it: `-EEXIST`.
    pub const fn to_errno(&self) -> i32 {
        const EEXIST: i32 = 17;
        match self {
            Self::Exists(_) => -EEXIST,
        }
    }
}

impl<O> fmt::Display for InsertError<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(_) => f.write_str("the key is in the table already"),
        }
    }
}

impl<O: fmt::Debug> core::error::Error for InsertError<O> {}
