//! Decisions about huge pages, the words of their files, and the vote.

#[cfg_attr(kernel, kernel::prelude::kunit_tests(vk_thp))]
#[cfg_attr(not(kernel), cfg(test))]
mod suite {
    use super::naive;
    use core::ops::ControlFlow;
    use vk_kunit_tests::Random;
    use vk_thp::{
        decide, Asker, Defrag, Effort, Enabled, OrderMode, Orders, Outcome, Policy, Request,
        ShmemEnabled, ShmemMount, ShmemOrderMode, ShmemOrders, ShmemPolicy, ShmemRequest, ShmemVma,
        Switch, ThpDisable, VmaFlags, Vote, PMD_ORDER,
    };

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

    /// Calls `ask` with every policy, host and request for the PMD order there is.
    fn all_requests(mut ask: impl FnMut(Policy, Enabled, Request)) {
        for enabled in OrderMode::ALL {
            for khugepaged in Switch::ALL {
                let policy = Policy {
                    enabled,
                    khugepaged,
                };
                for host in Enabled::ALL {
                    requests(|request| ask(policy, host, request));
                }
            }
        }
    }

    fn requests(mut ask: impl FnMut(Request)) {
        for vma in VMAS {
            for process in ThpDisable::ALL {
                for asker in Asker::ALL {
                    ask(Request {
                        vma,
                        process,
                        asker,
                        orders: Orders::PMD,
                    });
                }
            }
        }
    }

    #[test]
    fn the_programs_word_stands_above_every_policy() {
        let mut broken = 0;
        all_requests(|policy, host, request| {
            let granted = !policy.allowable(host, &request).is_empty();
            let is_refused = request.vma.contains(VmaFlags::NOHUGEPAGE);
            let is_disabled = request.process == ThpDisable::Completely;
            if granted && (is_refused || is_disabled) {
                broken += 1;
            }
        });
        assert_eq!(broken, 0);
    }

    #[test]
    fn except_advised_leaves_what_was_asked_for() {
        let mut broken = 0;
        all_requests(|policy, host, request| {
            let with = |process| {
                let request = Request { process, ..request };
                policy.allowable(host, &request)
            };
            let is_advised =
                request.vma.contains(VmaFlags::HUGEPAGE) || request.asker == Asker::ForcedCollapse;
            let (before, after) = (with(ThpDisable::Unset), with(ThpDisable::ExceptAdvised));
            let expected = if is_advised { before } else { Orders::empty() };
            if after != expected {
                broken += 1;
            }
        });
        assert_eq!(broken, 0);
    }

    #[test]
    fn where_the_program_says_nothing_the_policy_decides() {
        let mut broken = 0;
        all_requests(|policy, host, request| {
            if request.process.forbids(request.vma, request.asker) {
                return;
            }
            let is_stopped = request.asker == Asker::Khugepaged && !policy.khugepaged.is_on();
            let in_force = policy.enabled.effective(host);
            let expected = if is_stopped {
                Orders::empty()
            } else {
                decide(in_force, request.vma, request.asker, Orders::PMD)
            };
            if policy.allowable(host, &request) != expected {
                broken += 1;
            }
        });
        assert_eq!(broken, 0);
    }

    #[test]
    fn tries_as_hard_as_defrag_says() {
        use Effort::{Direct, DirectNoRetry, Immediate, Kswapd};
        let plain = Defrag::ALL.map(|policy| policy.effort(VmaFlags::empty()));
        assert_eq!(plain, [DirectNoRetry, Kswapd, Kswapd, Immediate, Immediate]);
        let advised = Defrag::ALL.map(|policy| policy.effort(VmaFlags::HUGEPAGE));
        assert_eq!(advised, [Direct, Kswapd, Direct, Direct, Immediate]);
    }

    fn shmem_fault(flags: VmaFlags, index_pages: u64, size_pages: u64) -> ShmemRequest {
        ShmemRequest {
            mount: ShmemMount::Internal,
            is_regular: true,
            vma: Some(ShmemVma {
                flags,
                process: ThpDisable::Unset,
                is_anon_shmem: true,
            }),
            asker: Asker::PageFault,
            index_pages,
            size_pages,
            write_end_pages: 0,
        }
    }

    #[test]
    fn a_huge_page_within_the_size_of_shmem_is_all_in_it() {
        let mut random = Random::new(4);
        let mut broken = 0;
        for _ in 0..10_000 {
            let (index, size) = (random.below(3_000), random.below(3_000));
            for order in 1..=PMD_ORDER {
                let orders = ShmemOrders::default().with(order, ShmemOrderMode::WithinSize);
                let policy = ShmemPolicy {
                    global: ShmemEnabled::Never,
                    orders,
                };
                let request = shmem_fault(VmaFlags::empty(), index, size);
                // The block's first page, without the bits that the order leaves out.
                let first = index >> order << order;
                let is_in_it = first + (1 << order) <= size;
                if policy.allowable(&request).is_empty() == is_in_it {
                    broken += 1;
                }
            }
        }
        assert_eq!(broken, 0);
    }

