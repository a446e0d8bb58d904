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
use world::{insert, key_of, model, remove, remove_and_wait, Chain, Depth, Reader, Wide};

mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

    macro_rules! constant {
        ($($function:tt)*) => { $($function)* };
    }
    pub(crate) use constant;

    pub(crate) fn nulls<T, const N: usize>() -> [AtomicPtr<T>; N] {
        std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut()))
    }
}

#[test]
fn who_finds_a_node_sees_it_whole() {
    model(|| {
        let table = Arc::new(Chain::new());
        let writer = thread::spawn({
            let table = table.clone();
            move || assert!(insert(&table, 1, 10))
        });
        let found = Reader::enter(|read| table.find(read, key_of(1)).map(|it| it.read()));
        assert!(matches!(found, None | Some(10)));
        writer.join().expect("no panic");
        let found = Reader::enter(|read| table.find(read, key_of(1)).map(|it| it.read()));
        assert_eq!(found, Some(10));
    });
}

#[test]
fn who_finds_a_node_behind_a_removed_one_sees_it_whole() {
    model(|| {
        let table = Arc::new(Chain::new());
        let writer = thread::spawn({
            let table = table.clone();
            move || {
                assert!(insert(&table, 1, 10) && insert(&table, 2, 20));
                assert_eq!(remove_and_wait(&table, 2), Some(20));
            }
        });
        let found = Reader::enter(|read| table.find(read, key_of(1)).map(|it| it.read()));
        assert!(matches!(found, None | Some(10)));
        writer.join().expect("no panic");
    });
}

#[test]
fn an_address_used_again_never_yields_the_old_object_after_the_new() {
    model(|| {
        let table = Arc::new(Chain::new());
        assert!(insert(&table, 1, 10));
        let writer = thread::spawn({
            let table = table.clone();
            move || {
                let old = remove(&table, 1);
                assert!(insert(&table, 1, 11));
                old.expect("it is there").after(&world::Grace);
            }
        });
        let find = || Reader::enter(|read| table.find(read, key_of(1)).map(|it| it.read()));
        let (first, second) = (find(), find());
        assert!(matches!(first, None | Some(10 | 11)));
        match first {
            Some(10) => {}
            None => assert!(matches!(second, None | Some(11))),
            _ => assert_eq!(second, Some(11)),
        }
        writer.join().expect("no panic");
        assert_eq!(find(), Some(11));
    });
}

#[test]
fn a_preempted_reader_never_finds_the_old_object_of_an_address_used_again() {
    model(|| {
        let table = Arc::new(Chain::new());
        assert!(insert(&table, 1, 10));
        Reader::enter(|read| {
            // It is about to look at the first node of the chain.
            let preempted = table.enter(read, key_of(1));
            let old = remove(&table, 1);
            assert!(insert(&table, 1, 11));
            let found = preempted.find_live(key_of(1)).map(|it| it.read());
            assert_eq!(found, None);
            let found = table.find(read, key_of(1)).map(|it| it.read());
            assert_eq!(found, Some(11));
            old
        })
        .expect("it is there")
        .after(&world::Grace);
    });
}

#[test]
fn a_found_value_lives_until_its_reader_leaves() {
    model(|| {
        let table = Arc::new(Chain::new());
        assert!(insert(&table, 1, 10));
        let writer = thread::spawn({
            let table = table.clone();
            move || remove_and_wait(&table, 1)
        });
        Reader::enter(|read| {
            if let Some(value) = table.find(read, key_of(1)) {
                thread::yield_now();
                assert_eq!(value.read(), 10);
            }
        });
        assert_eq!(writer.join().expect("no panic"), Some(10));
    });
}

