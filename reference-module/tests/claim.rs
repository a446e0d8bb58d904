//! Claims on a memory cgroup, beside a plain set of claimants.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use vk_reference_module::{Claim, Claimant, Places};

fn claimant(number: u64) -> Claimant {
    let address = 0xffff_8880_0000_0000_usize.wrapping_add(number as usize * 0x3c0);
    (number, NonZeroUsize::new(address).expect("not null"))
}

#[test]
fn tells_the_one_that_is_left_whoever_was_there() {
    let claim = Claim::new();
    let mut naive = BTreeSet::new();
    let mut random = 7_u64;
    for _ in 0..20_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let number = random >> 61;
        if naive.insert(number) {
            claim.join(claimant(number));
        } else {
            naive.remove(&number);
            assert_eq!(claim.leave(claimant(number)), naive.is_empty());
        }
        let sole = (naive.len() == 1).then(|| claimant(*naive.iter().next().expect("one")));
        assert_eq!(claim.sole(), sole);
    }
}

#[test]
fn places_are_the_newest_few() {
    let mut places = Places::new();
    let mut naive: Vec<u32> = Vec::new();
    for place in 0..100 {
        naive.insert(0, place);
        let oldest = (naive.len() > Places::MOST).then(|| naive.pop()).flatten();
        assert_eq!(places.push(place), oldest);
        assert!((0..=place).all(|it| places.has(it) == naive.contains(&it)));
    }
    assert_eq!(places.take().collect::<Vec<_>>(), naive);
    assert!(!places.has(99));
}