    #[test]
    fn shmem_that_inherits_goes_by_the_global_word() {
        use ShmemEnabled::{Advise, Always, Deny, Force, Never, WithinSize};
        let is_granted = |global, flags, index| {
            let policy = ShmemPolicy {
                global,
                orders: ShmemOrders::AT_BOOT,
            };
            policy.allowable(&shmem_fault(flags, index, 768)) == Orders::PMD
        };
        let plain = VmaFlags::empty();
        for (global, of_plain, of_advised) in [
            (Always, true, true),
            (WithinSize, true, true),
            (Advise, false, true),
            (Never, false, false),
            (Deny, false, false),
            (Force, true, true),
        ] {
            assert_eq!(is_granted(global, plain, 0), of_plain);
            assert_eq!(is_granted(global, VmaFlags::HUGEPAGE, 0), of_advised);
        }
        assert!(!is_granted(WithinSize, plain, 768));
    }

    #[test]
    fn the_vote_ends_as_the_naive_one() {
        let mut random = Random::new(5);
        let mut range = naive::Range::EMPTY;
        let mut broken = 0;
        for _ in 0..2_000 {
            range.fill(&mut random);
            let (mut vote, mut end) = (range.open(), None);
            for (page, len) in range.runs() {
                let step = match page {
                    Some(policy) => vote.run(policy, len),
                    None => vote.abstain(len),
                };
                if let ControlFlow::Break(outcome) = step {
                    end.get_or_insert(outcome);
                }
            }
            let (outcome, tally) = range.count();
            if end != Some(outcome) || vote.outcome() != outcome || vote.tally() != tally {
                broken += 1;
            }
        }
        assert_eq!(broken, 0);
    }

    #[test]
    fn a_tie_and_no_votes_leave_the_range() {
        let mut vote = Vote::new(512, VmaFlags::empty(), Enabled::Always);
        assert_eq!(vote.outcome(), Outcome::NoVotes);
        assert!(vote.run(OrderMode::Never, 256).is_continue());
        let end = vote.run(OrderMode::Inherit, 256);
        assert_eq!(end, ControlFlow::Break(Outcome::Tie));
        let leaves = |outcome: Outcome| !outcome.is_collapse();
        assert!([Outcome::Tie, Outcome::NoVotes].into_iter().all(leaves));
    }

    #[test]
    fn every_file_reads_the_words_it_shows() {
        assert_eq!(
            Defrag::DeferMadvise.sysfs_text(),
            "always defer [defer+madvise] madvise never\n"
        );
        assert_eq!(
            ShmemEnabled::Never.sysfs_text(),
            "always within_size advise [never] deny force\n"
        );
        for mode in Defrag::ALL {
            assert_eq!(Defrag::from_sysfs(mode.as_str().as_bytes()), Ok(mode));
        }
        for mode in ShmemEnabled::ALL {
            assert_eq!(ShmemEnabled::from_sysfs(mode.as_str().as_bytes()), Ok(mode));
        }
        for mode in ShmemOrderMode::ALL {
            let word = mode.as_str().as_bytes();
            assert_eq!(ShmemOrderMode::from_sysfs(word), Ok(mode));
        }
        for switch in Switch::ALL {
            let text = switch.sysfs_text().as_bytes();
            assert_eq!(Switch::from_sysfs(text), Ok(switch));
        }
    }

    #[cfg(kernel)]
    #[test]
    fn switches_are_read_as_kstrtoul_does() {
        let mut random = Random::new(6);
        let mut broken = 0;
        for _ in 0..100_000 {
            let text = naive::switch_text(&mut random);
            let kernels = match vk_ffi_shims::kunit::kstrtoul(&text) {
                Ok(0) => Ok(Switch::Off),
                Ok(1) => Ok(Switch::On),
                Ok(_) => Err(-22),
                Err(errno) => Err(errno),
            };
            let ours = Switch::from_sysfs(&text).map_err(vk_thp::ParseError::to_errno);
            if ours != kernels {
                broken += 1;
            }
        }
        assert_eq!(broken, 0);
    }

