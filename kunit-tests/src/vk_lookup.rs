//! One lookup by an object's address: in our table, and in the kernel's own. All must find the same;
//! what each costs is told in the kernel's log, for `cargo xtask bench --lookups`.

#[cfg_attr(kernel, kernel::prelude::kunit_tests(vk_lookup))]
#[cfg_attr(not(kernel), cfg(test))]
mod suite {
    #[cfg(kernel)]
    use super::rows::compare;
    #[cfg(kernel)]
    use vk_nshash::Table;

    #[cfg(kernel)]
    #[test]
    fn agrees_with_the_kernels_tables_with_8_nodes() {
        static TABLE: Table<crate::platform::Boxed<()>, 10, 1024> = Table::new();
        assert_eq!(compare(&TABLE, 8), Ok(()));
    }

    #[cfg(kernel)]
    #[test]
    fn agrees_with_the_kernels_tables_with_64_nodes() {
        static TABLE: Table<crate::platform::Boxed<()>, 10, 1024> = Table::new();
        assert_eq!(compare(&TABLE, 64), Ok(()));
    }

    #[cfg(kernel)]
    #[test]
    fn agrees_with_the_kernels_tables_with_512_nodes() {
        static TABLE: Table<crate::platform::Boxed<()>, 10, 1024> = Table::new();
        assert_eq!(compare(&TABLE, 512), Ok(()));
    }

    #[cfg(kernel)]
    #[test]
    fn agrees_with_the_kernels_tables_with_10_000_nodes() {
        static TABLE: Table<crate::platform::Boxed<()>, 10, 1024> = Table::new();
        assert_eq!(compare(&TABLE, 10_000), Ok(()));
    }

    #[cfg(kernel)]
    #[test]
    fn agrees_with_the_kernels_tables_with_10_000_nodes_in_16_384_buckets() {
        static TABLE: Table<crate::platform::Boxed<()>, 14, 16384> = Table::new();
        assert_eq!(compare(&TABLE, 10_000), Ok(()));
    }

    #[cfg(not(kernel))]
    #[test]
    fn needs_a_kernel() {
        // The host's comparison is vk-nshash's bench.
    }
}

#[cfg(kernel)]
mod rows {
    use crate::platform::{barrier, grace, node, Boxed, ReadGuard, WriteGuard};
    use kernel::prelude::*;
    use vk_ffi_shims::kunit::{ticks, Peer, Peers};
    use vk_nshash::{Key, Table};

    /// More are as many.
    const TICKS_MAX: usize = 512;

    /// Why a comparison failed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum Wrong {
        Memory,
        /// So many lookups of this table gave a wrong answer.
        Answers(&'static str, usize),
    }

    /// Puts `count` objects into all tables, looks each of them up, and as many that are not there.
    pub(super) fn compare<const BITS: u32, const BUCKETS: usize>(
        table: &Table<Boxed<()>, BITS, BUCKETS>,
        count: u32,
    ) -> Result<(), Wrong> {
        let peers = Peers::new(count, BITS).ok_or(Wrong::Memory)?;
        let result = fill(table, &peers).and_then(|()| look(table, &peers));
        for key in peers.keys() {
            if let Some(removed) = table.remove(&mut WriteGuard::lock(), key) {
                removed.after(&grace());
            }
        }
        barrier();
        result
    }

    fn fill<const BITS: u32, const BUCKETS: usize>(
        table: &Table<Boxed<()>, BITS, BUCKETS>,
        peers: &Peers,
    ) -> Result<(), Wrong> {
        for key in peers.keys() {
            let node = node(key, ()).ok_or(Wrong::Memory)?;
            if table.insert(&mut WriteGuard::lock(), node).is_err() {
                return Err(Wrong::Memory);
            }
        }
        Ok(())
    }

    fn look<const BITS: u32, const BUCKETS: usize>(
        table: &Table<Boxed<()>, BITS, BUCKETS>,
        peers: &Peers,
    ) -> Result<(), Wrong> {
        let (count, buckets) = (peers.keys().count(), BUCKETS);
        row(peers, (count, buckets, "vk-nshash"), |key| {
            let read = ReadGuard::new();
            let mut found = false;
            let ticks = ticks(|| found = table.find(&read, key).is_some());
            (ticks, found)
        })?;
        row(peers, (count, buckets, "hlist_rcu"), |key| {
            peers.find(Peer::Hlist, key)
        })?;
        row(peers, (count, 0, "rhashtable"), |key| {
            peers.find(Peer::Rhashtable, key)
        })?;
        row(peers, (count, 0, "xarray"), |key| {
            peers.find(Peer::Xarray, key)
        })
    }

    /// Measures and tells one line.
    fn row(
        peers: &Peers,
        (count, buckets, name): (usize, usize, &'static str),
        find: impl Fn(Key) -> (u64, bool),
    ) -> Result<(), Wrong> {
        // Once for nothing, so that all is as it stays.
        let empty = (0..16).map(|_| ticks(|| {})).min().unwrap_or(0);
        measure(peers, name, true, &find)?;
        let hit = measure(peers, name, true, &find)?.less(empty);
        let miss = measure(peers, name, false, &find)?.less(empty);
        pr_info!(
            "vk_lookup: {:>6} {:>6} {:<11} hit {:>4} {:>4} {:>4}  miss {:>4} {:>4} {:>4}\n",
            count,
            buckets,
            name,
            hit.min,
            hit.median,
            hit.max,
            miss.min,
            miss.median,
            miss.max
        );
        Ok(())
    }

    struct Cost {
        min: u64,
        median: u64,
        max: u64,
    }

    impl Cost {
        fn less(self, empty: u64) -> Self {
            Self {
                min: self.min.saturating_sub(empty),
                median: self.median.saturating_sub(empty),
                max: self.max.saturating_sub(empty),
            }
        }
    }

    fn measure(
        peers: &Peers,
        name: &'static str,
        is_there: bool,
        find: &impl Fn(Key) -> (u64, bool),
    ) -> Result<Cost, Wrong> {
        // How many lookups took so many ticks; the last of them, so many or more.
        let mut taken = [0_u32; TICKS_MAX];
        let (mut count, mut wrong) = (0_u32, 0_usize);
        for key in peers.keys() {
            // Inside the object, where no other begins.
            let other = Key::new(key.address().wrapping_add(64)).unwrap_or(Key::MAX);
            let (ticks, found) = find(if is_there { key } else { other });
            wrong = wrong.saturating_add(usize::from(found != is_there));
            count = count.saturating_add(1);
            let slot = taken.get_mut((ticks as usize).min(TICKS_MAX - 1));
            if let Some(slot) = slot {
                *slot = slot.saturating_add(1);
            }
        }
        if wrong != 0 {
            return Err(Wrong::Answers(name, wrong));
        }
        Ok(Cost {
            min: at(&taken, 0),
            median: at(&taken, count / 2),
            max: at(&taken, count.saturating_sub(1)),
        })
    }

    /// Returns the ticks of the lookup number `nth` in order of cost.
    fn at(taken: &[u32], nth: u32) -> u64 {
        let mut left = nth;
        for (ticks, &count) in taken.iter().enumerate() {
            match left.checked_sub(count) {
                Some(rest) => left = rest,
                None => return ticks as u64,
            }
        }
        taken.len() as u64
    }
}
