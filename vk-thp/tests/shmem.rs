//! `ShmemPolicy::allowable`: tables written from the kernel's documentation, and its invariants.
//!
//! The sections named are those of Documentation/admin-guide/mm/transhuge.rst.

use proptest::prelude::*;
use vk_thp::{
    Asker, Orders, ShmemEnabled, ShmemMount, ShmemOrderMode, ShmemOrders, ShmemPolicy,
    ShmemRequest, ShmemVma, ThpDisable, TmpfsHuge, VmaFlags, PMD_ORDER,
};

const PLAIN: VmaFlags = VmaFlags::empty();
const ADVISED: VmaFlags = VmaFlags::HUGEPAGE;
/// Orders 1 to 9.
const ALL: u64 = 0x3fe;
const PMD: u64 = 1 << 9;

/// A page whose block of PMD order is in the file, and one where only smaller blocks are.
const INSIDE: u64 = 100;
const AT_THE_END: u64 = 600;
/// In pages. A block of order 8 with page 600 in it ends here.
const SIZE: u64 = 768;
/// Orders 1 to 8.
const SMALL: u64 = 0x1fe;

fn no_sizes() -> ShmemOrders {
    ShmemOrders::default()
}

fn pmd(mode: ShmemOrderMode) -> ShmemOrders {
    no_sizes().with(PMD_ORDER, mode)
}

fn fault(flags: VmaFlags, index_pages: u64) -> ShmemRequest {
    let vma = ShmemVma {
        flags,
        process: ThpDisable::Unset,
        is_anon_shmem: true,
    };
    ShmemRequest {
        mount: ShmemMount::Internal,
        is_regular: true,
        vma: Some(vma),
        asker: Asker::PageFault,
        index_pages,
        size_pages: SIZE,
        write_end_pages: 0,
    }
}

fn named(huge: TmpfsHuge, flags: VmaFlags, index_pages: u64) -> ShmemRequest {
    let request = fault(flags, index_pages);
    let vma = request.vma.map(|vma| ShmemVma {
        is_anon_shmem: false,
        ..vma
    });
    ShmemRequest {
        mount: ShmemMount::Tmpfs(huge),
        vma,
        ..request
    }
}

fn write(index_pages: u64, write_end_pages: u64) -> ShmemRequest {
    ShmemRequest {
        vma: None,
        write_end_pages,
        ..fault(PLAIN, index_pages)
    }
}

fn allowable(global: ShmemEnabled, orders: ShmemOrders, request: ShmemRequest) -> u64 {
    ShmemPolicy { global, orders }.allowable(&request).bits()
}

/// "shmem / internal tmpfs", the words of one size: for a fault inside and at the end of the file,
/// each without and with `MADV_HUGEPAGE`.
///
/// `within_size` does not look at `MADV_HUGEPAGE` in mm/shmem.c, although that section says so.
const ONE_SIZE: [(ShmemOrderMode, [u64; 4]); 4] = [
    (ShmemOrderMode::Always, [PMD, PMD, PMD, PMD]),
    (ShmemOrderMode::WithinSize, [PMD, PMD, 0, 0]),
    (ShmemOrderMode::Advise, [0, PMD, 0, PMD]),
    (ShmemOrderMode::Never, [0, 0, 0, 0]),
];

/// The same section, `inherit` of the PMD order under each word of the global file.
///
/// `within_size` at the end: smaller sizes fit there, and that is enough for an order that inherits
/// in mm/shmem.c.
const INHERITED: [(ShmemEnabled, [u64; 4]); 6] = [
    (ShmemEnabled::Always, [PMD, PMD, PMD, PMD]),
    (ShmemEnabled::WithinSize, [PMD, PMD, PMD, PMD]),
    (ShmemEnabled::Advise, [0, PMD, 0, PMD]),
    (ShmemEnabled::Never, [0, 0, 0, 0]),
    (ShmemEnabled::Deny, [0, 0, 0, 0]),
    (ShmemEnabled::Force, [PMD, PMD, PMD, PMD]),
];

/// "tmpfs mounts", the words of `huge=`, for a file with a name, as above.
const MOUNTED: [(TmpfsHuge, [u64; 4]); 4] = [
    (TmpfsHuge::Always, [ALL, ALL, ALL, ALL]),
    (TmpfsHuge::WithinSize, [ALL, ALL, SMALL, SMALL]),
    (TmpfsHuge::Advise, [0, ALL, 0, ALL]),
    (TmpfsHuge::Never, [0, 0, 0, 0]),
];

const PLACES: [(u64, VmaFlags); 4] = [
    (INSIDE, PLAIN),
    (INSIDE, ADVISED),
    (AT_THE_END, PLAIN),
    (AT_THE_END, ADVISED),
];

