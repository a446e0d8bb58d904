//! A container's own values and what it inherits.

use vk_sysctl::{Key, Value, Values};

const MEMORY: Key = Key::OvercommitMemory;
const RATIO: Key = Key::OvercommitRatio;
const KBYTES: Key = Key::OvercommitKbytes;

fn written(writes: &[(Key, &[u8])]) -> Values {
    let mut values = Values::new();
    for (key, text) in writes {
        values.write(*key, &key.parse_write(text, 0).unwrap());
    }
    values
}

#[test]
fn nothing_is_set_at_first() {
    let values = Values::new();
    assert!(values.is_empty());
    for key in Key::ALL {
        assert_eq!(values.get(key), None);
    }
    assert_eq!(values, Values::default());
}

#[test]
fn what_is_written_is_read() {
    let values = written(&[(MEMORY, b"2"), (RATIO, b"80")]);
    assert!(!values.is_empty());
    assert_eq!(values.get(MEMORY), Some(Value::Int(2)));
    assert_eq!(values.overcommit_memory(), Some(2));
    assert_eq!(values.overcommit_ratio(), Some(80));
}

#[test]
fn ratio_and_kbytes_zero_each_other() {
    let values = written(&[(KBYTES, b"4096"), (RATIO, b"80")]);
    assert_eq!(values.overcommit_ratio(), Some(80));
    assert_eq!(values.overcommit_kbytes(), Some(0));
    let values = written(&[(RATIO, b"80"), (KBYTES, b"4096")]);
    assert_eq!(values.overcommit_ratio(), Some(0));
    assert_eq!(values.overcommit_kbytes(), Some(4096));
    let values = written(&[(RATIO, b"80"), (KBYTES, b"0")]);
    assert_eq!(values.overcommit_ratio(), Some(0));
}

#[test]
fn the_mode_zeroes_nothing() {
    let values = written(&[(RATIO, b"80"), (MEMORY, b"1")]);
    assert_eq!(values.overcommit_ratio(), Some(80));
    assert_eq!(values.overcommit_kbytes(), Some(0));
}

#[test]
fn a_write_without_a_value_zeroes_the_other_as_in_the_kernel() {
    let mut values = written(&[(KBYTES, b"4096")]);
    values.write(RATIO, &RATIO.parse_write(b"80", 1).unwrap());
    assert_eq!(values.overcommit_ratio(), Some(0));
    assert_eq!(values.overcommit_kbytes(), Some(0));
    let mut values = written(&[(MEMORY, b"1")]);
    values.write(MEMORY, &MEMORY.parse_write(b"2", 1).unwrap());
    assert_eq!(values.overcommit_memory(), Some(1));
}

#[test]
fn set_refuses_other_types_and_values_out_of_bounds() {
    let mut values = Values::new();
    assert!(!values.set(MEMORY, Value::Int(3)));
    assert!(!values.set(MEMORY, Value::UnsignedLong(1)));
    assert!(!values.set(RATIO, Value::UnsignedLong(1)));
    assert!(!values.set(KBYTES, Value::Int(1)));
    assert!(values.is_empty());
    assert!(values.set(KBYTES, Value::UnsignedLong(1)));
    assert_eq!(values.overcommit_kbytes(), Some(1));
    assert_eq!(values.overcommit_ratio(), Some(0));
}

#[test]
fn unset_takes_ratio_and_kbytes_away_together() {
    let mut values = written(&[(MEMORY, b"2"), (RATIO, b"80")]);
    values.unset(KBYTES);
    assert_eq!(values.overcommit_ratio(), None);
    assert_eq!(values.overcommit_kbytes(), None);
    assert_eq!(values.overcommit_memory(), Some(2));
    values.unset(MEMORY);
    assert!(values.is_empty());
}

#[test]
fn own_values_stand_above_inherited_ones_key_by_key() {
    let host = written(&[(MEMORY, b"0"), (RATIO, b"50")]);
    let outer = written(&[(MEMORY, b"2")]);
    let inner = written(&[(KBYTES, b"4096")]);
    let effective = inner.merge(outer.merge(host));
    assert_eq!(effective.overcommit_memory(), Some(2));
    assert_eq!(effective.overcommit_ratio(), Some(0));
    assert_eq!(effective.overcommit_kbytes(), Some(4096));
}

#[test]
fn merging_with_nothing_changes_nothing() {
    let values = written(&[(MEMORY, b"2"), (RATIO, b"80")]);
    assert_eq!(values.merge(Values::new()), values);
    assert_eq!(Values::new().merge(values), values);
    assert_eq!(values.merge(values), values);
}
