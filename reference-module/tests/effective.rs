//! Inheritance: per key, the nearest namespace that has it.

use vk_overcommit::{Mode, Policy, Reserves};
use vk_reference_module::{Effective, Field, Key, Own, Source};
use vk_sysctl::{Inside, Key as Sysctl, Rule, Value};
use vk_thp::Enabled;

const THP: Key = Key::Thp(vk_thp::Key::Enabled);
const MEMORY: Key = Key::Sysctl(Sysctl::OvercommitMemory);
const RATIO: Key = Key::Sysctl(Sysctl::OvercommitRatio);
const KBYTES: Key = Key::Sysctl(Sysctl::OvercommitKbytes);

fn own(pairs: &[(Key, &[u8])]) -> Own {
    let mut own = Own::new();
    for &(key, text) in pairs {
        let setting = key.parse(text).expect("a value of the key");
        assert!(own.set(key, setting));
    }
    own
}

fn writable(mut own: Own, key: Key) -> Own {
    let inside = Inside::ReadWrite;
    let rule = Rule {
        inside,
        ..own.rule(key)
    };
    assert!(own.set_rule(key, rule));
    own
}

fn chain(owns: &[Own]) -> Effective<usize, usize> {
    let mut effective = Effective::host();
    for (id, own) in owns.iter().enumerate() {
        effective.inherit(id, own, || Some(id * 10));
    }
    effective
}

#[test]
fn nothing_set_is_the_hosts() {
    let effective = chain(&[Own::new(), Own::new()]);
    for key in Key::ALL {
        assert_eq!(effective.get(key), None);
        assert_eq!(effective.source(key), Source::Host);
    }
    assert!(effective.books().is_none());
    assert!(effective.is_host());
    let host = Policy {
        mode: Mode::Never,
        ratio: 7,
        kbytes: 3,
    };
    assert_eq!(effective.overcommit_mode(), None);
    assert_eq!(effective.overcommit(host), host);
}

#[test]
fn the_nearest_value_wins_key_by_key() {
    let inner = own(&[(THP, b"never")]);
    let outer = own(&[(THP, b"always"), (MEMORY, b"2")]);
    let effective = chain(&[inner, outer]);
    assert_eq!(effective.thp().enabled, Some(Enabled::Never));
    assert_eq!(effective.source(THP), Source::Namespace(0));
    assert_eq!(
        effective.sysctl(Sysctl::OvercommitMemory),
        Some(Value::Int(2))
    );
    assert_eq!(effective.overcommit_mode(), Some(Mode::Never));
    assert_eq!(effective.source(MEMORY), Source::Namespace(1));
    assert_eq!(effective.books(), Some((1, &10)));
}

#[test]
fn the_account_is_of_the_nearest_with_a_commit_policy() {
    let effective = chain(&[
        own(&[(THP, b"never")]),
        own(&[(RATIO, b"80")]),
        own(&[(MEMORY, b"2")]),
    ]);
    assert_eq!(effective.books(), Some((1, &10)));
}

#[test]
fn ratio_and_kbytes_stay_one_setting() {
    let effective = chain(&[
        own(&[(KBYTES, b"1024")]),
        own(&[(RATIO, b"80"), (MEMORY, b"2")]),
    ]);
    let policy = effective.overcommit(Policy::default());
    assert_eq!(
        (policy.mode, policy.ratio, policy.kbytes),
        (Mode::Never, 0, 1024)
    );
}

#[test]
fn reserves_are_the_hosts_until_they_are_set() {
    let host = Reserves::from_kbytes(8, 80);
    assert_eq!(chain(&[own(&[(MEMORY, b"2")])]).reserves(host), host);
    let admin = Key::Sysctl(Sysctl::AdminReserveKbytes);
    let user = Key::Sysctl(Sysctl::UserReserveKbytes);
    let inner = own(&[(admin, b"0")]);
    assert!(inner.has_overcommit());
    let reserves = chain(&[inner, own(&[(admin, b"16"), (user, b"4")])]).reserves(host);
    assert_eq!(reserves, Reserves::from_kbytes(0, 4));
}

#[test]
fn only_the_rule_of_the_value_that_counts_makes_it_writable() {
    let mut inner = own(&[(MEMORY, b"1")]);
    let mut outer = own(&[(MEMORY, b"2"), (THP, b"never")]);
    outer = writable(outer, MEMORY);
    outer = writable(outer, THP);
    let effective = chain(&[inner, outer]);
    assert!(!effective.is_writable(MEMORY));
    assert!(effective.is_writable(THP));
    inner = writable(inner, MEMORY);
    assert!(chain(&[inner, outer]).is_writable(MEMORY));
}

fn bounded(mut own: Own, key: Key, min: Option<&[u8]>, max: Option<&[u8]>) -> Own {
    let parse = |text| key.parse(text).expect("a value of the key").sysctl();
    let rule = Rule {
        min: min.and_then(parse),
        max: max.and_then(parse),
        ..own.rule(key)
    };
    assert!(own.set_rule(key, rule));
    own
}

