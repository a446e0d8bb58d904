//! The table of keys.

use vk_sysctl::{CType, Enforcer, Key, Unit, Value, TABLE};

#[test]
fn each_key_has_its_row() {
    for (key, entry) in Key::ALL.into_iter().zip(TABLE) {
        assert_eq!(entry.key, key);
        assert_eq!(key.entry(), entry);
        assert_eq!(key.name(), entry.name);
        assert_eq!(key.to_string(), entry.name);
        assert_eq!(Key::from_name(entry.name.as_bytes()), Some(key));
        assert_eq!(entry.name, format!("vm.{}", key.procname()));
        assert_eq!(entry.enforcer, Enforcer::Overcommit);
    }
}

#[test]
fn other_names_are_no_keys() {
    let names: [&[u8]; 6] = [
        b"",
        b"vm",
        b"overcommit_memory",
        b"vm.overcommit_memory\n",
        b"vm/overcommit_memory",
        b"vm.swappiness",
    ];
    for name in names {
        assert_eq!(Key::from_name(name), None);
    }
}

#[test]
fn rows_are_those_of_the_kernels_table() {
    let memory = Key::OvercommitMemory.entry();
    assert_eq!(memory.ctype, CType::Int { min: 0, max: 2 });
    assert_eq!(memory.ctype.size_bytes(), 4);
    assert_eq!(memory.unit, Unit::Mode);
    assert_eq!(memory.zeroes, None);

    let ratio = Key::OvercommitRatio.entry();
    assert_eq!(ratio.ctype, CType::INT);
    assert_eq!(ratio.unit, Unit::Percent);
    assert_eq!(ratio.zeroes, Some(Key::OvercommitKbytes));

    let kbytes = Key::OvercommitKbytes.entry();
    assert_eq!(kbytes.ctype, CType::UNSIGNED_LONG);
    assert_eq!(kbytes.ctype.size_bytes(), 8);
    assert_eq!(kbytes.unit, Unit::Kbytes);
    assert_eq!(kbytes.zeroes, Some(Key::OvercommitRatio));
}

#[test]
fn a_type_accepts_its_own_values_within_bounds() {
    let bounded = CType::Int { min: 0, max: 2 };
    assert!(bounded.accepts(Value::Int(0)));
    assert!(bounded.accepts(Value::Int(2)));
    assert!(!bounded.accepts(Value::Int(3)));
    assert!(!bounded.accepts(Value::Int(-1)));
    assert!(!bounded.accepts(Value::UnsignedLong(1)));
    let long = CType::UnsignedLong { min: 10, max: 20 };
    assert!(long.accepts(Value::UnsignedLong(10)));
    assert!(long.accepts(Value::UnsignedLong(20)));
    assert!(!long.accepts(Value::UnsignedLong(9)));
    assert!(!long.accepts(Value::UnsignedLong(21)));
    assert!(!long.accepts(Value::Int(15)));
    assert_eq!(bounded.zero(), Value::Int(0));
    assert_eq!(long.zero(), Value::UnsignedLong(0));
}

#[test]
fn words_for_people() {
    assert_eq!(CType::INT.to_string(), "int");
    assert_eq!(CType::UNSIGNED_LONG.to_string(), "unsigned long");
    assert_eq!(Unit::Mode.to_string(), "mode");
    assert_eq!(Unit::Percent.to_string(), "percent");
    assert_eq!(Unit::Kbytes.to_string(), "KiB");
    assert_eq!(Value::Int(-5).to_string(), "-5");
    assert_eq!(Value::UnsignedLong(5).to_string(), "5");
}

/// The README's line for `key`.
fn row(key: Key) -> String {
    let entry = key.entry();
    let (least, greatest) = match entry.ctype {
        CType::Int { min, max } => (min.to_string(), max.to_string()),
        CType::UnsignedLong { min, max } => (min.to_string(), max.to_string()),
        _ => unreachable!(),
    };
    let zeroes = entry.zeroes.map_or("-".into(), |key| format!("`{key}`"));
    format!(
        "| `{key}` | {} | {least} | {greatest} | {} | {zeroes} |",
        entry.ctype, entry.unit
    )
}

#[test]
fn the_readme_has_the_same_table() {
    let readme = include_str!("../README.md");
    for key in Key::ALL {
        assert!(readme.lines().any(|line| line == row(key)));
    }
}
