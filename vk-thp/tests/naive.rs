//! The vote against a plain one that looks at every page, on generated ranges.

use std::ops::ControlFlow;

use proptest::prelude::*;
use vk_thp::{Enabled, OrderMode, Outcome, Tally, VmaFlags, Vote};

/// A small page: its owner's policy, or none that votes.
type Page = Option<OrderMode>;

/// What does not change while a range is counted.
#[derive(Clone, Copy, Debug)]
struct Setting {
    host: Enabled,
    scanned: VmaFlags,
}

/// The rule as the documentation says it: look at every page, add up, compare.
fn naive(pages: &[Page], setting: Setting) -> (Outcome, Tally) {
    let mut votes_for = 0;
    let mut votes_against = 0;
    let mut abstentions = 0;
    for page in pages {
        let is_advised = setting.scanned.contains(VmaFlags::HUGEPAGE);
        let wants_it = match (page, setting.host) {
            (None, _) => {
                abstentions += 1;
                continue;
            }
            (Some(OrderMode::Always), _) => true,
            (Some(OrderMode::Never), _) => false,
            (Some(OrderMode::Madvise), _) => is_advised,
            (Some(OrderMode::Inherit), Enabled::Always) => true,
            (Some(OrderMode::Inherit), Enabled::Madvise) => is_advised,
            (Some(OrderMode::Inherit), Enabled::Never) => false,
        };
        if wants_it {
            votes_for += 1;
        } else {
            votes_against += 1;
        }
    }
    let outcome = if votes_for == 0 && votes_against == 0 {
        Outcome::NoVotes
    } else if votes_for > votes_against {
        Outcome::Collapse
    } else if votes_for == votes_against {
        Outcome::Tie
    } else {
        Outcome::Outvoted
    };
    let tally = Tally {
        for_pages: votes_for,
        against_pages: votes_against,
        abstained_pages: abstentions,
    };
    (outcome, tally)
}

/// Feeds one run to the vote.
fn feed(vote: &mut Vote, page: Page, len: u32) -> ControlFlow<Outcome> {
    match page {
        Some(policy) => vote.run(policy, len),
        None => vote.abstain(len),
    }
}

fn open(pages: &[Page], setting: Setting) -> Vote {
    Vote::new(pages.len() as u32, setting.scanned, setting.host)
}

/// Counts all, and returns the first break with the pages that had been fed until then.
fn count_all(pages: &[Page], setting: Setting) -> (Vote, Option<(usize, Outcome)>) {
    let mut vote = open(pages, setting);
    let mut first = None;
    let mut fed = 0;
    for run in pages.chunk_by(|one, next| one == next) {
        fed += run.len();
        if let ControlFlow::Break(outcome) = feed(&mut vote, run[0], run.len() as u32) {
            first.get_or_insert((fed, outcome));
        }
    }
    (vote, first)
}

/// How much a page speaks for a huge page: against, not at all, for.
fn weight(page: Page, setting: Setting) -> i32 {
    match naive(&[page], setting).0 {
        Outcome::Collapse => 1,
        Outcome::NoVotes => 0,
        Outcome::Tie | Outcome::Outvoted => -1,
    }
}

fn any_page() -> impl Strategy<Value = Page> {
    proptest::option::weighted(0.8, proptest::sample::select(&OrderMode::ALL[..]))
}

fn any_setting() -> impl Strategy<Value = Setting> {
    let host = proptest::sample::select(&Enabled::ALL[..]);
    let scanned = (0..4u64).prop_map(|bits| VmaFlags::from_bits_truncate(bits << 29));
    (host, scanned).prop_map(|(host, scanned)| Setting { host, scanned })
}

