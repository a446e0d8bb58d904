//! The climb from an object to the nearest one around it that is in a table.
//!
//! Who locks: nobody; a read side is shown, and whoever is around an object lives as long as it does.
//! What may sleep: nothing. When a thing is seen: as each lookup on the way sees it, not all at once.

use crate::{Nested, Owner, Table};

impl<O: Owner, const BITS: u32, const BUCKETS: usize> Table<O, BITS, BUCKETS> {
    /// Finds the value of `start`, or of the nearest object around it that is in the table.
    ///
    /// Looks for `most` objects at most, which the caller takes from the depth that the kernel
    /// allows (32 for pid namespaces, `MAX_PID_NS_LEVEL`). If `start` is in the table this is one
    /// [`find`](Self::find), and its parent is not asked for. Context: as `find`.
    ///
    /// It is no snapshot of the whole way: what comes in behind the climb's back is not seen.
    #[inline]
    pub fn find_nearest_ancestor<'g, N: Nested>(
        &'g self,
        read: &'g O::Read,
        start: N,
        most: usize,
    ) -> Option<&'g O::Value> {
        let left = most.checked_sub(1)?;
        let first = self.find(read, start.key());
        first.or_else(|| self.climb(read, start, left))
    }

    #[cold]
    fn climb<'g, N: Nested>(
        &'g self,
        read: &'g O::Read,
        start: N,
        most: usize,
    ) -> Option<&'g O::Value> {
        let mut at = start;
        for _ in 0..most {
            at = at.parent()?;
            let found = self.find(read, at.key());
            if found.is_some() {
                return found;
            }
        }
        None
    }
}
