//! Writes from inside a container.

use vk_sysctl::{judge_write, Denied, Exceed, HostWrites, Inside, Key, Rule, Target, Value};

const KEY: Key = Key::MaxMapCount;
const HOST: Value = Value::Int(65_530);

fn writable(min: Option<i32>, max: Option<i32>) -> Rule {
    Rule {
        inside: Inside::ReadWrite,
        min: min.map(Value::Int),
        max: max.map(Value::Int),
    }
}

#[test]
fn a_key_is_read_only_unless_the_host_said_so() {
    let rule = Rule::default();
    assert_eq!(rule.inside, Inside::ReadOnly);
    assert_eq!(rule.permit(KEY, HOST, HOST), Err(Denied::ReadOnly));
    assert_eq!(writable(None, None).permit(KEY, HOST, HOST), Ok(()));
}

#[test]
fn bounds_are_inclusive() {
    let rule = writable(Some(10), Some(20));
    for (number, expected) in [
        (
            9,
            Err(Denied::BelowMin {
                min: Value::Int(10),
            }),
        ),
        (10, Ok(())),
        (20, Ok(())),
        (
            21,
            Err(Denied::AboveMax {
                max: Value::Int(20),
            }),
        ),
    ] {
        assert_eq!(rule.permit(KEY, Value::Int(number), HOST), expected);
        assert_eq!(rule.bound(Value::Int(number)), expected);
    }
}

#[test]
fn bounds_compare_numbers_and_not_bits() {
    let key = Key::OvercommitRatio;
    let rule = writable(Some(-5), Some(5));
    assert_eq!(rule.permit(key, Value::Int(-5), HOST), Ok(()));
    assert!(rule.permit(key, Value::Int(-6), HOST).is_err());
    assert!(rule.permit(key, Value::Int(6), HOST).is_err());
}

#[test]
fn bounds_alone_hold_for_nested_containers() {
    let mut rule = writable(None, Some(20));
    rule.inside = Inside::ReadOnly;
    assert_eq!(rule.bound(Value::Int(20)), Ok(()));
    assert!(rule.bound(Value::Int(21)).is_err());
}

#[test]
fn bounds_do_not_make_a_hardening_knob_weaker() {
    let rule = Rule {
        inside: Inside::ReadWrite,
        min: Some(Value::Int(0)),
        max: Some(Value::Int(1)),
    };
    let denied = rule.permit(Key::DmesgRestrict, Value::Int(0), Value::Int(1));
    let why = denied.map_err(|denied| match denied {
        Denied::TooLax(error) => Some(error.why),
        _ => None,
    });
    assert_eq!(why, Err(Some(Exceed::Hardening)));
    let kept = rule.permit(Key::DmesgRestrict, Value::Int(1), Value::Int(0));
    assert_eq!(kept, Ok(()));
}

#[test]
fn a_write_without_a_private_value_is_the_hosts_unless_protected() {
    let judge = |rule, writes| judge_write(rule, KEY, HOST, HOST, writes);
    let (open, closed) = (writable(None, None), Rule::default());
    for writes in [HostWrites::Unchanged, HostWrites::Denied] {
        assert_eq!(judge(Some(&open), writes), Ok(Target::Private));
        assert_eq!(judge(Some(&closed), writes), Err(Denied::ReadOnly));
    }
    assert_eq!(judge(None, HostWrites::default()), Ok(Target::Host));
    assert_eq!(judge(None, HostWrites::Denied), Err(Denied::HostProtected));
}

#[test]
fn words_are_exact() {
    for word in [Inside::ReadOnly, Inside::ReadWrite] {
        let text = word.to_string();
        assert_eq!(Inside::from_word(text.as_bytes()), Some(word));
    }
    for word in ["", "r", "RW", "rw\n", "w"] {
        assert_eq!(Inside::from_word(word.as_bytes()), None);
    }
}

#[test]
fn every_denial_is_eperm_and_a_sentence() {
    let too_lax = Key::PidMax.check(Value::Int(302), Value::Int(301));
    for (denied, sentence) in [
        (Denied::ReadOnly, "it is read-only inside"),
        (Denied::BelowMin { min: HOST }, "below the minimum 65530"),
        (Denied::AboveMax { max: HOST }, "above the maximum 65530"),
        (
            Denied::TooLax(too_lax.unwrap_err()),
            "kernel.pid_max: 302 is laxer than the host's 301: \
             nothing can be caught to raise it for one container",
        ),
        (Denied::HostProtected, "the host's values are protected"),
    ] {
        assert_eq!(denied.to_errno(), -1);
        assert_eq!(denied.to_string(), sentence);
    }
}
