//! Every case of `Defrag::effort`, by a table written from the kernel's documentation.

use vk_thp::{Defrag, Effort, GfpBits, VmaFlags};

/// transhuge.rst, "Global THP controls", what follows "It's also possible to limit defrag efforts":
/// without and with `MADV_HUGEPAGE`, whether the task stalls, whether it does so only lightly, and
/// whether the background threads are woken.
///
/// "Lightly" is in no documentation; vma_thp_gfp_mask() has it since always stopped meaning that
/// everybody waits as long as those who asked.
const TRUTH: [(Defrag, [&str; 2]); 5] = [
    // "will stall on allocation failure and directly reclaim pages and compact memory"
    (Defrag::Always, ["stall lightly", "stall"]),
    // "will wake kswapd in the background"
    (Defrag::Defer, ["wake", "wake"]),
    // "like always, but only for regions that have used MADV_HUGEPAGE; all other will wake kswapd"
    (Defrag::DeferMadvise, ["wake", "stall"]),
    // "like always but only for regions that are have used MADV_HUGEPAGE"
    (Defrag::Madvise, ["", "stall"]),
    // "should be self-explanatory"
    (Defrag::Never, ["", ""]),
];

/// Bits far apart, as in no build.
const BITS: GfpBits = GfpBits {
    transhuge_light: 0x8000_0101,
    direct_reclaim: 1 << 4,
    kswapd_reclaim: 1 << 12,
    noretry: 1 << 20,
};

fn words(effort: Effort) -> String {
    let mut words = Vec::new();
    if effort.has_direct_reclaim() {
        words.push("stall");
    }
    if effort.has_noretry() {
        words.push("lightly");
    }
    if effort.has_kswapd_reclaim() {
        words.push("wake");
    }
    words.join(" ")
}

/// Every set of flags a VMA can have, the ones that do not matter included.
fn flags(is_advised: bool) -> [VmaFlags; 2] {
    let flags = if is_advised {
        VmaFlags::HUGEPAGE
    } else {
        VmaFlags::empty()
    };
    [flags, flags | VmaFlags::NOHUGEPAGE]
}

#[test]
fn tries_as_hard_as_the_table_says() {
    for (policy, expected) in TRUTH {
        for (is_advised, expected) in [false, true].into_iter().zip(expected) {
            for vma in flags(is_advised) {
                assert_eq!(words(policy.effort(vma)), expected, "{policy} {is_advised}");
            }
        }
    }
}

#[test]
fn masks_have_the_bits_of_the_words() {
    for effort in Effort::ALL {
        let mut mask = BITS.transhuge_light;
        for (is_there, bit) in [
            (effort.has_direct_reclaim(), BITS.direct_reclaim),
            (effort.has_kswapd_reclaim(), BITS.kswapd_reclaim),
            (effort.has_noretry(), BITS.noretry),
        ] {
            mask += if is_there { bit } else { 0 };
        }
        assert_eq!(BITS.mask(effort), mask);
    }
}

#[test]
fn who_asked_with_madvise_never_gets_less() {
    for policy in Defrag::ALL {
        assert!(policy.effort(VmaFlags::HUGEPAGE) >= policy.effort(VmaFlags::empty()));
    }
}

#[test]
fn every_effort_is_some_policys() {
    for effort in Effort::ALL {
        let mut all = Defrag::ALL
            .into_iter()
            .flat_map(|policy| [false, true].map(|is| policy.effort(flags(is)[0])));
        assert!(all.any(|it| it == effort));
    }
}