/// Walks while one of three goes.
fn walk_while_removing(gone: usize) {
    model(move || {
        let table = Arc::new(Chain::new());
        (1..=3).for_each(|n| assert!(insert(&table, n, n as u64)));
        let writer = thread::spawn({
            let table = table.clone();
            move || remove_and_wait(&table, gone)
        });
        let seen = Reader::enter(|read| {
            let seen: Vec<u64> = table.iter(read).map(|it| it.read()).collect();
            seen
        });
        let all = vec![3, 2, 1];
        let without: Vec<u64> = all.iter().copied().filter(|&n| n != gone as u64).collect();
        assert!(seen == all || seen == without, "{seen:?}");
        assert_eq!(writer.join().expect("no panic"), Some(gone as u64));
    });
}

#[test]
fn a_walk_survives_the_removal_of_the_first() {
    walk_while_removing(3);
}

#[test]
fn a_walk_survives_the_removal_of_one_in_the_middle() {
    walk_while_removing(2);
}

#[test]
fn a_walk_survives_the_removal_of_the_last() {
    walk_while_removing(1);
}

#[test]
fn a_walk_sees_what_stays_although_all_before_it_goes() {
    model(|| {
        let table = Arc::new(Chain::new());
        (1..=3).for_each(|n| assert!(insert(&table, n, n as u64)));
        let writer = thread::spawn({
            let table = table.clone();
            move || {
                let old = [remove(&table, 3), remove(&table, 2)];
                assert!(insert(&table, 4, 4));
                for it in old {
                    it.expect("it is there").after(&world::Grace);
                }
            }
        });
        let seen: Vec<u64> = Reader::enter(|read| table.iter(read).map(|it| it.read()).collect());
        assert_eq!(seen.iter().filter(|&&n| n == 1).count(), 1, "{seen:?}");
        assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "{seen:?}");
        writer.join().expect("no panic");
    });
}

#[test]
fn of_two_insertions_one_is_refused() {
    model(|| {
        let table = Arc::new(Chain::new());
        let other = thread::spawn({
            let table = table.clone();
            move || insert(&table, 1, 11)
        });
        let ours = insert(&table, 1, 10);
        let theirs = other.join().expect("no panic");
        assert!(ours != theirs);
        let found = Reader::enter(|read| table.find(read, key_of(1)).map(|it| it.read()));
        assert_eq!(found, Some(if ours { 10 } else { 11 }));
    });
}

#[test]
fn of_two_removals_one_gets_the_node() {
    model(|| {
        let table = Arc::new(Chain::new());
        assert!(insert(&table, 1, 10));
        let other = thread::spawn({
            let table = table.clone();
            move || remove_and_wait(&table, 1)
        });
        let ours = remove_and_wait(&table, 1);
        let theirs = other.join().expect("no panic");
        assert_eq!(ours.or(theirs), Some(10));
        assert!(ours.is_none() || theirs.is_none());
    });
}

#[test]
fn neighbours_come_and_go_without_harm_to_each_other() {
    model(|| {
        let table = Arc::new(Chain::new());
        (1..=2).for_each(|n| assert!(insert(&table, n, n as u64)));
        let other = thread::spawn({
            let table = table.clone();
            move || remove_and_wait(&table, 1)
        });
        assert_eq!(remove_and_wait(&table, 2), Some(2));
        assert_eq!(other.join().expect("no panic"), Some(1));
        assert_eq!(Reader::enter(|read| table.iter(read).count()), 0);
    });
}

#[test]
fn a_climb_ends_at_the_far_ancestor_or_at_the_nearer_new_one() {
    model(|| {
        let table = Arc::new(Wide::new());
        assert!(insert(&table, 1, 10));
        let writer = thread::spawn({
            let table = table.clone();
            move || assert!(insert(&table, 2, 20))
        });
        let climb = || {
            Reader::enter(|read| {
                let found = table.find_nearest_ancestor(read, Depth(3), 32);
                found.map(|it| it.read())
            })
        };
        assert!(matches!(climb(), Some(10 | 20)));
        writer.join().expect("no panic");
        assert_eq!(climb(), Some(20));
    });
}
