//! Every case of `decide`, by a table and by the kernel's own way of computing it.

use vk_thp::{decide, Asker, Enabled, OrderMode, Orders, VmaFlags, PMD_ORDER};

const NONE: VmaFlags = VmaFlags::empty();
const ADVISED: VmaFlags = VmaFlags::HUGEPAGE;
const ADVISED_AGAINST: VmaFlags = VmaFlags::NOHUGEPAGE;
const BOTH: VmaFlags = VmaFlags::all();

/// Whether the PMD order is granted to smaps, a page fault, khugepaged and a forced collapse.
const TRUTH: [(Enabled, VmaFlags, [bool; 4]); 12] = [
    (Enabled::Always, NONE, [true, true, true, true]),
    (Enabled::Always, ADVISED, [true, true, true, true]),
    (Enabled::Always, ADVISED_AGAINST, [true, true, true, true]),
    (Enabled::Always, BOTH, [true, true, true, true]),
    (Enabled::Madvise, NONE, [false, false, false, true]),
    (Enabled::Madvise, ADVISED, [true, true, true, true]),
    (
        Enabled::Madvise,
        ADVISED_AGAINST,
        [false, false, false, true],
    ),
    (Enabled::Madvise, BOTH, [true, true, true, true]),
    (Enabled::Never, NONE, [false, false, false, true]),
    (Enabled::Never, ADVISED, [false, false, false, true]),
    (Enabled::Never, ADVISED_AGAINST, [false, false, false, true]),
    (Enabled::Never, BOTH, [false, false, false, true]),
];

/// Every set of the orders that anonymous memory can have, and some that it cannot.
fn all_asked() -> impl Iterator<Item = Orders> {
    (0..1 << (PMD_ORDER + 2)).map(Orders::from_bits_retain)
}

/// `thp_vma_allowable_orders()` in include/linux/huge_mm.h as C has it, with the three words of
/// `hugepages-2048kB/enabled` and the two flags of `enabled`. Other orders are set to `always`.
fn kernel_gate(
    mode: OrderMode,
    global: Enabled,
    vma: VmaFlags,
    asker: Asker,
    asked: Orders,
) -> Orders {
    let pmd = 1u64 << PMD_ORDER;
    let when = |is: bool| if is { pmd } else { 0 };
    let huge_anon_orders_always = !pmd | when(mode == OrderMode::Always);
    let huge_anon_orders_madvise = when(mode == OrderMode::Madvise);
    let huge_anon_orders_inherit = when(mode == OrderMode::Inherit);
    let hugepage_global_always = global == Enabled::Always;
    let hugepage_global_enabled = global == Enabled::Always || global == Enabled::Madvise;
    let vm_hugepage = vma.bits() & 0x2000_0000 != 0;

    let mut orders = asked.bits();
    if asker as u32 != 3 {
        let mut mask = huge_anon_orders_always;
        if vm_hugepage {
            mask |= huge_anon_orders_madvise;
        }
        if hugepage_global_always || (vm_hugepage && hugepage_global_enabled) {
            mask |= huge_anon_orders_inherit;
        }
        orders &= mask;
    }
    Orders::from_bits_retain(orders)
}

#[test]
fn grants_the_pmd_order_by_the_table() {
    for (policy, vma, granted) in TRUTH {
        for (asker, granted) in Asker::ALL.into_iter().zip(granted) {
            let orders = decide(policy, vma, asker, Orders::PMD);
            assert_eq!(orders == Orders::PMD, granted);
            assert_eq!(orders.is_empty(), !granted);
        }
    }
}

#[test]
fn never_adds_and_never_touches_another_order() {
    for (policy, vma, _) in TRUTH {
        for asker in Asker::ALL {
            for asked in all_asked() {
                let orders = decide(policy, vma, asker, asked);
                assert!(asked.contains(orders));
                assert!(Orders::PMD.contains(asked.difference(orders)));
            }
        }
    }
}

#[test]
fn decides_as_the_kernel_does_with_the_same_settings() {
    for mode in OrderMode::ALL {
        for global in Enabled::ALL {
            for vma in [NONE, ADVISED, ADVISED_AGAINST, BOTH] {
                for asker in Asker::ALL {
                    for asked in all_asked() {
                        let ours = decide(mode.effective(global), vma, asker, asked);
                        assert_eq!(ours, kernel_gate(mode, global, vma, asker, asked));
                    }
                }
            }
        }
    }
}

#[test]
fn a_looser_policy_never_grants_less() {
    for looser_first in Enabled::ALL.windows(2) {
        for vma in [NONE, ADVISED, ADVISED_AGAINST, BOTH] {
            for asker in Asker::ALL {
                let looser = decide(looser_first[0], vma, asker, Orders::PMD);
                let stricter = decide(looser_first[1], vma, asker, Orders::PMD);
                assert!(looser.contains(stricter));
            }
        }
    }
}

#[test]
fn askers_have_the_kernels_numbers() {
    assert_eq!(Asker::from_raw(0), Some(Asker::Smaps));
    assert_eq!(Asker::from_raw(1), Some(Asker::PageFault));
    assert_eq!(Asker::from_raw(2), Some(Asker::Khugepaged));
    assert_eq!(Asker::from_raw(3), Some(Asker::ForcedCollapse));
    assert_eq!(Asker::from_raw(4), None);
    for asker in Asker::ALL {
        assert_eq!(Asker::from_raw(asker as u32), Some(asker));
    }
}
