//! What must be wide, beside a look at all containers each time.

mod crowd;

use crowd::{comes_and_goes, Change};
use vk_reference_module::{Key, Own, Setting, Widest, SERVED};
use vk_sysctl::Key as Sysctl;

const WIDENED: [Sysctl; 3] = [Sysctl::MaxMapCount, Sysctl::NrOpen, Sysctl::PipeMaxSize];

/// A few values of each key, so that containers often have the same.
fn random_own(random: u64) -> Own {
    let mut own = Own::new();
    for (nth, key) in WIDENED.into_iter().chain([Sysctl::ThreadsMax]).enumerate() {
        let choice = random >> (8 * nth) & 7;
        let Some(number) = choice.checked_sub(3) else {
            continue;
        };
        let text = (8192_u64 << number).to_string();
        let setting = Key::Sysctl(key).parse(text.as_bytes()).expect("a value");
        assert!(own.set(Key::Sysctl(key), setting));
    }
    own
}

fn greatest_of(all: &[Own]) -> Vec<Option<u64>> {
    let number = |own: &Own, key| match own.get(Key::Sysctl(key)) {
        Some(Setting::Sysctl(value)) => u64::try_from(value.number()).ok(),
        _ => None,
    };
    let of = |key| all.iter().filter_map(|own| number(own, key)).max();
    let is_widened = |key: &Sysctl| WIDENED.contains(key);
    SERVED
        .iter()
        .map(|(key, ..)| Some(*key).filter(is_widened).and_then(of))
        .collect()
}

#[test]
fn is_the_greatest_of_those_that_are_there() {
    let mut widest = Widest::new();
    let mut looks = 0;
    comes_and_goes(random_own, |change, all| {
        match change {
            Change::Came(own) => widest.add(&own),
            Change::Went(own) => widest.remove(&own),
        }
        if widest.begin_again() {
            looks += 1;
            all.iter().for_each(|own| widest.raise(own));
        }
        let seen: Vec<_> = widest.greatest().collect();
        assert_eq!(seen, greatest_of(all));
    });
    // Not each time.
    assert!(looks > 100 && looks < 10_000, "{looks} looks");
}
