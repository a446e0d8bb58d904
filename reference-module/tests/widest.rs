//! What must be wide, beside a look at all containers each time.

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
    let mut all: Vec<Own> = Vec::new();
    let (mut random, mut looks) = (1_u64, 0);
    for step in 0..20_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let most = if step / 1000 % 2 == 0 { 12 } else { 3 };
        if all.len() < most {
            let own = random_own(random >> 24);
            widest.add(&own);
            all.push(own);
        } else {
            let gone = all.swap_remove((random >> 33) as usize % all.len());
            widest.remove(&gone);
        }
        if widest.begin_again() {
            looks += 1;
            all.iter().for_each(|own| widest.raise(own));
        }
        let seen: Vec<_> = widest.greatest().collect();
        assert_eq!(seen, greatest_of(&all), "step {step}");
    }
    // Not each time.
    assert!(looks > 100 && looks < 10_000, "{looks} looks");
}