/// Ranges of runs, as a fork or two leave them, and ranges without order; ties among them.
fn any_pages() -> impl Strategy<Value = Vec<Page>> {
    let runs = proptest::collection::vec((any_page(), 1..200usize), 0..8);
    let runs = runs.prop_map(|runs| {
        let each = runs
            .into_iter()
            .flat_map(|(page, len)| std::iter::repeat_n(page, len));
        each.take(512).collect::<Vec<_>>()
    });
    let single = proptest::collection::vec(any_page(), 0..=512);
    let few = proptest::collection::vec(any_page(), 0..6);
    let halves = (any_page(), any_page(), 0..=256usize)
        .prop_map(|(one, other, len)| [vec![one; len], vec![other; len]].concat());
    prop_oneof![runs, single, few, halves]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn counts_as_the_naive_vote(pages in any_pages(), setting in any_setting()) {
        let (vote, _) = count_all(&pages, setting);
        prop_assert_eq!((vote.outcome(), vote.tally()), naive(&pages, setting));
    }

    #[test]
    fn the_last_page_ends_it(pages in any_pages(), setting in any_setting()) {
        let (_, first) = count_all(&pages, setting);
        prop_assert_eq!(first.is_some(), !pages.is_empty());
        if let Some((fed, outcome)) = first {
            prop_assert!(fed <= pages.len());
            prop_assert_eq!(outcome, naive(&pages, setting).0);
        }
    }

    #[test]
    fn order_and_cutting_make_no_difference(
        (pages, shuffled) in any_pages().prop_flat_map(|pages| {
            (Just(pages.clone()), Just(pages).prop_shuffle())
        }),
        setting in any_setting(),
    ) {
        let (in_runs, _) = count_all(&pages, setting);
        let mut one_by_one = open(&shuffled, setting);
        for &page in &shuffled {
            let _ = feed(&mut one_by_one, page, 1);
        }
        prop_assert_eq!(in_runs.tally(), one_by_one.tally());
        prop_assert_eq!(in_runs.outcome(), one_by_one.outcome());
        let outcome_of = |(vote, first): (Vote, Option<(usize, Outcome)>)| {
            first.map_or(vote.outcome(), |(_, outcome)| outcome)
        };
        prop_assert_eq!(
            outcome_of(count_all(&pages, setting)),
            outcome_of(count_all(&shuffled, setting))
        );
    }

    #[test]
    fn a_page_that_speaks_more_for_it_never_turns_a_collapse_down(
        pages in any_pages(), at in any::<proptest::sample::Index>(), to in any_page(),
        setting in any_setting(),
    ) {
        prop_assume!(!pages.is_empty());
        let at = at.index(pages.len());
        let mut changed = pages.clone();
        changed[at] = to;
        let before = count_all(&pages, setting).0.outcome().is_collapse();
        let after = count_all(&changed, setting).0.outcome().is_collapse();
        if weight(to, setting) >= weight(pages[at], setting) {
            prop_assert!(after >= before);
        } else {
            prop_assert!(after <= before);
        }
    }

    #[test]
    fn advice_and_a_looser_host_never_turn_a_collapse_down(
        pages in any_pages(), setting in any_setting(),
    ) {
        let collapses = |setting| count_all(&pages, setting).0.outcome().is_collapse();
        let advised = Setting { scanned: setting.scanned | VmaFlags::HUGEPAGE, ..setting };
        prop_assert!(collapses(advised) >= collapses(setting));
        let looser = Setting { host: Enabled::Always, ..setting };
        prop_assert!(collapses(looser) >= collapses(setting));
        let stricter = Setting { host: Enabled::Never, ..setting };
        prop_assert!(collapses(stricter) <= collapses(setting));
    }

    #[test]
    fn any_lengths_are_cut_to_the_range(
        pages in any::<u32>(),
        runs in proptest::collection::vec((any_page(), any::<u32>()), 0..8),
        setting in any_setting(),
    ) {
        let mut vote = Vote::new(pages, setting.scanned, setting.host);
        let mut fed = 0u64;
        for (page, len) in runs {
            fed += u64::from(len);
            let step = feed(&mut vote, page, len);
            prop_assert_eq!(u64::from(vote.tally().pages()), fed.min(pages.into()));
            prop_assert!(step.is_break() || fed < u64::from(pages));
        }
    }
}

proptest! {
    // Every prefix of every range is counted anew.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn an_early_end_is_the_right_one_and_comes_as_early_as_it_can(
        pages in any_pages(), setting in any_setting(),
    ) {
        let mut vote = open(&pages, setting);
        for (index, &page) in pages.iter().enumerate() {
            let (fed, rest) = pages.split_at(index + 1);
            let step = feed(&mut vote, page, 1);
            let with = |other: Page| naive(&[fed, &vec![other; rest.len()]].concat(), setting).0;
            let best = with(Some(OrderMode::Always));
            let worst = with(Some(OrderMode::Never));
            // A rest that abstains is neither, so that a tie is not mistaken for a defeat.
            let is_open = best != worst || best != with(None);
            prop_assert_eq!(step.is_continue(), is_open);
            if let ControlFlow::Break(outcome) = step {
                prop_assert_eq!(outcome, naive(&pages, setting).0);
                prop_assert_eq!(outcome, vote.outcome());
            }
        }
    }
}
