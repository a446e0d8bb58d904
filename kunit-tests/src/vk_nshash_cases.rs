//! What the kernel's own tests ask of its hash table (lib/tests/hashtable_test.c), asked of ours.

#[cfg_attr(kernel, kernel::prelude::kunit_tests(vk_nshash_cases))]
#[cfg_attr(not(kernel), cfg(test))]
mod suite {
    use super::{count, fill, find, insert, take_out, visit, visits_of, Cases};
    use crate::platform::barrier;

    #[test]
    fn a_table_of_any_size_is_empty_at_first() {
        let (one, two) = (Cases::<2, 4>::new(), Cases::<3, 8>::default());
        assert_eq!((count(&one), count(&two)), (0, 0));
        assert_eq!((find(&one, 0), find(&two, 0)), (None, None));
    }

    #[test]
    fn a_table_with_a_node_is_not_empty() {
        let table = Cases::<1, 2>::new();
        assert!(insert(&table, 1, 13));
        assert_eq!(count(&table), 1);
    }

    #[test]
    fn what_was_put_in_is_in() {
        let table = Cases::<4, 16>::new();
        assert!(insert(&table, 1, 13) && insert(&table, 2, 2));
        assert_eq!((find(&table, 1), find(&table, 2)), (Some(13), Some(2)));
        // The kernel's table takes a key twice; ours tells.
        assert!(!insert(&table, 1, 2));
        assert_eq!(find(&table, 1), Some(13));
    }

    #[test]
    fn each_node_is_visited_once_and_has_its_own_data() {
        let table = Cases::<3, 8>::new();
        assert!(insert(&table, 1, 13) && insert(&table, 2, 10));
        visit(&table, |_| {});
        assert_eq!((visits_of(&table, 1), visits_of(&table, 2)), (1, 1));
        assert_eq!((find(&table, 1), find(&table, 2)), (Some(13), Some(10)));
    }

    #[test]
    fn what_was_taken_out_is_not_visited() {
        let table = Cases::<6, 64>::new();
        assert!(insert(&table, 1, 13) && insert(&table, 2, 10));
        let visits = take_out(&table, 2);
        visit(&table, |_| {});
        let left = (visits_of(&table, 1), count(&table));
        let again = take_out(&table, 2);
        let other = take_out(&table, 1);
        barrier();
        assert_eq!((visits, again, other), (Some(0), None, Some(1)));
        assert_eq!(left, (1, 1));
        assert_eq!(count(&table), 0);
    }

    #[test]
    fn three_nodes_are_visited_once_each() {
        let table = Cases::<3, 8>::new();
        assert!(fill(&table, 3));
        assert_eq!(visit(&table, |_| {}), 3);
        assert!((0..3).all(|n| visits_of(&table, n) == 1));
    }

    #[test]
    fn a_visitor_may_take_out_what_it_visits() {
        let table = Cases::<3, 8>::new();
        assert!(fill(&table, 3));
        let mut visits = [None; 3];
        let visited = visit(&table, |n| {
            if let Some(visits) = visits.get_mut(n) {
                *visits = take_out(&table, n);
            }
        });
        barrier();
        assert_eq!(visited, 3);
        assert_eq!(visits, [Some(1); 3]);
        assert_eq!(count(&table), 0);
    }

    #[test]
    fn of_those_in_its_chain_a_key_finds_its_own() {
        // In a single chain each is possible for each, in 32 they may be.
        let (single, wide) = (Cases::<0, 1>::new(), Cases::<5, 32>::new());
        assert!(fill(&single, 4) && fill(&wide, 4));
        let is_right = |n| find(&single, n) == Some(n + 10) && find(&wide, n) == Some(n + 10);
        assert!((0..4).all(is_right));
        assert_eq!((find(&single, 4), find(&wide, 4)), (None, None));
    }

