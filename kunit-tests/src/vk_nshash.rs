//! The table of namespaces: one thread against a plain array, then all CPUs under real RCU.

#[cfg_attr(kernel, kernel::prelude::kunit_tests(vk_nshash))]
#[cfg_attr(not(kernel), cfg(test))]
mod suite {
    use super::{
        address_of, insert, key, remove, take_out, Count, Depth, Hall, Small, Wide, HALL_KEYS,
    };
    use crate::platform::{barrier, cpus, grace, node, threads, ReadGuard, WriteGuard};
    use core::sync::atomic::Ordering::SeqCst;
    use vk_kunit_tests::Random;
    use vk_nshash::InsertError;

    #[test]
    fn agrees_with_a_plain_array() {
        let table = Small::new();
        let mut twin = [None::<u64>; 50];
        let mut random = Random::new(1);
        for step in 0..20_000_u64 {
            let n = random.below(50) as usize;
            let there = twin.get(n).copied().flatten();
            match random.below(3) {
                0 => {
                    let inserted = insert(&table, n, step);
                    assert_eq!(inserted, there.is_none());
                    if let (true, Some(slot)) = (inserted, twin.get_mut(n)) {
                        *slot = Some(step);
                    }
                }
                1 => {
                    assert_eq!(remove(&table, n), there);
                    if let Some(slot) = twin.get_mut(n) {
                        *slot = None;
                    }
                }
                _ => {
                    let found = table.find(&ReadGuard::new(), key(n)).copied();
                    assert_eq!(found, there);
                }
            }
        }
        let sum: u64 = table.iter(&ReadGuard::new()).sum();
        assert_eq!(sum, twin.iter().flatten().sum::<u64>());
        let count = table.iter(&ReadGuard::new()).count();
        assert_eq!(count, twin.iter().flatten().count());
    }

    #[test]
    fn gives_a_second_node_of_the_same_key_back() {
        let table = Small::new();
        assert!(insert(&table, 1, 10));
        let second = node(key(1), 11);
        let back = second.and_then(|it| table.insert(&mut WriteGuard::lock(), it).err());
        assert!(matches!(back, Some(InsertError::Exists(_))));
        assert_eq!(table.find(&ReadGuard::new(), key(1)).copied(), Some(10));
    }

    #[test]
    fn an_address_used_again_never_yields_the_old_object() {
        let table = Small::new();
        assert!(insert(&table, 1, 1));
        let old = table.remove(&mut WriteGuard::lock(), key(1));
        // The grace period has not run, yet the address has a new owner.
        let none = table.find(&ReadGuard::new(), key(1)).copied();
        let inserted = insert(&table, 1, 2);
        let new = table.find(&ReadGuard::new(), key(1)).copied();
        let was_there = old.map(|old| old.after(&grace()));
        barrier();
        let still = table.find(&ReadGuard::new(), key(1)).copied();
        assert!(inserted && was_there.is_some());
        assert_eq!((none, new, still), (None, Some(2), Some(2)));
    }

    #[test]
    fn a_walk_survives_the_removal_of_where_it_stands() {
        let table = Small::new();
        let inserted = (0..20).filter(|&n| insert(&table, n, n as u64)).count();
        assert_eq!(inserted, 20);
        let read = ReadGuard::new();
        let mut seen = 0_u64;
        for &n in table.iter(&read) {
            remove(&table, n as usize);
            seen |= 1 << n;
        }
        let left = table.iter(&read).count();
        drop(read);
        assert_eq!(seen, (1 << 20) - 1);
        assert_eq!(left, 0);
        barrier();
    }

    #[test]
    fn climbs_to_the_nearest_ancestor_and_no_further_than_told() {
        let table = Small::new();
        assert!(insert(&table, 1, 1) && insert(&table, 3, 3));
        let nearest = |n, most| {
            let read = ReadGuard::new();
            table.find_nearest_ancestor(&read, Depth(n), most).copied()
        };
        assert_eq!(nearest(5, 32), Some(3));
        assert_eq!(nearest(3, 32), Some(3));
        assert_eq!(nearest(2, 32), Some(1));
        assert_eq!(nearest(40, 32), None);
        assert_eq!(nearest(5, 2), None);
        assert_eq!(nearest(5, 3), Some(3));
        assert_eq!(nearest(3, 0), None);
    }