    #[cfg(kernel)]
    #[test]
    fn efforts_are_this_kernels_masks() {
        use vk_ffi_shims::kunit::{gfp_direct_reclaim, gfp_kswapd_reclaim, gfp_noretry};
        use vk_ffi_shims::kunit::{gfp_transhuge, gfp_transhuge_light};
        let bits = vk_thp::GfpBits {
            transhuge_light: gfp_transhuge_light(),
            direct_reclaim: gfp_direct_reclaim(),
            kswapd_reclaim: gfp_kswapd_reclaim(),
            noretry: gfp_noretry(),
        };
        assert_eq!(bits.mask(Effort::Direct), gfp_transhuge());
        assert_eq!(bits.mask(Effort::Immediate), gfp_transhuge_light());
        let others = bits.direct_reclaim | bits.kswapd_reclaim | bits.noretry;
        assert_eq!(bits.transhuge_light & others, 0);
        assert_eq!(others.count_ones(), 3);
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

/// A vote that looks at every page, and what to ask it.
#[cfg(any(kernel, test))]
mod naive {
    use vk_kunit_tests::Random;
    use vk_thp::{Enabled, OrderMode, Outcome, Tally, VmaFlags, Vote};

    /// A small page: its owner's policy, or none that votes.
    type Page = Option<OrderMode>;

    const POLICIES: [Page; 5] = [
        None,
        Some(OrderMode::Always),
        Some(OrderMode::Inherit),
        Some(OrderMode::Madvise),
        Some(OrderMode::Never),
    ];

    /// The pages of a huge page to be.
    pub(super) struct Range {
        pages: [Page; 512],
        len: usize,
        scanned: VmaFlags,
        host: Enabled,
    }

    impl Range {
        pub(super) const EMPTY: Self = Self {
            pages: [None; 512],
            len: 0,
            scanned: VmaFlags::empty(),
            host: Enabled::Never,
        };

        /// Makes another range: long runs or short ones, of few owners or many.
        pub(super) fn fill(&mut self, random: &mut Random) {
            let advice = random.below(4) << 29;
            self.scanned = VmaFlags::from_bits_truncate(advice);
            self.host = Enabled::from_raw(random.below(3) as u8).unwrap_or(Enabled::Never);
            self.len = random.choose(&[2, 4, 16, 512]);
            let (run_max, owners) = (random.choose(&[1, 2, 64, 300]), 1 + random.below(5));
            let (mut page, mut left) = (None, 0);
            for slot in &mut self.pages {
                if left == 0 {
                    page = random.choose(POLICIES.get(..owners as usize).unwrap_or_default());
                    left = 1 + random.below(run_max);
                }
                *slot = page;
                left -= 1;
            }
        }

        pub(super) fn open(&self) -> Vote {
            Vote::new(self.len as u32, self.scanned, self.host)
        }

        /// Returns the runs of equal pages, and their lengths.
        pub(super) fn runs(&self) -> impl Iterator<Item = (Page, u32)> + '_ {
            let runs = self.pages().chunk_by(|one, next| one == next);
            runs.map(|run| (run.first().copied().flatten(), run.len() as u32))
        }

        /// Counts page by page, and compares.
        pub(super) fn count(&self) -> (Outcome, Tally) {
            let (mut votes_for, mut votes_against) = (0, 0);
            for page in self.pages() {
                match page.map(|policy| self.wants_it(policy)) {
                    Some(true) => votes_for += 1,
                    Some(false) => votes_against += 1,
                    None => {}
                }
            }
            let tally = Tally {
                for_pages: votes_for,
                against_pages: votes_against,
                abstained_pages: self.len as u32 - votes_for - votes_against,
            };
            let outcome = match votes_for as i32 - votes_against as i32 {
                1.. => Outcome::Collapse,
                0 if votes_for == 0 => Outcome::NoVotes,
                0 => Outcome::Tie,
                _ => Outcome::Outvoted,
            };
            (outcome, tally)
        }

        fn wants_it(&self, policy: OrderMode) -> bool {
            let is_advised = self.scanned.contains(VmaFlags::HUGEPAGE);
            let is_the_hosts = policy == OrderMode::Inherit;
            policy == OrderMode::Always
                || (policy == OrderMode::Madvise && is_advised)
                || (is_the_hosts && self.host == Enabled::Always)
                || (is_the_hosts && self.host == Enabled::Madvise && is_advised)
        }

        fn pages(&self) -> &[Page] {
            self.pages.get(..self.len).unwrap_or_default()
        }
    }

    /// Makes text that is nearly a switch, with a NUL at its end.
    #[cfg(kernel)]
    pub(super) fn switch_text(random: &mut Random) -> [u8; 32] {
        let mut text = [0; 32];
        let len = random.choose(&[1, 2, 3, 4, 19, 20, 21, 22, 31]) as usize;
        for byte in text.iter_mut().take(len) {
            *byte = random.choose(b"000000000011111846795+-\n x\0");
        }
        text
    }
}