    #[test]
    fn a_chain_taken_out_node_by_node_leaves_the_others_of_it() {
        let (single, wide) = (Cases::<0, 1>::new(), Cases::<5, 32>::new());
        assert!(fill(&single, 4) && fill(&wide, 4));
        let (mut visited, mut stays) = (0, true);
        visit(&single, |n| {
            visited += 1;
            if n != 3 {
                stays &= take_out(&single, n) == Some(1) && take_out(&wide, n) == Some(0);
                stays &= find(&single, n).is_none() && find(&single, 3) == Some(13);
                stays &= find(&wide, n).is_none() && find(&wide, 3) == Some(13);
            }
        });
        barrier();
        assert!(stays);
        assert_eq!(visited, 4);
        assert_eq!((count(&single), count(&wide)), (1, 1));
    }
}

use cases::{count, fill, find, insert, take_out, visit, visits_of, Cases};

mod cases {
    use crate::platform::{grace, node, Boxed, ReadGuard, WriteGuard};
    use core::sync::atomic::{AtomicU32, Ordering::SeqCst};
    use vk_nshash::{Key, Table};

    /// A node's value, which counts its visits.
    pub(super) struct Case {
        n: usize,
        data: usize,
        visits: AtomicU32,
    }

    pub(super) type Cases<const BITS: u32, const BUCKETS: usize> =
        Table<Boxed<Case>, BITS, BUCKETS>;

    fn key(n: usize) -> Key {
        Key::new(n.wrapping_add(1).wrapping_mul(64)).unwrap_or(Key::MAX)
    }

    pub(super) fn insert<const BITS: u32, const BUCKETS: usize>(
        table: &Cases<BITS, BUCKETS>,
        n: usize,
        data: usize,
    ) -> bool {
        let visits = AtomicU32::new(0);
        let node = node(key(n), Case { n, data, visits });
        node.is_some_and(|it| table.insert(&mut WriteGuard::lock(), it).is_ok())
    }

    /// Puts in 0 to `count - 1`, with data from 10.
    pub(super) fn fill<const BITS: u32, const BUCKETS: usize>(
        table: &Cases<BITS, BUCKETS>,
        count: usize,
    ) -> bool {
        (0..count).all(|n| insert(table, n, n.wrapping_add(10)))
    }

    /// Returns how often it was visited, `None` if it was not there.
    pub(super) fn take_out<const BITS: u32, const BUCKETS: usize>(
        table: &Cases<BITS, BUCKETS>,
        n: usize,
    ) -> Option<u32> {
        let removed = table.remove(&mut WriteGuard::lock(), key(n))?;
        let visits = removed.value().visits.load(SeqCst);
        removed.after(&grace());
        Some(visits)
    }

    /// Calls `visitor` with each, and returns how many there were.
    pub(super) fn visit<const BITS: u32, const BUCKETS: usize>(
        table: &Cases<BITS, BUCKETS>,
        mut visitor: impl FnMut(usize),
    ) -> usize {
        let read = ReadGuard::new();
        let mut count = 0_usize;
        for case in table.iter(&read) {
            case.visits.fetch_add(1, SeqCst);
            count = count.wrapping_add(1);
            visitor(case.n);
        }
        count
    }

    pub(super) fn count<const BITS: u32, const BUCKETS: usize>(
        table: &Cases<BITS, BUCKETS>,
    ) -> usize {
        table.iter(&ReadGuard::new()).count()
    }

    fn look<const BITS: u32, const BUCKETS: usize, R>(
        table: &Cases<BITS, BUCKETS>,
        n: usize,
        look: impl FnOnce(&Case) -> R,
    ) -> Option<R> {
        table.find(&ReadGuard::new(), key(n)).map(look)
    }

    pub(super) fn find<const BITS: u32, const BUCKETS: usize>(
        table: &Cases<BITS, BUCKETS>,
        n: usize,
    ) -> Option<usize> {
        look(table, n, |case| case.data)
    }

    pub(super) fn visits_of<const BITS: u32, const BUCKETS: usize>(
        table: &Cases<BITS, BUCKETS>,
        n: usize,
    ) -> u32 {
        look(table, n, |case| case.visits.load(SeqCst)).unwrap_or(u32::MAX)
    }
}
