//! The table against a naive twin, `HashMap`, on generated operations.

#[allow(dead_code)]
#[path = "support/single.rs"]
mod single;

use proptest::prelude::*;
use single::{key, node, Boxed, Free, Half, Read, Write};
use std::collections::{HashMap, HashSet};
use vk_nshash::{InsertError, Removed, Table};

/// Keys are 1 to this.
const KEYS: usize = 40;

#[derive(Clone, Copy, Debug)]
enum Change {
    Insert(usize),
    Remove(usize),
    /// The oldest grace period ends.
    Retire,
}

#[derive(Clone, Debug)]
enum Step {
    Change(Change),
    Find(usize),
    Climb {
        from: usize,
        most: usize,
    },
    /// A walk, with a change after each value that is seen.
    Walk(Vec<Change>),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (1..=KEYS).prop_map(Change::Insert),
        (1..=KEYS).prop_map(Change::Insert),
        (1..=KEYS).prop_map(Change::Remove),
        Just(Change::Retire),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => change().prop_map(Step::Change),
        4 => (1..=KEYS).prop_map(Step::Find),
        2 => (1..=KEYS, 0..8_usize).prop_map(|(from, most)| Step::Climb { from, most }),
        1 => prop::collection::vec(change(), 0..KEYS).prop_map(Step::Walk),
    ]
}

/// The table, its twin, and who waits for a grace period.
struct Pair<'t, const BITS: u32, const BUCKETS: usize> {
    table: &'t Table<Boxed<u64>, BITS, BUCKETS>,
    twin: HashMap<usize, u64>,
    waiting: Vec<Removed<Boxed<u64>>>,
    /// Each object is another one, whatever its key.
    made: u64,
}

impl<'t, const BITS: u32, const BUCKETS: usize> Pair<'t, BITS, BUCKETS> {
    fn new(table: &'t Table<Boxed<u64>, BITS, BUCKETS>) -> Self {
        Self {
            table,
            twin: HashMap::new(),
            waiting: Vec::new(),
            made: 0,
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Change(Change::Retire) => self.retire(),
            Step::Change(change) => self.change(*change),
            Step::Find(n) => assert_eq!(self.table.find(&Read, key(*n)), self.twin.get(n)),
            Step::Climb { from, most } => self.climb(*from, *most),
            Step::Walk(changes) => self.walk(changes),
        }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Insert(n) => self.insert(n),
            Change::Remove(n) => self.remove(n),
            // Not while a walk may stand on a node that waits.
            Change::Retire => {}
        }
    }

    fn insert(&mut self, n: usize) {
        self.made += 1;
        let refused = self.table.insert(&mut Write, node(n, self.made)).err();
        let back = refused.map(|error| {
            assert!(matches!(error, InsertError::Exists(_)));
            *error.into_node().0.value()
        });
        assert_eq!(back, self.twin.contains_key(&n).then_some(self.made));
        self.twin.entry(n).or_insert(self.made);
    }

    fn remove(&mut self, n: usize) {
        let removed = self.table.remove(&mut Write, key(n));
        assert_eq!(removed.as_ref().map(|it| *it.value()), self.twin.remove(&n));
        self.waiting.extend(removed);
    }

    fn retire(&mut self) {
        if !self.waiting.is_empty() {
            self.waiting.remove(0).after(&Free);
        }
    }

    fn climb(&self, from: usize, most: usize) {
        let found = self.table.find_nearest_ancestor(&Read, Half(from), most);
        let way = std::iter::successors(Some(from), |n| Some(n / 2).filter(|&n| n > 0));
        let expected = way.take(most).find_map(|n| self.twin.get(&n));
        assert_eq!(found, expected);
    }

    fn walk(&mut self, changes: &[Change]) {
        let mut stays: HashSet<u64> = self.twin.values().copied().collect();
        let mut seen = HashSet::new();
        let mut changes = changes.iter();
        for &value in self.table.iter(&Read) {
            assert!(seen.insert(value), "seen twice");
            assert!(
                self.twin.values().any(|&it| it == value),
                "seen although gone"
            );
            if let Some(&change) = changes.next() {
                self.change(change);
            }
            stays.retain(|it| self.twin.values().any(|there| there == it));
        }
        assert!(stays.is_subset(&seen), "not seen although there");
    }

    fn values(&self) -> Vec<u64> {
        let mut values: Vec<u64> = self.twin.values().copied().collect();
        values.sort_unstable();
        values
    }
}

fn agrees<const BITS: u32, const BUCKETS: usize>(steps: &[Step]) {
    let table = Table::new();
    let mut pair = Pair::<BITS, BUCKETS>::new(&table);
    steps.iter().for_each(|step| pair.take(step));
    let mut seen: Vec<u64> = table.iter(&Read).copied().collect();
    seen.sort_unstable();
    assert_eq!(seen, pair.values());
    let waiting = std::mem::take(&mut pair.waiting);
    waiting.into_iter().for_each(|it| it.after(&Free));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn agrees_with_a_hash_map(steps in prop::collection::vec(step(), 0..300)) {
        agrees::<0, 1>(&steps);
        agrees::<3, 8>(&steps);
        agrees::<10, 1024>(&steps);
    }
}
