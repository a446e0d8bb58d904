//! The chains under loom: every order in which threads can meet, and every stale value they may
//! read.
//!
//! The sources of the crate are compiled once more, with loom's atomics for core's.

#[allow(dead_code, unreachable_pub)]
#[path = "../src/chain.rs"]
mod chain;
#[allow(dead_code, unreachable_pub)]
#[path = "../src/climb.rs"]
mod climb;
#[allow(dead_code, unreachable_pub)]
#[path = "../src/error.rs"]
mod error;
#[allow(dead_code, unreachable_pub)]
#[path = "../src/key.rs"]
mod key;
#[path = "support/world.rs"]
mod world;

use chain::{GracePeriod, Node, Owner, ReadSide, Table, WriteSide};
use error::InsertError;
use key::{Key, Nested};
use loom::sync::Arc;
use loom::thread;
use std::collections::BTreeSet;
use world::{
    insert, key_of, outcomes, remove, remove_and_wait, Chain, Depth, Grace, Reader, Watched,
};

mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

    macro_rules! constant {
        ($($function:tt)*) => { $($function)* };
    }
    pub(crate) use constant;

    pub(crate) fn nulls<T, const N: usize>() -> [AtomicPtr<T>; N] {
        std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut()))
    }
}

/// Reads in one thread while `write` writes in another, and returns what the reader saw.
///
/// The reader is the thread that is spawned: loom begins with the other one, and a read that meets
/// a write makes it try both orders, where a write that meets a read may not.
fn meet<R: 'static>(
    table: &Arc<Chain>,
    read: impl FnOnce(&Chain, &Reader) -> R + 'static,
    write: impl FnOnce(&Chain),
) -> R {
    let reader = thread::spawn({
        let table = table.clone();
        move || Reader::enter(|side| read(&table, side))
    });
    write(table);
    reader.join().expect("no panic")
}

fn find(table: &Chain, side: &Reader, n: usize) -> Option<u64> {
    table.find(side, key_of(n)).map(Watched::read)
}

fn walk(table: &Chain, side: &Reader) -> Vec<u64> {
    table.iter(side).map(Watched::read).collect()
}

/// A table with 1 to `count`, the last in first.
fn chain_of(count: usize) -> Arc<Chain> {
    let table = Arc::new(Chain::new());
    (1..=count).for_each(|n| assert!(insert(&table, n, n as u64)));
    table
}

#[test]
fn who_finds_a_node_sees_it_whole() {
    let seen = outcomes(|| {
        let table = chain_of(1);
        let write = |table: &Chain| assert!(insert(table, 2, 20));
        let seen = meet(&table, |table, side| find(table, side, 2), write);
        assert_eq!(Reader::enter(|side| find(&table, side, 2)), Some(20));
        seen
    });
    assert_eq!(seen, [None, Some(20)].into());
}

#[test]
fn who_finds_a_node_behind_a_removed_one_sees_it_whole() {
    let seen = outcomes(|| {
        let write = |table: &Chain| {
            assert!(insert(table, 1, 10) && insert(table, 2, 20));
            assert_eq!(remove_and_wait(table, 2), Some(20));
        };
        meet(&chain_of(0), |table, side| find(table, side, 1), write)
    });
    assert_eq!(seen, [None, Some(10)].into());
}

#[test]
fn an_address_used_again_never_yields_the_old_object_after_the_new() {
    let seen = outcomes(|| {
        let write = |table: &Chain| {
            let old = remove(table, 1).expect("it is there");
            assert!(insert(table, 1, 11));
            old.after(&Grace);
        };
        let read = |table: &Chain, side: &Reader| (find(table, side, 1), find(table, side, 1));
        meet(&chain_of(1), read, write)
    });
    let (old, new) = (Some(1), Some(11));
    let forward = [
        (old, old),
        (old, None),
        (old, new),
        (None, None),
        (None, new),
        (new, new),
    ];
    assert_eq!(seen, forward.into());
}

#[test]
fn a_preempted_reader_never_finds_the_old_object_of_an_address_used_again() {
    let seen = outcomes(|| {
        let table = chain_of(1);
        let (seen, old) = Reader::enter(|side| {
            // It is about to look at the first node of the chain.
            let preempted = table.enter(side, key_of(1));
            let old = remove(&table, 1).expect("it is there");
            assert!(insert(&table, 1, 11));
            let found = preempted.seek(key_of(1)).map(Watched::read);
            ((found, find(&table, side, 1)), old)
        });
        old.after(&Grace);
        seen
    });
    assert_eq!(seen, [(None, Some(11))].into());
}