#[test]
fn a_size_goes_by_its_own_word_whatever_the_global_one_is() {
    use ShmemEnabled::{Advise, Always, Never, WithinSize};
    for global in [Always, WithinSize, Advise, Never] {
        for (mode, expected) in ONE_SIZE {
            for ((index, flags), expected) in PLACES.into_iter().zip(expected) {
                let granted = allowable(global, pmd(mode), fault(flags, index));
                assert_eq!(granted, expected, "{mode} under {global}, page {index}");
            }
        }
    }
}

#[test]
fn a_size_that_inherits_goes_by_the_global_word() {
    for (global, expected) in INHERITED {
        for ((index, flags), expected) in PLACES.into_iter().zip(expected) {
            let granted = allowable(global, ShmemOrders::AT_BOOT, fault(flags, index));
            assert_eq!(granted, expected, "{global}, page {index} {flags:?}");
        }
    }
}

#[test]
fn past_the_end_within_size_is_advise() {
    for (flags, expected) in [(PLAIN, 0), (ADVISED, PMD)] {
        let request = fault(flags, SIZE);
        let granted = allowable(ShmemEnabled::WithinSize, ShmemOrders::AT_BOOT, request);
        assert_eq!(granted, expected);
    }
}

#[test]
fn a_file_with_a_name_goes_by_its_mount() {
    use ShmemEnabled::{Advise, Always, Never, WithinSize};
    for global in [Always, WithinSize, Advise, Never] {
        for mode in ShmemOrderMode::ALL {
            for (huge, expected) in MOUNTED {
                for ((index, flags), expected) in PLACES.into_iter().zip(expected) {
                    let request = named(huge, flags, index);
                    let granted = allowable(global, pmd(mode), request);
                    assert_eq!(granted, expected, "huge={huge:?}, page {index} {flags:?}");
                }
            }
        }
    }
}

#[test]
fn deny_and_force_hold_on_every_mount() {
    // "tmpfs mounts": deny forces the huge option off from all mounts, force forces it on for all.
    for huge in TmpfsHuge::ALL {
        for (index, flags) in PLACES {
            let request = named(huge, flags, index);
            assert_eq!(allowable(ShmemEnabled::Deny, no_sizes(), request), 0);
            assert_eq!(allowable(ShmemEnabled::Force, no_sizes(), request), PMD);
        }
    }
    // Memory without a name: whatever its size's own word is.
    for mode in ShmemOrderMode::ALL {
        for (index, flags) in PLACES {
            let request = fault(flags, index);
            assert_eq!(allowable(ShmemEnabled::Deny, pmd(mode), request), 0);
        }
    }
    // Force gives it what inherits: without the PMD order, not that.
    let orders = pmd(ShmemOrderMode::Always).with(4, ShmemOrderMode::Inherit);
    let granted = allowable(ShmemEnabled::Force, orders, fault(PLAIN, INSIDE));
    assert_eq!(granted, 1 << 4);
}

#[test]
fn madvise_collapse_ignores_all_words_but_deny() {
    // "Global THP controls", the note, and never in both lists of words.
    for global in ShmemEnabled::ALL {
        for mode in ShmemOrderMode::ALL {
            for mount in TmpfsHuge::ALL {
                for request in [fault(PLAIN, AT_THE_END), named(mount, PLAIN, AT_THE_END)] {
                    let forced = ShmemRequest {
                        asker: Asker::ForcedCollapse,
                        ..request
                    };
                    let expected = if global == ShmemEnabled::Deny { 0 } else { PMD };
                    assert_eq!(allowable(global, pmd(mode), forced), expected);
                }
            }
        }
    }
}

#[test]
fn what_the_program_forbade_stays_forbidden() {
    // "process THP controls".
    for global in ShmemEnabled::ALL {
        for asker in Asker::ALL {
            for process in ThpDisable::ALL {
                for bits in 0..4 {
                    let flags = VmaFlags::from_bits_truncate(bits << 29);
                    let request = fault(flags, INSIDE);
                    let vma = request.vma.map(|vma| ShmemVma { process, ..vma });
                    let of = |vma| ShmemRequest {
                        vma,
                        asker,
                        ..request
                    };
                    let orders = pmd(ShmemOrderMode::Always);
                    let granted = allowable(global, orders, of(vma));
                    if process.forbids(flags, asker) {
                        assert_eq!(granted, 0);
                    } else {
                        assert_eq!(granted, allowable(global, orders, of(request.vma)));
                    }
                }
            }
        }
    }
}

#[test]
fn write_counts_with_the_end_that_the_file_will_have() {
    let global = ShmemEnabled::WithinSize;
    let at = |index, end| allowable(global, no_sizes(), write(index, end));
    assert_eq!(at(AT_THE_END, 0), SMALL);
    assert_eq!(at(AT_THE_END, 1023), SMALL);
    assert_eq!(at(AT_THE_END, 1024), ALL);
    assert_eq!(at(SIZE, 0), 0);
    assert_eq!(at(SIZE, SIZE + 2), 0b10);
    // A write has no VMA, so the words of the sizes have no say: not even against it.
    assert_eq!(
        allowable(ShmemEnabled::Always, no_sizes(), write(0, 0)),
        ALL
    );
}

