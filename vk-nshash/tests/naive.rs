//! The table against a naive twin, `HashMap`, on generated operations.

use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use vk_nshash::{GracePeriod, InsertError, Key, Node, Owner, ReadSide, Table, WriteSide};

struct Read;
// SAFETY: Each test runs on one thread and retires with no reader alive.
unsafe impl ReadSide for Read {}
struct Write;
// SAFETY: Each test has one, on one thread.
unsafe impl WriteSide for Write {}

struct Boxed(Box<Node<u64>>);
// SAFETY: A box does not move its content, and is rebuilt from the same address.
unsafe impl Owner for Boxed {
    type Value = u64;
    fn into_node(self) -> NonNull<Node<u64>> {
        NonNull::from(Box::leak(self.0))
    }
    unsafe fn from_node(node: NonNull<Node<u64>>) -> Self {
        // SAFETY: `node` came from `into_node`.
        Self(unsafe { Box::from_raw(node.as_ptr()) })
    }
}

#[derive(Default)]
struct Free(AtomicUsize);
// SAFETY: No reader is alive when it is called.
unsafe impl GracePeriod<Boxed> for Free {
    fn retire(&self, node: Boxed) {
        self.0.fetch_add(1, Ordering::Relaxed);
        drop(node);
    }
}

type Small = Table<Boxed, 3, 8>;

fn key(n: usize) -> Key {
    Key::new(n * 64).expect("not null")
}

fn node(n: usize, value: u64) -> Boxed {
    Boxed(Box::new(Node::new(key(n), value)))
}

/// A small generator, so that a failure repeats.
struct Random(u64);
impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

#[test]
fn agrees_with_a_hash_map() {
    let table = Small::new();
    let free = Free::default();
    let mut twin = HashMap::new();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for step in 0..20_000_u64 {
        let n = 1 + random.below(50) as usize;
        match random.below(3) {
            0 => {
                let inserted = table.insert(&mut Write, node(n, step)).is_ok();
                assert_eq!(inserted, !twin.contains_key(&n));
                twin.entry(n).or_insert(step);
            }
            1 => {
                let removed = table.remove(&mut Write, key(n)).map(|removed| {
                    let value = *removed.value();
                    removed.after(&free);
                    value
                });
                assert_eq!(removed, twin.remove(&n));
            }
            _ => assert_eq!(table.find(&Read, key(n)), twin.get(&n)),
        }
    }
    let mut seen: Vec<u64> = table.iter(&Read).copied().collect();
    let mut there: Vec<u64> = twin.values().copied().collect();
    seen.sort_unstable();
    there.sort_unstable();
    assert_eq!(seen, there);
}

#[test]
fn reports_a_double_insertion_and_gives_the_node_back() {
    let table = Small::new();
    assert!(table.insert(&mut Write, node(1, 10)).is_ok());
    let back = table
        .insert(&mut Write, node(1, 11))
        .map_err(InsertError::into_node);
    assert!(matches!(back, Err(Boxed(node)) if *node.value() == 11));
    assert_eq!(table.find(&Read, key(1)), Some(&10));
}

#[test]
fn reports_an_absent_removal() {
    let table = Small::new();
    assert!(table.remove(&mut Write, key(1)).is_none());
}

#[test]
fn an_address_used_again_never_yields_the_old_object() {
    let table = Small::new();
    let free = Free::default();
    assert!(table.insert(&mut Write, node(1, 1)).is_ok());
    let Some(old) = table.remove(&mut Write, key(1)) else {
        panic!("the node is there");
    };
    // The grace period has not run, yet the address has a new owner.
    assert_eq!(table.find(&Read, key(1)), None);
    assert!(table.insert(&mut Write, node(1, 2)).is_ok());
    assert_eq!(table.find(&Read, key(1)), Some(&2));
    old.after(&free);
    assert_eq!(table.find(&Read, key(1)), Some(&2));
    assert_eq!(free.0.load(Ordering::Relaxed), 1);
}

#[test]
fn iteration_goes_on_after_the_removal_of_where_it_stands() {
    let table = Table::<Boxed, 0, 1>::new();
    for n in 1..=4 {
        assert!(table.insert(&mut Write, node(n, n as u64)).is_ok());
    }
    let mut seen = Vec::new();
    let mut retired = Vec::new();
    for &value in table.iter(&Read) {
        retired.extend(table.remove(&mut Write, key(value as usize)));
        seen.push(value);
    }
    assert_eq!(seen, [4, 3, 2, 1]);
    assert!(table.iter(&Read).next().is_none());
    for node in retired {
        node.after(&Free::default());
    }
}

#[test]
fn climbs_to_the_nearest_ancestor() {
    let table = Small::new();
    assert!(table.insert(&mut Write, node(1, 1)).is_ok());
    assert!(table.insert(&mut Write, node(3, 3)).is_ok());
    let parent = |at: Key| Key::new(at.address() - 64);
    let nearest = |n| {
        table
            .find_nearest_ancestor(&Read, key(n), 32, parent)
            .copied()
    };
    assert_eq!(nearest(5), Some(3));
    assert_eq!(nearest(3), Some(3));
    assert_eq!(nearest(2), Some(1));
    assert_eq!(
        table.find_nearest_ancestor(&Read, key(40), 32, parent),
        None
    );
}