#[test]
fn a_found_value_lives_until_its_reader_leaves() {
    let seen = outcomes(|| {
        let read = |table: &Chain, side: &Reader| {
            let value = table.find(side, key_of(1))?;
            thread::yield_now();
            Some(value.read())
        };
        meet(&chain_of(1), read, |table| {
            assert_eq!(remove_and_wait(table, 1), Some(1));
        })
    });
    assert_eq!(seen, [None, Some(1)].into());
}

/// Walks while one of three goes.
fn walks_while_one_goes(gone: usize) -> BTreeSet<Vec<u64>> {
    outcomes(move || {
        meet(&chain_of(3), walk, move |table| {
            assert_eq!(remove_and_wait(table, gone), Some(gone as u64));
        })
    })
}

#[test]
fn a_walk_survives_the_removal_of_the_first() {
    assert_eq!(walks_while_one_goes(3), [vec![3, 2, 1], vec![2, 1]].into());
}

#[test]
fn a_walk_survives_the_removal_of_one_in_the_middle() {
    assert_eq!(walks_while_one_goes(2), [vec![3, 2, 1], vec![3, 1]].into());
}

#[test]
fn a_walk_survives_the_removal_of_the_last() {
    assert_eq!(walks_while_one_goes(1), [vec![3, 2, 1], vec![3, 2]].into());
}

#[test]
fn a_walk_sees_what_stays_although_all_before_it_goes() {
    let seen = outcomes(|| {
        meet(&chain_of(3), walk, |table| {
            let old = [remove(table, 3), remove(table, 2)];
            assert!(insert(table, 4, 4));
            for it in old {
                it.expect("it is there").after(&Grace);
            }
        })
    });
    assert!(seen.iter().all(|seen| seen.ends_with(&[1])), "{seen:?}");
    let falls = |seen: &Vec<u64>| seen.windows(2).all(|pair| pair[0] > pair[1]);
    assert!(seen.iter().all(falls), "{seen:?}");
    assert!(seen.contains(&vec![3, 2, 1]) && seen.contains(&vec![4, 1]));
}

#[test]
fn of_two_insertions_one_is_refused() {
    let seen = outcomes(|| {
        let table = chain_of(0);
        let other = thread::spawn({
            let table = table.clone();
            move || insert(&table, 1, 11)
        });
        let ours = insert(&table, 1, 10);
        let theirs = other.join().expect("no panic");
        (ours, theirs, Reader::enter(|side| walk(&table, side)))
    });
    let orders = [(true, false, vec![10]), (false, true, vec![11])];
    assert_eq!(seen, orders.into());
}

#[test]
fn of_two_removals_one_gets_the_node() {
    let seen = outcomes(|| {
        let table = chain_of(1);
        let other = thread::spawn({
            let table = table.clone();
            move || remove_and_wait(&table, 1)
        });
        let ours = remove_and_wait(&table, 1);
        (ours, other.join().expect("no panic"))
    });
    assert_eq!(seen, [(Some(1), None), (None, Some(1))].into());
}

#[test]
fn neighbours_come_and_go_without_harm_to_each_other() {
    let seen = outcomes(|| {
        let table = chain_of(2);
        let other = thread::spawn({
            let table = table.clone();
            move || remove_and_wait(&table, 1)
        });
        let ours = remove_and_wait(&table, 2);
        let theirs = other.join().expect("no panic");
        (ours, theirs, Reader::enter(|side| walk(&table, side)))
    });
    assert_eq!(seen, [(Some(2), Some(1), vec![])].into());
}

#[test]
fn a_climb_ends_at_the_far_ancestor_or_at_the_nearer_new_one() {
    fn climb(table: &Chain, side: &Reader) -> Option<u64> {
        let found = table.find_nearest_ancestor(side, Depth(3), 32);
        found.map(Watched::read)
    }
    let seen = outcomes(|| {
        let table = chain_of(1);
        let seen = meet(&table, climb, |table| assert!(insert(table, 2, 20)));
        assert_eq!(Reader::enter(|side| climb(&table, side)), Some(20));
        seen
    });
    assert_eq!(seen, [Some(1), Some(20)].into());
}
