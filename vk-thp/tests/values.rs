//! What a container has for itself: names, values, inheritance.

use vk_thp::{Defrag, Enabled, Key, ShmemEnabled, Switch, Value, Values};

/// Every value there is.
fn all_values() -> Vec<Value> {
    let mut all = Vec::new();
    all.extend(Enabled::ALL.map(Value::Enabled));
    all.extend(Defrag::ALL.map(Value::Defrag));
    all.extend(ShmemEnabled::ALL.map(Value::ShmemEnabled));
    all.extend(Switch::ALL.map(Value::UseZeroPage));
    all.extend(Switch::ALL.map(Value::Khugepaged));
    all
}

#[test]
fn a_name_leads_to_its_key_and_to_no_other() {
    for key in Key::ALL {
        assert_eq!(Key::from_name(key.name().as_bytes()), Some(key));
        assert_eq!(key.to_string(), key.name());
        let longer = format!("{key}s");
        assert_eq!(Key::from_name(longer.as_bytes()), None);
    }
    assert_eq!(Key::from_name(b""), None);
}

#[test]
fn what_is_written_is_read_back_as_the_same_value() {
    for value in all_values() {
        let text = value.to_string();
        assert_eq!(value.key().parse(text.as_bytes()), Ok(value));
    }
    assert!(Key::Khugepaged.parse(b"on").is_err());
    assert!(Key::Defrag.parse(b"inherit").is_err());
}

#[test]
fn a_file_shows_its_value_marked() {
    for value in all_values() {
        let text = value.sysfs_text();
        let marked = format!("[{value}]");
        let is_switch = matches!(value, Value::UseZeroPage(_) | Value::Khugepaged(_));
        let expected = if is_switch { value.to_string() } else { marked };
        assert!(text.contains(&expected), "{text}");
    }
}

#[test]
fn a_value_is_set_read_and_taken_away_alone() {
    for value in all_values() {
        let mut values = Values::new();
        assert!(values.is_empty());
        values.set(value);
        assert!(!values.is_empty());
        for key in Key::ALL {
            let expected = (key == value.key()).then_some(value);
            assert_eq!(values.get(key), expected);
        }
        values.unset(value.key());
        assert_eq!(values, Values::new());
    }
}

#[test]
fn the_inner_value_wins_key_by_key() {
    for outer in all_values() {
        for inner in all_values() {
            let one = |value| {
                let mut values = Values::new();
                values.set(value);
                values
            };
            let merged = one(inner).merge(one(outer));
            assert_eq!(merged.get(inner.key()), Some(inner));
            let expected = if inner.key() == outer.key() {
                inner
            } else {
                outer
            };
            assert_eq!(merged.get(outer.key()), Some(expected));
        }
    }
}