#[test]
fn only_regular_files_go_by_the_mount() {
    let link = ShmemRequest {
        is_regular: false,
        ..write(0, 0)
    };
    for global in ShmemEnabled::ALL {
        assert_eq!(allowable(global, no_sizes(), link), 0);
    }
}

#[test]
fn masks_keep_one_mode_for_each_order() {
    let mut orders = ShmemOrders::AT_BOOT;
    for order in 0..64 {
        for mode in ShmemOrderMode::ALL {
            let before = orders;
            orders = orders.with(order, mode);
            assert_eq!(orders.mode(order), mode);
            for other in (0..64).filter(|&other| other != order) {
                assert_eq!(orders.mode(other), before.mode(other));
            }
        }
    }
    assert_eq!(orders.with(64, ShmemOrderMode::Always), orders);
}

#[test]
fn force_is_taken_while_the_pmd_order_alone_inherits() {
    let admits = |orders: ShmemOrders, word| orders.admits(word);
    let both = ShmemOrders::AT_BOOT.with(4, ShmemOrderMode::Inherit);
    for global in ShmemEnabled::ALL {
        assert!(admits(ShmemOrders::AT_BOOT, global));
        assert_eq!(admits(both, global), global != ShmemEnabled::Force);
        assert_eq!(admits(no_sizes(), global), global != ShmemEnabled::Force);
    }
}

#[test]
fn orders_have_a_highest_one() {
    assert_eq!(Orders::empty().highest(), None);
    for order in 0..64 {
        assert_eq!(Orders::from_order(order).highest(), Some(order));
        assert_eq!(
            Orders::from_bits_retain(!0 >> (63 - order)).highest(),
            Some(order)
        );
    }
    assert!(Orders::from_order(64).is_empty());
    assert_eq!(Orders::ALL_FILE.bits(), ALL);
}

fn any_orders() -> impl Strategy<Value = Orders> {
    (0..2048u64).prop_map(Orders::from_bits_retain)
}

fn any_request() -> impl Strategy<Value = ShmemRequest> {
    let mount = prop_oneof![
        Just(ShmemMount::Internal),
        proptest::sample::select(&TmpfsHuge::ALL[..]).prop_map(ShmemMount::Tmpfs),
    ];
    let vma = (
        0..4u64,
        proptest::sample::select(&ThpDisable::ALL[..]),
        any::<bool>(),
    );
    let vma = vma.prop_map(|(bits, process, is_anon_shmem)| ShmemVma {
        flags: VmaFlags::from_bits_truncate(bits << 29),
        process,
        is_anon_shmem,
    });
    let asker = proptest::sample::select(&Asker::ALL[..]);
    let page = || prop_oneof![4 => 0..2048u64, 1 => any::<u64>()];
    let place = (page(), page(), page());
    let request = (
        mount,
        proptest::option::of(vma),
        asker,
        any::<bool>(),
        place,
    );
    request.prop_map(|(mount, vma, asker, is_regular, place)| ShmemRequest {
        mount,
        is_regular,
        vma,
        asker,
        index_pages: place.0,
        size_pages: place.1,
        write_end_pages: place.2,
    })
}

/// Whether each page of the block with `index` in it is in a file of `pages`: page by page.
fn fits(index: u64, order: u32, pages: u64) -> bool {
    let len = 1u128 << order;
    let first = u128::from(index) / len * len;
    (first..first + len).all(|page| page < u128::from(pages))
}

proptest! {
    #[test]
    fn a_size_within_the_file_is_granted_iff_the_largest_that_fits_covers_it(
        index in 0..3000u64, pages in 0..3000u64, sizes in any_orders(),
    ) {
        let orders = ShmemOrders { within_size: sizes, ..no_sizes() };
        let request = ShmemRequest { size_pages: pages, ..fault(PLAIN, index) };
        let granted = allowable(ShmemEnabled::Never, orders, request);
        for order in 0..11 {
            let is_granted = granted >> order & 1 == 1;
            let is_a_size = sizes.bits() >> order & 1 == 1 && (1..=9).contains(&order);
            prop_assert_eq!(is_granted, is_a_size && fits(index, order, pages));
        }
    }

    #[test]
    fn nothing_beyond_the_page_cache_and_nothing_undecided(
        global in proptest::sample::select(&ShmemEnabled::ALL[..]),
        masks in (any_orders(), any_orders(), any_orders(), any_orders()),
        request in any_request(),
    ) {
        let orders = ShmemOrders {
            always: masks.0,
            inherit: masks.1,
            within_size: masks.2,
            madvise: masks.3,
        };
        let granted = ShmemPolicy { global, orders }.allowable(&request);
        let inherit = if global == ShmemEnabled::Force { masks.1 } else { Orders::empty() };
        prop_assert!(Orders::ALL_FILE.union(inherit).contains(granted));
    }
}
