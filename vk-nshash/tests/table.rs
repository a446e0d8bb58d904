//! What each call promises, on one thread.

#[allow(dead_code)]
#[path = "support/single.rs"]
mod single;

use single::{key, node, Boxed, Free, Half, Read, Small, Write};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::cell::Cell;
use std::rc::Rc;
use vk_nshash::{GracePeriod, InsertError, Key, Node, Removed, Table, CHAIN_MAX};

// A removed value is still shared with readers of the thread that removed it.
assert_impl_all!(Removed<Boxed<u64>>: Send);
assert_not_impl_any!(Removed<Boxed<Cell<u64>>>: Send);
// Readers of all threads share the values.
assert_impl_all!(Table<Boxed<u64>, 0, 1>: Send, Sync);
assert_not_impl_any!(Table<Boxed<Cell<u64>>, 0, 1>: Send, Sync);
assert_not_impl_any!(Table<Boxed<Rc<u64>>, 0, 1>: Send, Sync);
// An owner that is handed on is no proof that nobody else looks.
assert_not_impl_any!(Node<u64>: Unpin);

#[test]
fn a_table_may_be_a_static() {
    static TABLE: Table<Boxed<u64>, 3, 8> = Table::new();
    assert!(TABLE.insert(&mut Write, node(1, 10)).is_ok());
    assert_eq!(TABLE.find(&Read, key(1)), Some(&10));
    assert!(TABLE
        .remove(&mut Write, key(1))
        .map(|it| it.after(&Free))
        .is_some());
}

#[test]
fn reports_a_double_insertion_and_gives_the_node_back() {
    let table = Small::new();
    assert!(table.insert(&mut Write, node(1, 10)).is_ok());
    let refused = table.insert(&mut Write, node(1, 11)).err();
    assert!(matches!(refused, Some(InsertError::Exists(_))));
    assert_eq!(refused.as_ref().map(InsertError::to_errno), Some(-17));
    let back = refused.map(InsertError::into_node);
    assert_eq!(back.map(|it| *it.0.value()), Some(11));
    assert_eq!(table.find(&Read, key(1)), Some(&10));
    assert_eq!(table.iter(&Read).count(), 1);
}

#[test]
fn reports_an_absent_removal() {
    let table = Small::new();
    assert!(table.remove(&mut Write, key(1)).is_none());
    assert!(table.insert(&mut Write, node(1, 10)).is_ok());
    assert!(table.remove(&mut Write, key(2)).is_none());
    assert!(table
        .remove(&mut Write, key(1))
        .map(|it| it.after(&Free))
        .is_some());
    assert!(table.remove(&mut Write, key(1)).is_none());
}

#[test]
fn removal_hands_back_the_node_itself() {
    let table = Table::<Boxed<Rc<u64>>, 3, 8>::new();
    let value = Rc::new(7);
    let boxed = Boxed(Box::new(Node::new(key(1), value.clone())));
    assert!(table.insert(&mut Write, boxed).is_ok());
    let removed = table.remove(&mut Write, key(1));
    assert!(removed
        .as_ref()
        .is_some_and(|it| Rc::ptr_eq(it.value(), &value)));
    // Not dropped before the grace period, and once then.
    assert_eq!(Rc::strong_count(&value), 2);
    assert!(removed.map(|it| it.after(&Free)).is_some());
    assert_eq!(Rc::strong_count(&value), 1);
}

#[test]
fn a_table_drops_what_is_in_it() {
    let table = Table::<Boxed<Rc<u64>>, 1, 2>::new();
    let value = Rc::new(7);
    for n in 1..=5 {
        let boxed = Boxed(Box::new(Node::new(key(n), value.clone())));
        assert!(table.insert(&mut Write, boxed).is_ok());
    }
    drop(table);
    assert_eq!(Rc::strong_count(&value), 1);
}

#[test]
fn an_address_used_again_never_yields_the_old_object() {
    let table = Small::new();
    assert!(table.insert(&mut Write, node(1, 1)).is_ok());
    let old = table.remove(&mut Write, key(1));
    // The grace period has not run, yet the address has a new owner.
    assert_eq!(table.find(&Read, key(1)), None);
    assert!(table.insert(&mut Write, node(1, 2)).is_ok());
    assert_eq!(table.find(&Read, key(1)), Some(&2));
    assert!(old.map(|it| it.after(&Free)).is_some());
    assert_eq!(table.find(&Read, key(1)), Some(&2));
}

