//! Decisions about huge pages, and the words of their files.

#[cfg_attr(kernel, kernel::prelude::kunit_tests(vk_thp))]
#[cfg_attr(not(kernel), cfg(test))]
mod suite {
    use vk_thp::{decide, Asker, Enabled, OrderMode, Orders, VmaFlags, PMD_ORDER};

    const VMAS: [VmaFlags; 4] = [
        VmaFlags::empty(),
        VmaFlags::HUGEPAGE,
        VmaFlags::NOHUGEPAGE,
        VmaFlags::all(),
    ];

    /// Every set of the orders that anonymous memory can have, and some that it cannot.
    fn all_asked() -> impl Iterator<Item = Orders> {
        (0..1 << (PMD_ORDER + 2)).map(Orders::from_bits_retain)
    }

    /// The masks of `thp_vma_allowable_orders()`: which orders `enabled` lets through.
    fn masked(
        mode: OrderMode,
        global: Enabled,
        vma: VmaFlags,
        asker: Asker,
        asked: Orders,
    ) -> Orders {
        let advised = vma.bits() >> 29 & 1 == 1;
        let global_lets = global == Enabled::Always || (advised && global == Enabled::Madvise);
        let lets = asker == Asker::ForcedCollapse
            || mode == OrderMode::Always
            || (advised && mode == OrderMode::Madvise)
            || (global_lets && mode == OrderMode::Inherit);
        let mask = if lets { !0 } else { !(1u64 << 9) };
        Orders::from_bits_retain(asked.bits() & mask)
    }

    #[test]
    fn decides_as_the_kernels_masks() {
        for mode in OrderMode::ALL {
            for global in Enabled::ALL {
                for vma in VMAS {
                    for asker in Asker::ALL {
                        let policy = mode.effective(global);
                        let agrees = |asked| {
                            decide(policy, vma, asker, asked)
                                == masked(mode, global, vma, asker, asked)
                        };
                        assert!(all_asked().all(agrees));
                    }
                }
            }
        }
    }

    #[test]
    fn takes_away_the_pmd_order_only_and_adds_nothing() {
        for policy in Enabled::ALL {
            for vma in VMAS {
                for asker in Asker::ALL {
                    let keeps_the_rest = |asked: Orders| {
                        let orders = decide(policy, vma, asker, asked);
                        asked.contains(orders) && Orders::PMD.contains(asked.difference(orders))
                    };
                    assert!(all_asked().all(keeps_the_rest));
                }
            }
        }
    }

    #[test]
    fn a_collapse_by_request_gets_what_it_asks_for() {
        for policy in Enabled::ALL {
            for vma in VMAS {
                let orders = decide(policy, vma, Asker::ForcedCollapse, Orders::PMD);
                assert_eq!(orders, Orders::PMD);
            }
        }
    }

    #[test]
    fn shows_the_words_with_the_one_in_force_in_brackets() {
        assert_eq!(Enabled::Madvise.sysfs_text(), "always [madvise] never\n");
        assert_eq!(
            OrderMode::Inherit.sysfs_text(),
            "always [inherit] madvise never\n"
        );
    }

    #[test]
    fn numbers_come_back() {
        assert!(Enabled::ALL
            .into_iter()
            .all(|it| Enabled::from_raw(it as u8) == Some(it)));
        assert!(OrderMode::ALL
            .into_iter()
            .all(|it| OrderMode::from_raw(it as u8) == Some(it)));
        assert!(Asker::ALL
            .into_iter()
            .all(|it| Asker::from_raw(it as u32) == Some(it)));
        assert_eq!(Asker::from_raw(4), None);
    }

    #[cfg(kernel)]
    #[test]
    fn words_are_compared_as_sysfs_does() {
        const WRITTEN: [&core::ffi::CStr; 15] = [
            c"always",
            c"always\n",
            c"madvise",
            c"madvise\n",
            c"never",
            c"never\n",
            c"inherit\n",
            c"always\n\n",
            c"\nalways",
            c" always",
            c"always ",
            c"alway",
            c"Always",
            c"\n",
            c"",
        ];
        const WORDS: [(&core::ffi::CStr, OrderMode); 4] = [
            (c"always", OrderMode::Always),
            (c"inherit", OrderMode::Inherit),
            (c"madvise", OrderMode::Madvise),
            (c"never", OrderMode::Never),
        ];
        for written in WRITTEN {
            let is_word = |word| vk_ffi_shims::kunit::sysfs_streq(written, word);
            let kernels = WORDS.into_iter().find(|(word, _)| is_word(word));
            let ours = OrderMode::from_sysfs(written.to_bytes());
            assert_eq!(ours.ok(), kernels.map(|(_, mode)| mode));
            let global = Enabled::from_sysfs(written.to_bytes());
            assert_eq!(
                global.is_ok(),
                ours.is_ok_and(|it| it != OrderMode::Inherit)
            );
        }
    }

    #[cfg(kernel)]
    #[test]
    fn flags_and_order_are_this_kernels() {
        use vk_ffi_shims::kunit::{is_hugepage, is_nohugepage, pmd_order};
        assert!(is_hugepage(VmaFlags::HUGEPAGE.bits()));
        assert!(!is_hugepage(!VmaFlags::HUGEPAGE.bits()));
        assert!(is_nohugepage(VmaFlags::NOHUGEPAGE.bits()));
        assert!(!is_nohugepage(!VmaFlags::NOHUGEPAGE.bits()));
        assert_eq!(pmd_order(), PMD_ORDER);
    }
}
