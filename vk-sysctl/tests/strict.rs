//! Who may be laxer than the host.

use quickcheck::QuickCheck;
use vk_sysctl::{CType, Exceed, Key, Order, Value, Values};

/// The knobs that protect the kernel that all share; whoever adds one adds it here.
const HARDENING: [Key; 2] = [Key::MmapMinAddr, Key::DmesgRestrict];

/// Values of the key's type: the edges, and what lies around the machine's defaults.
fn samples(key: Key) -> Vec<Value> {
    let near = [
        0u64,
        1,
        2,
        3,
        4095,
        4096,
        65_535,
        65_536,
        65_537,
        1 << 20,
        1 << 31,
    ];
    let edges = [u64::from(u32::MAX), i64::MAX as u64, u64::MAX - 1, u64::MAX];
    let mut values: Vec<Value> = near
        .into_iter()
        .chain(edges)
        .chain(301..304)
        .map(|bits| of_type(key.ctype(), bits))
        .filter(|&value| key.ctype().accepts(value))
        .chain([key.ctype().least(), key.ctype().greatest()])
        .collect();
    values.dedup();
    assert!(values.len() > 2 || key == Key::DmesgRestrict);
    values
}

fn of_type(ctype: CType, bits: u64) -> Value {
    match ctype {
        CType::Int { .. } => Value::Int(bits as i32),
        CType::UnsignedInt { .. } | CType::PipeSize => Value::UnsignedInt(bits as u32),
        CType::UnsignedLong { .. } => Value::UnsignedLong(bits),
        _ => unreachable!(),
    }
}

/// How much a value lets through; more is laxer. Independent of `Order::is_laxer`.
fn laxness(key: Key, value: Value) -> i128 {
    match key.entry().order {
        Order::None => 0,
        Order::Lower => value.number(),
        Order::LowerButZero if value.number() == 0 => i128::MAX,
        Order::LowerButZero => value.number(),
        Order::Higher => -value.number(),
        _ => unreachable!(),
    }
}

#[test]
fn the_hardening_knobs_are_known() {
    for key in Key::ALL {
        assert_eq!(key.is_hardening(), HARDENING.contains(&key), "{key}");
        assert_eq!(key.may_exceed(), key.entry().exceed == Exceed::May);
    }
}

#[test]
fn no_hardening_knob_is_ever_weaker_than_the_hosts() {
    for key in HARDENING {
        // Of both, higher is stricter.
        for value in samples(key) {
            for host in samples(key) {
                let enforced = key.enforced(value, host);
                assert!(enforced.number() >= host.number(), "{key} {value} {host}");
                let is_weaker = value.number() < host.number();
                assert_eq!(key.check(value, host).is_err(), is_weaker);
            }
        }
    }
}

#[test]
fn every_key_keeps_to_its_row_for_every_pair() {
    for key in Key::ALL {
        for value in samples(key) {
            for host in samples(key) {
                let is_laxer = laxness(key, value) > laxness(key, host);
                assert_eq!(key.entry().order.is_laxer(value, host), is_laxer);
                let is_refused = is_laxer && !key.may_exceed();
                let checked = key.check(value, host);
                assert_eq!(checked.is_err(), is_refused, "{key} {value} {host}");
                let expected = if is_refused { host } else { value };
                assert_eq!(key.enforced(value, host), expected);
                if let Err(error) = checked {
                    assert_eq!((error.key, error.value, error.host), (key, value, host));
                    assert_eq!(error.why, key.entry().exceed);
                    assert_eq!(error.to_errno(), -1);
                }
            }
        }
    }
}

#[test]
fn what_is_allowed_key_by_key() {
    let may = |key: Key| key.may_exceed();
    for key in [
        Key::OvercommitMemory,
        Key::OvercommitRatio,
        Key::OvercommitKbytes,
        Key::AdminReserveKbytes,
        Key::UserReserveKbytes,
        Key::MaxMapCount,
        Key::NrOpen,
        Key::PipeMaxSize,
        Key::MountMax,
    ] {
        assert!(may(key), "{key}");
    }
    for key in [
        Key::MmapMinAddr,
        Key::FileMax,
        Key::PipeUserPagesHard,
        Key::PipeUserPagesSoft,
        Key::ThreadsMax,
        Key::PidMax,
        Key::DmesgRestrict,
    ] {
        assert!(!may(key), "{key}");
    }
}

#[test]
fn a_set_is_never_weaker_than_the_host_that_turned_stricter() {
    fn holds(own: Vec<u64>, host: Vec<u64>) -> bool {
        let (own, host) = (generated(&own), generated(&host));
        let enforced = own.enforced(&host);
        Key::ALL.into_iter().all(
            |key| match (own.get(key), host.get(key), enforced.get(key)) {
                (None, _, enforced) => enforced.is_none(),
                (Some(own), None, enforced) => enforced == Some(own),
                (Some(own), Some(host), Some(enforced)) => {
                    let kept = key.may_exceed() || laxness(key, own) <= laxness(key, host);
                    enforced == if kept { own } else { host }
                }
                (Some(_), Some(_), None) => false,
            },
        )
    }
    QuickCheck::new()
        .tests(10_000)
        .quickcheck(holds as fn(Vec<u64>, Vec<u64>) -> bool);
}

/// Sets the keys, one number each, as far as the numbers reach and are accepted.
fn generated(numbers: &[u64]) -> Values {
    let mut values = Values::new();
    for (key, &number) in Key::ALL.into_iter().rev().zip(numbers) {
        values.set(key, of_type(key.ctype(), number));
    }
    values
}

#[test]
fn a_refusal_is_a_sentence() {
    let error = Key::DmesgRestrict.check(Value::Int(0), Value::Int(1));
    assert_eq!(
        error.unwrap_err().to_string(),
        "kernel.dmesg_restrict: 0 is laxer than the host's 1: it protects the kernel that all share"
    );
}
