//! The rules of all keys of one container.

use vk_sysctl::{CType, Inside, Key, Order, Rule, Rules, Value};

fn in_type(key: Key, number: u32) -> Value {
    match key.ctype() {
        CType::Int { .. } => Value::Int(number as i32),
        CType::UnsignedLong { .. } => Value::UnsignedLong(number.into()),
        _ => Value::UnsignedInt(number),
    }
}

#[test]
fn each_key_has_its_own() {
    let rule = |key: Key| Rule {
        inside: Inside::ReadWrite,
        min: Some(key.ctype().least()),
        max: Some(key.ctype().greatest()),
    };
    for key in Key::ALL {
        let mut rules = Rules::new();
        assert!(rules.set(key, rule(key)));
        for other in Key::ALL {
            let expected = if other == key {
                rule(key)
            } else {
                Rule::default()
            };
            assert_eq!(rules.get(other), expected, "{other} after {key}");
        }
        assert!(rules.set(key, Rule::default()));
        assert_eq!(rules, Rules::new());
    }
}

#[test]
fn a_bound_that_no_value_has_changes_nothing() {
    let mut rules = Rules::new();
    for bound in [Value::Int(-1), Value::UnsignedInt(5)] {
        let rule = Rule {
            max: Some(bound),
            inside: Inside::ReadWrite,
            min: None,
        };
        assert!(!rules.set(Key::MaxMapCount, rule));
    }
    assert_eq!(rules, Rules::new());
}

#[test]
fn a_rule_has_a_nearest_bound() {
    let rule = Rule {
        inside: Inside::ReadOnly,
        min: Some(Value::Int(10)),
        max: Some(Value::Int(20)),
    };
    let nearest = |number| rule.nearest(Value::Int(number));
    assert_eq!(
        [9, 10, 20, 21].map(nearest),
        [Some(Value::Int(10)), None, None, Some(Value::Int(20))]
    );
    assert!(rule.is_possible());
    assert_eq!(rule.to_string(), "inside=ro min=10 max=20");
    let (min, max) = (rule.max, rule.min);
    assert!(!Rule { min, max, ..rule }.is_possible());
    assert_eq!(Rule::default().to_string(), "inside=ro min=- max=-");
}

#[test]
fn what_a_limit_forbids_is_what_is_laxer_than_it() {
    for key in Key::ALL {
        let order = key.entry().order;
        for limit in [1, 7, 300] {
            for asked in [0, 1, 6, 7, 8, 299, 300, 301] {
                // To ask for 0 of what is limited is not to ask for no limit.
                let is_laxer = order.is_laxer(in_type(key, asked), in_type(key, limit))
                    && !(order == Order::LowerButZero && asked == 0);
                let forbids = key.forbids(in_type(key, limit), asked.into());
                assert_eq!(forbids, is_laxer, "{key}={limit} asked for {asked}");
            }
        }
    }
    let none = Value::UnsignedLong(0);
    assert!(!Key::PipeUserPagesSoft.forbids(none, u64::MAX));
    assert!(Key::FileMax.forbids(none, 1));
}