    #[test]
    fn chains_of_addresses_that_were_handed_out_are_as_short_as_stated() {
        const COUNT: usize = 10_000;
        static OBJECTS: Wide = Wide::new();
        static BY_ADDRESS: Wide = Wide::new();
        let all = (0..COUNT).filter(|&n| insert(&OBJECTS, n, 0)).count();
        let keys = |n| address_of(&OBJECTS, n);
        let nodes = (0..COUNT).filter_map(|n| node(keys(n)?, 0));
        let known = nodes.filter_map(|it| BY_ADDRESS.insert(&mut WriteGuard::lock(), it).ok());
        let known = known.count();
        let longest = BY_ADDRESS.longest_chain(&ReadGuard::new());
        let out = (0..COUNT).filter_map(|n| take_out(&BY_ADDRESS, keys(n)?));
        let out = out.count();
        (0..COUNT).for_each(|n| {
            take_out(&OBJECTS, key(n));
        });
        barrier();
        assert_eq!((all, known, out), (COUNT, COUNT, COUNT));
        // The README of vk-nshash says so.
        assert!(longest <= 27);
    }

    #[test]
    fn readers_on_all_cpus_never_see_an_object_that_is_gone() {
        static COUNT: Count = Count::new();
        let hall = Hall::new(&COUNT);
        let threads = threads(cpus().saturating_mul(2), &|index| hall.live(index, 20_000));
        assert_eq!(threads, Ok(()));
        let left = hall.empty();
        barrier();
        assert_eq!(hall.wrong.load(SeqCst), 0);
        assert!(left <= HALL_KEYS as u64);
        // Each was dropped, and once.
        assert_eq!(
            hall.count.made.load(SeqCst),
            hall.count.dropped.load(SeqCst)
        );
        assert!(hall.found.load(SeqCst) > 1_000 && hall.removed.load(SeqCst) > 1_000);
    }

    #[cfg(kernel)]
    #[test]
    fn every_cpu_took_part() {
        let seen = core::sync::atomic::AtomicU64::new(0);
        let threads = threads(cpus(), &|_| {
            let bit = 1_u64.wrapping_shl(crate::platform::cpu());
            seen.fetch_or(bit, SeqCst);
        });
        assert_eq!(threads, Ok(()));
        assert_eq!(seen.load(SeqCst).count_ones(), cpus().min(64));
    }

    #[test]
    fn a_grace_period_waits_for_a_reader_on_another_cpu() {
        use core::sync::atomic::{AtomicU32, AtomicU64};

        static COUNT: Count = Count::new();
        let hall = Hall::new(&COUNT);
        assert!(hall.enter(0));
        let (inside, retired) = (AtomicU32::new(0), AtomicU32::new(0));
        let dropped_meanwhile = AtomicU64::new(u64::MAX);
        let threads = threads(2, &|index| {
            if index == 0 {
                let _read = ReadGuard::new();
                inside.store(1, SeqCst);
                super::spin_until(|| retired.load(SeqCst) == 1, 2_000);
                // Several grace periods would fit in here.
                super::spin_until(|| hall.count.dropped.load(SeqCst) != 0, 300);
                dropped_meanwhile.store(hall.count.dropped.load(SeqCst), SeqCst);
            } else {
                super::spin_until(|| inside.load(SeqCst) == 1, 2_000);
                retired.store(u32::from(hall.leave(0)), SeqCst);
            }
        });
        barrier();
        assert_eq!(threads, Ok(()));
        assert_eq!(retired.load(SeqCst), 1);
        assert_eq!(dropped_meanwhile.load(SeqCst), 0);
        assert_eq!(hall.count.dropped.load(SeqCst), 1);
    }
}

use hall::{
    address_of, insert, key, remove, spin_until, take_out, Count, Depth, Hall, Small, Wide,
    HALL_KEYS,
};

mod hall {
    use crate::platform::{clock_ns, grace, node, Boxed, ReadGuard, WriteGuard};
    use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
    use vk_kunit_tests::Random;
    use vk_nshash::{Key, Nested, Table};

    /// Few buckets, so that chains are long.
    pub(super) type Small = Table<Boxed<u64>, 3, 8>;

    /// As wide as the registry.
    pub(super) type Wide = Table<Boxed<u64>, 10, 1024>;

    pub(super) const HALL_KEYS: usize = 40;

    /// An address as those of kernel objects: aligned to a cache line.
    pub(super) fn key(n: usize) -> Key {
        Key::new(n.wrapping_add(1).wrapping_mul(64)).unwrap_or(Key::MAX)
    }

    /// An object, named by how deep it lies.
    pub(super) struct Depth(pub(super) usize);

    impl Nested for Depth {
        fn key(&self) -> Key {
            key(self.0)
        }

        fn parent(self) -> Option<Self> {
            self.0.checked_sub(1).map(Self)
        }
    }

    pub(super) fn insert<const BITS: u32, const BUCKETS: usize>(
        table: &Table<Boxed<u64>, BITS, BUCKETS>,
        n: usize,
        value: u64,
    ) -> bool {
        node(key(n), value).is_some_and(|it| table.insert(&mut WriteGuard::lock(), it).is_ok())
    }