#[test]
fn a_child_is_stricter_or_gets_the_bound() {
    let outer = bounded(own(&[(RATIO, b"50")]), RATIO, Some(b"20"), Some(b"60"));
    for (text, expected, source) in [
        (&b"20"[..], 20, 0),
        (b"60", 60, 0),
        (b"61", 60, 1),
        (b"2147483647", 60, 1),
        (b"19", 20, 1),
        (b"-5", 20, 1),
    ] {
        let effective = chain(&[own(&[(RATIO, text)]), outer]);
        assert_eq!(
            effective.sysctl(Sysctl::OvercommitRatio),
            Some(Value::Int(expected))
        );
        assert_eq!(effective.source(RATIO), Source::Namespace(source));
    }
    // The bounds do not bind the namespace that has them.
    let own = bounded(own(&[(RATIO, b"99")]), RATIO, None, Some(b"60"));
    assert_eq!(
        chain(&[own]).sysctl(Sysctl::OvercommitRatio),
        Some(Value::Int(99))
    );
}

#[test]
fn the_outermost_bound_has_the_last_word() {
    let inner = own(&[(MEMORY, b"0")]);
    let middle = bounded(own(&[(MEMORY, b"0")]), MEMORY, None, Some(b"1"));
    let outer = bounded(own(&[(MEMORY, b"2")]), MEMORY, Some(b"2"), None);
    let effective = chain(&[inner, middle, outer]);
    assert_eq!(
        effective.sysctl(Sysctl::OvercommitMemory),
        Some(Value::Int(2))
    );
    assert_eq!(effective.source(MEMORY), Source::Namespace(2));
    // What is between a bound and its namespace is bound too, without values of its own.
    let effective = chain(&[inner, Own::new(), outer]);
    assert_eq!(
        effective.sysctl(Sysctl::OvercommitMemory),
        Some(Value::Int(2))
    );
}

#[test]
fn of_ratio_and_kbytes_the_one_that_counts_is_bound() {
    let outer = own(&[(RATIO, b"50")]);
    let outer = bounded(outer, RATIO, Some(b"20"), Some(b"60"));
    let outer = bounded(outer, KBYTES, Some(b"1000"), Some(b"2000"));
    for (key, text, ratio, kbytes) in [
        (RATIO, &b"80"[..], 60, 0),
        (RATIO, b"10", 20, 0),
        (KBYTES, b"3000", 0, 2000),
        (KBYTES, b"1500", 0, 1500),
        (KBYTES, b"10", 0, 1000),
    ] {
        let policy = chain(&[own(&[(key, text)]), outer]).overcommit(Policy::default());
        assert_eq!((policy.ratio, policy.kbytes), (ratio, kbytes));
    }
}

#[test]
fn bounds_need_a_value_between_them() {
    let rule = |min, max| bounded(own(&[(RATIO, b"50")]), RATIO, min, max).rule(RATIO);
    assert!(rule(Some(b"5"), Some(b"5")).is_possible());
    assert!(!rule(Some(b"6"), Some(b"5")).is_possible());
    assert!(rule(Some(b"6"), None).is_possible() && rule(None, Some(b"5")).is_possible());
}

#[test]
fn unset_takes_the_rule_away_too() {
    let mut own = own(&[(MEMORY, b"2")]);
    own = writable(own, MEMORY);
    assert!(own.is_set() && own.has_overcommit());
    own.unset(MEMORY);
    assert_eq!(own, Own::new());
}

#[test]
fn only_more_than_never_needs_the_gate() {
    let needs = |text: &[u8]| own(&[(THP, text)]).needs_gate();
    assert_eq!(
        [&b"always"[..], b"madvise", b"never"].map(needs),
        [true, true, false]
    );
    assert!(!own(&[(MEMORY, b"2")]).needs_gate());
    let shmem = |text: &[u8]| own(&[(Key::Thp(vk_thp::Key::ShmemEnabled), text)]).needs_gate();
    assert_eq!(
        [&b"advise"[..], b"force", b"never", b"deny"].map(shmem),
        [true, true, false, false]
    );
}

#[test]
fn only_a_container_with_the_zero_page_needs_the_flag_raised() {
    let needs = |text: &[u8]| own(&[(Key::Thp(vk_thp::Key::UseZeroPage), text)]).needs_zero_page();
    assert_eq!([&b"0"[..], b"1"].map(needs), [false, true]);
    assert!(!own(&[(THP, b"always")]).needs_zero_page());
}

#[test]
fn keys_and_their_rules_have_names() {
    assert_eq!(Key::from_name(b"thp_enabled"), Some((THP, Field::Value)));
    assert_eq!(
        Key::from_name(b"vm.overcommit_ratio.max"),
        Some((RATIO, Field::Max))
    );
    assert_eq!(Key::from_name(b"vm.overcommit_ratio.maximum"), None);
    assert_eq!(Key::from_name(b"vm.swappiness"), None);
    for (index, key) in Key::ALL.into_iter().enumerate() {
        assert_eq!(key.index(), index);
    }
}

#[test]
fn one_value_anywhere_is_not_the_hosts() {
    for key in Key::ALL {
        let greatest = key.ctype().map(|ctype| ctype.greatest().to_string());
        let text = match key {
            Key::Thp(vk_thp::Key::UseZeroPage | vk_thp::Key::Khugepaged) => "0",
            Key::Thp(_) => "never",
            Key::Sysctl(_) => greatest.as_deref().unwrap_or("0"),
        };
        let text = text.as_bytes();
        let set = own(&[(key, text)]);
        assert!(!chain(&[set, Own::new()]).is_host());
        assert!(!chain(&[Own::new(), set]).is_host());
    }
}
