//! Every case of `Policy::allowable`, by a table written from the kernel's documentation.
//!
//! The sections named are those of Documentation/admin-guide/mm/transhuge.rst.

use vk_thp::{decide, Asker, Enabled, OrderMode, Orders, Policy, Request, Switch, ThpDisable};
use vk_thp::{VmaFlags, PMD_ORDER};

const PLAIN: VmaFlags = VmaFlags::empty();
const ADVISED: VmaFlags = VmaFlags::HUGEPAGE;
const REFUSED: VmaFlags = VmaFlags::NOHUGEPAGE;
/// The kernel never leaves both flags in a VMA; the answer is still defined.
const BOTH: VmaFlags = VmaFlags::all();
const VMAS: [VmaFlags; 4] = [PLAIN, ADVISED, REFUSED, BOTH];

/// One line: what the policy comes to, what the process said, what madvise said, and whether a
/// PMD-sized page is granted to smaps, a page fault, khugepaged and `MADV_COLLAPSE`.
type Row = (Enabled, ThpDisable, VmaFlags, [u8; 4]);

use Enabled::{Always, Madvise, Never};
use ThpDisable::{Completely, ExceptAdvised, Unset};

const TRUTH: [Row; 36] = [
    // "Global THP controls": always means wherever a page fits.
    (Always, Unset, PLAIN, [1, 1, 1, 1]),
    (Always, Unset, ADVISED, [1, 1, 1, 1]),
    // The same: madvise restricts it to MADV_HUGEPAGE regions.
    (Madvise, Unset, PLAIN, [0, 0, 0, 1]),
    (Madvise, Unset, ADVISED, [1, 1, 1, 1]),
    // The same, its note: never does not disable them, because MADV_COLLAPSE ignores the settings.
    (Never, Unset, PLAIN, [0, 0, 0, 1]),
    (Never, Unset, ADVISED, [0, 0, 0, 1]),
    // "process THP controls", last sentence of the second form: MADV_COLLAPSE is always rejected
    // where MADV_NOHUGEPAGE is set. madvise(2): no huge pages there at all.
    (Always, Unset, REFUSED, [0, 0, 0, 0]),
    (Always, Unset, BOTH, [0, 0, 0, 0]),
    (Madvise, Unset, REFUSED, [0, 0, 0, 0]),
    (Madvise, Unset, BOTH, [0, 0, 0, 0]),
    (Never, Unset, REFUSED, [0, 0, 0, 0]),
    (Never, Unset, BOTH, [0, 0, 0, 0]),
    // "process THP controls", first form: disabled completely, irrespective of the global controls
    // and of MADV_COLLAPSE.
    (Always, Completely, PLAIN, [0, 0, 0, 0]),
    (Always, Completely, ADVISED, [0, 0, 0, 0]),
    (Always, Completely, REFUSED, [0, 0, 0, 0]),
    (Always, Completely, BOTH, [0, 0, 0, 0]),
    (Madvise, Completely, PLAIN, [0, 0, 0, 0]),
    (Madvise, Completely, ADVISED, [0, 0, 0, 0]),
    (Madvise, Completely, REFUSED, [0, 0, 0, 0]),
    (Madvise, Completely, BOTH, [0, 0, 0, 0]),
    (Never, Completely, PLAIN, [0, 0, 0, 0]),
    (Never, Completely, ADVISED, [0, 0, 0, 0]),
    (Never, Completely, REFUSED, [0, 0, 0, 0]),
    (Never, Completely, BOTH, [0, 0, 0, 0]),
    // The same, second form: with always or madvise, MADV_HUGEPAGE or MADV_COLLAPSE is needed.
    (Always, ExceptAdvised, PLAIN, [0, 0, 0, 1]),
    (Always, ExceptAdvised, ADVISED, [1, 1, 1, 1]),
    (Madvise, ExceptAdvised, PLAIN, [0, 0, 0, 1]),
    (Madvise, ExceptAdvised, ADVISED, [1, 1, 1, 1]),
    // With never, MADV_COLLAPSE is.
    (Never, ExceptAdvised, PLAIN, [0, 0, 0, 1]),
    (Never, ExceptAdvised, ADVISED, [0, 0, 0, 1]),
    // MADV_NOHUGEPAGE as above.
    (Always, ExceptAdvised, REFUSED, [0, 0, 0, 0]),
    (Always, ExceptAdvised, BOTH, [0, 0, 0, 0]),
    (Madvise, ExceptAdvised, REFUSED, [0, 0, 0, 0]),
    (Madvise, ExceptAdvised, BOTH, [0, 0, 0, 0]),
    (Never, ExceptAdvised, REFUSED, [0, 0, 0, 0]),
    (Never, ExceptAdvised, BOTH, [0, 0, 0, 0]),
];

/// "Global THP controls": a size that says inherit takes the top-level value, others do not.
const IN_FORCE: [(OrderMode, Enabled, Enabled); 12] = [
    (OrderMode::Always, Always, Always),
    (OrderMode::Always, Madvise, Always),
    (OrderMode::Always, Never, Always),
    (OrderMode::Inherit, Always, Always),
    (OrderMode::Inherit, Madvise, Madvise),
    (OrderMode::Inherit, Never, Never),
    (OrderMode::Madvise, Always, Madvise),
    (OrderMode::Madvise, Madvise, Madvise),
    (OrderMode::Madvise, Never, Madvise),
    (OrderMode::Never, Always, Never),
    (OrderMode::Never, Madvise, Never),
    (OrderMode::Never, Never, Never),
];