    pub(super) fn remove(table: &Small, n: usize) -> Option<u64> {
        take_out(table, key(n))
    }

    pub(super) fn take_out<const BITS: u32, const BUCKETS: usize>(
        table: &Table<Boxed<u64>, BITS, BUCKETS>,
        key: Key,
    ) -> Option<u64> {
        let removed = table.remove(&mut WriteGuard::lock(), key)?;
        let value = *removed.value();
        removed.after(&grace());
        Some(value)
    }

    /// Returns where the allocator put the value of `n`.
    pub(super) fn address_of(table: &Wide, n: usize) -> Option<Key> {
        let read = ReadGuard::new();
        let value = table.find(&read, key(n))?;
        Key::new(core::ptr::from_ref(value).addr())
    }

    /// Waits without sleeping, at most `most_ms`.
    pub(super) fn spin_until(is_done: impl Fn() -> bool, most_ms: u64) {
        let end = clock_ns().wrapping_add(most_ms.wrapping_mul(1_000_000));
        while !is_done() && clock_ns() < end {
            core::hint::spin_loop();
        }
    }

    /// How many guests there were; a static, because they may outlive their hall.
    pub(super) struct Count {
        pub(super) made: AtomicU64,
        pub(super) dropped: AtomicU64,
    }

    impl Count {
        pub(super) const fn new() -> Self {
            Self {
                made: AtomicU64::new(0),
                dropped: AtomicU64::new(0),
            }
        }
    }

    /// A guest, who can tell whether it is one.
    struct Guest {
        n: usize,
        twin: usize,
        is_gone: AtomicU32,
        count: &'static Count,
    }

    impl Guest {
        fn is_right(&self, n: usize) -> bool {
            self.n == n && self.twin == !n && self.is_gone.load(SeqCst) == 0
        }
    }

    impl Drop for Guest {
        fn drop(&mut self) {
            self.is_gone.store(1, SeqCst);
            self.twin = 0;
            self.count.dropped.fetch_add(1, SeqCst);
        }
    }

    /// A table that many threads use at once.
    pub(super) struct Hall {
        table: Table<Boxed<Guest>, 3, 8>,
        pub(super) count: &'static Count,
        pub(super) wrong: AtomicU64,
        pub(super) found: AtomicU64,
        pub(super) removed: AtomicU64,
    }

    impl Hall {
        pub(super) fn new(count: &'static Count) -> Self {
            count.made.store(0, SeqCst);
            count.dropped.store(0, SeqCst);
            Self {
                table: Table::new(),
                count,
                wrong: AtomicU64::new(0),
                found: AtomicU64::new(0),
                removed: AtomicU64::new(0),
            }
        }

        pub(super) fn enter(&self, n: usize) -> bool {
            let guest = Guest {
                n,
                twin: !n,
                is_gone: AtomicU32::new(0),
                count: self.count,
            };
            self.count.made.fetch_add(1, SeqCst);
            let node = node(key(n), guest);
            node.is_some_and(|it| self.table.insert(&mut WriteGuard::lock(), it).is_ok())
        }

        pub(super) fn leave(&self, n: usize) -> bool {
            let removed = self.table.remove(&mut WriteGuard::lock(), key(n));
            removed.map(|it| it.after(&grace())).is_some()
        }

        /// Comes, goes and looks around.
        pub(super) fn live(&self, index: u32, rounds: u32) {
            let mut random = Random::new(u64::from(index));
            for _ in 0..rounds {
                let n = random.below(HALL_KEYS as u64) as usize;
                match random.below(8) {
                    0 | 1 => drop(self.enter(n)),
                    2 => {
                        self.removed.fetch_add(u64::from(self.leave(n)), SeqCst);
                    }
                    3 => self.look_at_all(),
                    _ => self.look_for(n),
                }
            }
        }

        fn look_for(&self, n: usize) {
            let read = ReadGuard::new();
            let Some(guest) = self.table.find(&read, key(n)) else {
                return;
            };
            self.found.fetch_add(1, SeqCst);
            // Looked at for a while, as a handler does.
            let is_wrong = (0..50).any(|_| !guest.is_right(n));
            self.wrong.fetch_add(u64::from(is_wrong), SeqCst);
        }

        fn look_at_all(&self) {
            let read = ReadGuard::new();
            let all = self.table.iter(&read);
            let wrong = all.filter(|guest| !guest.is_right(guest.n)).count();
            self.wrong.fetch_add(wrong as u64, SeqCst);
        }

        /// Returns how many were still there.
        pub(super) fn empty(&self) -> u64 {
            (0..HALL_KEYS).filter(|&n| self.leave(n)).count() as u64
        }
    }
}
