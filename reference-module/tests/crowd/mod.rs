//! Containers that come and go.

use vk_reference_module::Own;

/// What happened to one.
pub(crate) enum Change {
    Came(Own),
    Went(Own),
}

/// Has containers come and go 20,000 times, with values made from a random number, and tells of each
/// change and of all that are there after it.
pub(crate) fn comes_and_goes(
    random_own: impl Fn(u64) -> Own,
    mut seen: impl FnMut(Change, &[Own]),
) {
    let mut all: Vec<Own> = Vec::new();
    let mut random = 1_u64;
    for step in 0..20_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let most = if step / 1000 % 2 == 0 { 12 } else { 3 };
        let change = if all.len() < most {
            let own = random_own(random >> 24);
            all.push(own);
            Change::Came(own)
        } else {
            Change::Went(all.swap_remove((random >> 33) as usize % all.len()))
        };
        seen(change, &all);
    }
}
