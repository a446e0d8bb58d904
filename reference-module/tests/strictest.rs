//! Beyond what somebody must be asked, beside a look at all containers each time.

mod crowd;

use crowd::{comes_and_goes, Change};
use vk_reference_module::{Key, Own, Setting, Strictest, SERVED};
use vk_sysctl::{Inside, Key as Sysctl, Rule};

const MAPS: Key = Key::Sysctl(Sysctl::MaxMapCount);
const FLOOR: Key = Key::Sysctl(Sysctl::MmapMinAddr);

fn setting(key: Key, number: u64) -> Setting {
    key.parse(number.to_string().as_bytes()).expect("a value")
}

/// A few values of each key, and bounds, so that containers often have the same.
fn random_own(random: u64) -> Own {
    let mut own = Own::new();
    for (nth, key) in [MAPS, FLOOR].into_iter().enumerate() {
        let pick = |at: usize| (random >> (8 * nth + 3 * at) & 7).checked_sub(4);
        if let Some(number) = pick(0) {
            assert!(own.set(key, setting(key, 8192 << number)));
        }
        if let Some(number) = pick(1) {
            let Setting::Sysctl(bound) = setting(key, 4096 << number) else {
                panic!("a parameter");
            };
            let rule = Rule {
                inside: Inside::ReadWrite,
                min: (key == FLOOR).then_some(bound),
                max: (key == MAPS).then_some(bound),
            };
            assert!(own.set_rule(key, rule));
        }
    }
    own
}

/// What may be in force because of `own`: its value, and what others in it are brought to.
fn numbers(own: &Own, key: Key) -> Vec<u64> {
    if !own.is_set() {
        return Vec::new();
    }
    let rule = own.rule(key);
    let value = match own.get(key) {
        Some(Setting::Sysctl(value)) => Some(value),
        _ => None,
    };
    let all = [value, rule.min, rule.max].into_iter().flatten();
    all.map(|it| u64::try_from(it.number()).expect("not negative"))
        .collect()
}

#[test]
fn is_the_strictest_of_those_that_are_there() {
    let mut strictest = Strictest::new();
    let mut looks = 0;
    comes_and_goes(random_own, |change, all| {
        match change {
            Change::Came(own) => strictest.add(&own),
            Change::Went(own) => strictest.remove(&own),
        }
        let of = |key| all.iter().flat_map(move |own| numbers(own, key));
        let (least, greatest) = (of(MAPS).min(), of(FLOOR).max());
        for (seen, (key, ..)) in strictest.numbers().zip(SERVED) {
            // Never laxer than the truth, not even before the next look.
            match Key::Sysctl(key) {
                MAPS => assert!(least.is_none_or(|it| seen.is_some_and(|seen| seen <= it))),
                FLOOR => assert!(greatest.is_none_or(|it| seen.is_some_and(|seen| seen >= it))),
                _ => assert_eq!(seen, None),
            }
        }
        if strictest.begin_again() {
            looks += 1;
            all.iter().for_each(|own| strictest.raise(own));
        }
        let seen = |key| {
            let rows = strictest.numbers().zip(SERVED);
            let mut its = rows.filter(|(_, (served, ..))| Key::Sysctl(*served) == key);
            its.next().and_then(|(number, _)| number)
        };
        assert_eq!((seen(MAPS), seen(FLOOR)), (least, greatest));
    });
    // Not each time.
    assert!(looks > 100 && looks < 15_000, "{looks} looks");
}