fn granted(
    (enabled, host): (OrderMode, Enabled),
    khugepaged: Switch,
    process: ThpDisable,
    vma: VmaFlags,
    asker: Asker,
    orders: Orders,
) -> Orders {
    let policy = Policy {
        enabled,
        khugepaged,
    };
    let request = Request {
        vma,
        process,
        asker,
        orders,
    };
    policy.allowable(host, &request)
}

#[test]
fn the_table_has_every_case_once() {
    let mut seen = std::collections::HashSet::new();
    for (enabled, process, vma, _) in TRUTH {
        assert!(seen.insert((enabled, process, vma)));
    }
    assert_eq!(
        seen.len(),
        Enabled::ALL.len() * ThpDisable::ALL.len() * VMAS.len()
    );
}

#[test]
fn grants_the_pmd_order_by_the_table() {
    for (mode, host, in_force) in IN_FORCE {
        for (enabled, process, vma, granted_to) in TRUTH {
            if enabled != in_force {
                continue;
            }
            for (asker, is_granted) in Asker::ALL.into_iter().zip(granted_to) {
                let ask = (mode, host);
                let orders = granted(ask, Switch::On, process, vma, asker, Orders::PMD);
                let expected = if is_granted == 1 {
                    Orders::PMD
                } else {
                    Orders::empty()
                };
                assert_eq!(
                    orders, expected,
                    "{mode} under {host}, {process:?} {vma:?} {asker:?}"
                );
            }
        }
    }
}

#[test]
fn khugepaged_off_stops_khugepaged_and_nobody_else() {
    for (mode, host, _) in IN_FORCE {
        for process in ThpDisable::ALL {
            for vma in VMAS {
                for asker in Asker::ALL {
                    for asked in [Orders::PMD, Orders::ALL_ANON, Orders::from_order(4)] {
                        let with = |khugepaged| {
                            granted((mode, host), khugepaged, process, vma, asker, asked)
                        };
                        if asker == Asker::Khugepaged {
                            assert!(with(Switch::Off).is_empty());
                        } else {
                            assert_eq!(with(Switch::Off), with(Switch::On));
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn smaller_orders_are_the_hosts_unless_the_program_forbids_them() {
    for (mode, host, _) in IN_FORCE {
        for (_, process, vma, _) in TRUTH {
            for asker in Asker::ALL {
                let asked = Orders::from_bits_retain(0x0f0);
                let orders = granted((mode, host), Switch::On, process, vma, asker, asked);
                if process.forbids(vma, asker) {
                    assert!(orders.is_empty());
                } else {
                    assert_eq!(orders, asked);
                }
            }
        }
    }
}

#[test]
fn grants_what_was_asked_for_or_less_and_nothing_anonymous_memory_cannot_have() {
    // "mTHP can back anonymous memory (for example 16K, 32K, 64K, etc)": from order 2 on.
    let possible = Orders::from_bits_retain(0x3fc);
    for bits in 0..1 << (PMD_ORDER + 2) {
        let asked = Orders::from_bits_retain(bits | 1 << 18 | 1 << 63);
        for (mode, host, in_force) in IN_FORCE {
            for asker in Asker::ALL {
                let orders = granted((mode, host), Switch::On, Unset, ADVISED, asker, asked);
                assert!(asked.intersection(possible).contains(orders));
                assert_eq!(orders, decide(in_force, ADVISED, asker, asked & possible));
            }
        }
    }
}

#[test]
fn a_stricter_program_never_gets_more() {
    let strictness = [Unset, ExceptAdvised, Completely];
    for (mode, host, _) in IN_FORCE {
        for asker in Asker::ALL {
            for vma in VMAS {
                let of = |process, vma| {
                    granted((mode, host), Switch::On, process, vma, asker, Orders::PMD)
                };
                for looser_first in strictness.windows(2) {
                    assert!(of(looser_first[0], vma).contains(of(looser_first[1], vma)));
                }
                let against = vma.union(VmaFlags::NOHUGEPAGE);
                for process in strictness {
                    assert!(of(process, vma).contains(of(process, against)));
                }
            }
        }
    }
}

#[test]
fn a_policy_that_inherits_is_the_hosts() {
    for (_, host, _) in IN_FORCE {
        for (enabled, process, vma, granted_to) in TRUTH {
            if enabled != host {
                continue;
            }
            for (asker, is_granted) in Asker::ALL.into_iter().zip(granted_to) {
                let request = Request {
                    vma,
                    process,
                    asker,
                    orders: Orders::PMD,
                };
                let orders = Policy::INHERIT.allowable(host, &request);
                assert_eq!(!orders.is_empty(), is_granted == 1);
            }
        }
    }
}

#[test]
fn prctl_numbers_come_back() {
    // "process THP controls": the bits that PR_GET_THP_DISABLE returns.
    assert_eq!(ThpDisable::from_raw(0), Some(Unset));
    assert_eq!(ThpDisable::from_raw(1), Some(Completely));
    assert_eq!(ThpDisable::from_raw(2), None);
    assert_eq!(ThpDisable::from_raw(3), Some(ExceptAdvised));
    for process in ThpDisable::ALL {
        assert_eq!(ThpDisable::from_raw(process as u8), Some(process));
    }
}