#[test]
fn a_walk_passes_by_the_tombstone_of_an_address_used_again() {
    let table = Table::<Boxed<u64>, 0, 1>::new();
    for n in 1..=3 {
        assert!(table.insert(&mut Write, node(n, n as u64)).is_ok());
    }
    let mut walk = table.iter(&Read);
    assert_eq!(walk.next(), Some(&3));
    // The walk stands before 2, which goes, and whose address comes back.
    let old = table.remove(&mut Write, key(2));
    assert!(table.insert(&mut Write, node(2, 20)).is_ok());
    assert_eq!(walk.collect::<Vec<_>>(), [&1]);
    assert_eq!(table.iter(&Read).collect::<Vec<_>>(), [&20, &3, &1]);
    assert!(old.map(|it| it.after(&Free)).is_some());
}

#[test]
fn a_walk_goes_on_after_the_removal_of_where_it_stands() {
    let table = Table::<Boxed<u64>, 0, 1>::new();
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
    retired.into_iter().for_each(|it| it.after(&Free));
}

#[test]
fn climbs_to_the_nearest_ancestor_and_no_further_than_told() {
    let table = Small::new();
    assert!(table.insert(&mut Write, node(1, 1)).is_ok());
    assert!(table.insert(&mut Write, node(5, 5)).is_ok());
    let nearest = |n, most| table.find_nearest_ancestor(&Read, Half(n), most).copied();
    assert_eq!(nearest(5, 1), Some(5));
    assert_eq!(nearest(22, 32), Some(5));
    assert_eq!(nearest(22, 3), Some(5));
    assert_eq!(nearest(22, 2), None);
    assert_eq!(nearest(24, 32), Some(1));
    assert_eq!(nearest(5, 0), None);
    assert!(table
        .remove(&mut Write, key(1))
        .map(|it| it.after(&Free))
        .is_some());
    assert_eq!(nearest(24, 32), None);
}

#[test]
fn refuses_a_node_too_many_in_a_chain() {
    let table = Table::<Boxed<u64>, 0, 1>::new();
    for n in 1..=CHAIN_MAX {
        assert!(table.insert(&mut Write, node(n, 0)).is_ok());
    }
    assert_eq!(table.longest_chain(&Read), CHAIN_MAX);
    let refused = table.insert(&mut Write, node(CHAIN_MAX + 1, 0)).err();
    assert!(matches!(refused, Some(InsertError::Crowded(_))));
    assert_eq!(refused.as_ref().map(InsertError::to_errno), Some(-28));
    // What is there already is still told from what has no room.
    let refused = table.insert(&mut Write, node(1, 0)).err();
    assert!(matches!(refused, Some(InsertError::Exists(_))));
    assert!(table
        .remove(&mut Write, key(1))
        .map(|it| it.after(&Free))
        .is_some());
    assert!(table.insert(&mut Write, node(CHAIN_MAX + 1, 0)).is_ok());
}

/// Keeps what it is given, which is what a grace period that is over does.
struct Keep(std::cell::RefCell<Vec<Boxed<u64>>>);
// SAFETY: No reader is alive when it is called.
unsafe impl GracePeriod<Boxed<u64>> for Keep {
    fn retire(&self, node: Boxed<u64>) {
        self.0.borrow_mut().push(node);
    }
}

#[test]
fn refuses_a_node_that_was_removed() {
    let (table, kept) = (Small::new(), Keep(Vec::new().into()));
    let fresh = node(1, 10);
    assert_eq!(fresh.0.key(), Some(key(1)));
    assert!(table.insert(&mut Write, fresh).is_ok());
    let removed = table.remove(&mut Write, key(1));
    assert!(removed.map(|it| it.after(&kept)).is_some());
    let spent = kept.0.borrow_mut().pop();
    assert_eq!(spent.as_ref().and_then(|it| it.0.key()), None);
    let refused = spent.and_then(|it| table.insert(&mut Write, it).err());
    assert!(matches!(refused, Some(InsertError::Removed(_))));
    assert_eq!(refused.as_ref().map(InsertError::to_errno), Some(-22));
    assert_eq!(table.find(&Read, key(1)), None);
}

#[test]
fn a_key_is_no_null_and_prints_no_address() {
    assert_eq!(Key::new(0), None);
    assert_eq!(format!("{:?}", key(1)), "Key(..)");
}
