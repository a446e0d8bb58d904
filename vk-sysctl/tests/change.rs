//! A profile is applied as a whole or not at all.

use quickcheck::QuickCheck;
use vk_sysctl::{Change, Key, ParseError, Refusal, Refused, Value, Values};

const MEMORY: Key = Key::OvercommitMemory;
const RATIO: Key = Key::OvercommitRatio;
const KBYTES: Key = Key::OvercommitKbytes;

fn host() -> Values {
    let mut host = Values::new();
    assert!(host.set(MEMORY, Value::Int(0)));
    assert!(host.set(RATIO, Value::Int(50)));
    assert!(host.set(Key::MmapMinAddr, Value::UnsignedLong(65_536)));
    assert!(host.set(Key::ThreadsMax, Value::Int(1000)));
    host
}

fn apply(base: Values, settings: &[(Key, &[u8])]) -> Result<Values, Refused> {
    let host = host();
    let mut change = Change::new(base, &host);
    for (key, text) in settings {
        let _ = change.set(*key, text);
    }
    change.finish()
}

#[test]
fn all_settings_are_applied() {
    let values = apply(
        Values::new(),
        &[(MEMORY, b"2\n"), (RATIO, b"80"), (Key::NrOpen, b"0x400")],
    )
    .unwrap();
    assert_eq!(values.overcommit_memory(), Some(2));
    assert_eq!(values.overcommit_ratio(), Some(80));
    assert_eq!(values.get(Key::NrOpen), Some(Value::UnsignedInt(1024)));
}

#[test]
fn what_is_not_mentioned_stays() {
    let base = apply(Values::new(), &[(MEMORY, b"2"), (Key::FileMax, b"5")]).unwrap();
    let values = apply(base, &[(MEMORY, b"1")]).unwrap();
    assert_eq!(values.overcommit_memory(), Some(1));
    assert_eq!(values.get(Key::FileMax), Some(Value::UnsignedLong(5)));
}

#[test]
fn one_refusal_is_enough_wherever_it_is() {
    let good: [(Key, &[u8]); 3] = [(MEMORY, b"2"), (RATIO, b"80"), (Key::NrOpen, b"1024")];
    let bad: [(Key, &[u8]); 3] = [
        (Key::MountMax, b"zero"),
        (Key::MmapMinAddr, b"0"),
        (Key::ThreadsMax, b"1001"),
    ];
    for at in 0..=good.len() {
        for bad in bad {
            let mut settings = good.to_vec();
            settings.insert(at, bad);
            assert_eq!(apply(Values::new(), &settings), Err(Refused { count: 1 }));
        }
    }
}

#[test]
fn every_refusal_is_told() {
    let host = host();
    let mut change = Change::new(Values::new(), &host);
    let range = change.set(MEMORY, b"3");
    assert!(matches!(
        range,
        Err(Refusal::Text(ParseError::OutOfRange { .. }))
    ));
    let lax = change.set(Key::MmapMinAddr, b"4096");
    assert!(matches!(lax, Err(Refusal::TooLax(_))));
    assert_eq!(change.set(Key::NrOpen, b"100"), Ok(()));
    let twice = change.set(Key::NrOpen, b"100");
    assert_eq!(twice, Err(Refusal::Twice { key: Key::NrOpen }));
    assert_eq!(change.finish(), Err(Refused { count: 3 }));
}

#[test]
fn a_key_is_given_once_even_when_the_first_was_refused() {
    let host = host();
    let mut change = Change::new(Values::new(), &host);
    assert!(change.set(MEMORY, b"3").is_err());
    let twice = change.set(MEMORY, b"1");
    assert_eq!(twice, Err(Refusal::Twice { key: MEMORY }));
}

#[test]
fn a_dump_of_ratio_and_kbytes_is_the_one_that_is_not_zero() {
    for (ratio, kbytes) in [(80, 0), (0, 4096), (0, 0)] {
        let (ratio_text, kbytes_text) = (ratio.to_string(), kbytes.to_string());
        let ratio_line = (RATIO, ratio_text.as_bytes());
        let kbytes_line = (KBYTES, kbytes_text.as_bytes());
        for settings in [[ratio_line, kbytes_line], [kbytes_line, ratio_line]] {
            let values = apply(Values::new(), &settings).unwrap();
            assert_eq!(values.overcommit_ratio(), Some(ratio));
            assert_eq!(values.overcommit_kbytes(), Some(kbytes));
        }
    }
}

#[test]
fn ratio_and_kbytes_that_both_count_are_refused() {
    let host = host();
    let mut change = Change::new(Values::new(), &host);
    assert_eq!(change.set(RATIO, b"80"), Ok(()));
    let conflict = change.set(KBYTES, b"4096");
    assert_eq!(conflict, Err(Refusal::Conflict { with: RATIO }));
    assert!(change.finish().is_err());
}

#[test]
fn one_of_ratio_and_kbytes_zeroes_the_other_of_before() {
    let base = apply(Values::new(), &[(KBYTES, b"4096")]).unwrap();
    let values = apply(base, &[(RATIO, b"80")]).unwrap();
    assert_eq!(values.overcommit_ratio(), Some(80));
    assert_eq!(values.overcommit_kbytes(), Some(0));
}

#[test]
fn a_key_that_the_host_does_not_have_is_not_compared() {
    let none = Values::new();
    let mut change = Change::new(Values::new(), &none);
    assert_eq!(change.set(Key::MmapMinAddr, b"0"), Ok(()));
    assert!(change.finish().is_ok());
}

#[test]
fn the_order_of_settings_does_not_matter() {
    fn holds(numbers: Vec<(u8, u16)>) -> bool {
        let mut settings: Vec<(Key, Vec<u8>)> = numbers
            .into_iter()
            .map(|(key, number)| {
                let key = Key::ALL[usize::from(key) % Key::COUNT];
                (key, number.to_string().into_bytes())
            })
            .collect();
        let forward = apply_all(&settings);
        settings.reverse();
        forward == apply_all(&settings)
    }
    QuickCheck::new()
        .tests(20_000)
        .quickcheck(holds as fn(Vec<(u8, u16)>) -> bool);
}

/// Nothing of it is told apart but whether it was refused, and the values.
fn apply_all(settings: &[(Key, Vec<u8>)]) -> Option<Values> {
    let settings: Vec<(Key, &[u8])> = settings
        .iter()
        .map(|(key, text)| (*key, text.as_slice()))
        .collect();
    apply(Values::new(), &settings).ok()
}

#[test]
fn refusals_are_sentences_with_an_errno() {
    let text = Refusal::Text(ParseError::Empty);
    assert_eq!(text.to_errno(), -22);
    assert_eq!(text.to_string(), "a number is missing");
    let twice = Refusal::Twice { key: MEMORY };
    assert_eq!(twice.to_errno(), -22);
    assert_eq!(twice.to_string(), "vm.overcommit_memory is given twice");
    let conflict = Refusal::Conflict { with: RATIO };
    assert_eq!(conflict.to_errno(), -22);
    assert_eq!(
        conflict.to_string(),
        "vm.overcommit_ratio is given too, and is not 0"
    );
    let lax = Key::ThreadsMax.check(Value::Int(2), Value::Int(1));
    assert_eq!(Refusal::TooLax(lax.unwrap_err()).to_errno(), -1);
    let refused = Refused { count: 2 };
    assert_eq!(refused.to_string(), "2 refused, nothing changed");
}
