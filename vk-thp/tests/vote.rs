//! The vote, one rule at a time.

use std::ops::ControlFlow;

use vk_thp::{Enabled, OrderMode, Outcome, Tally, VmaFlags, Vote};

const PLAIN: VmaFlags = VmaFlags::empty();

fn range(scanned: VmaFlags, host: Enabled) -> Vote {
    Vote::new(512, scanned, host)
}

fn one_page(policy: OrderMode, scanned: VmaFlags, host: Enabled) -> Outcome {
    let mut vote = range(scanned, host);
    let _ = vote.run(policy, 1);
    vote.outcome()
}

#[test]
fn owners_vote_by_their_policy() {
    use Outcome::{Collapse, Outvoted};
    let advised = VmaFlags::HUGEPAGE;
    for host in Enabled::ALL {
        assert_eq!(one_page(OrderMode::Always, PLAIN, host), Collapse);
        assert_eq!(one_page(OrderMode::Never, advised, host), Outvoted);
        assert_eq!(one_page(OrderMode::Madvise, PLAIN, host), Outvoted);
        assert_eq!(one_page(OrderMode::Madvise, advised, host), Collapse);
    }
    for (host, of_plain, of_advised) in [
        (Enabled::Always, Collapse, Collapse),
        (Enabled::Madvise, Outvoted, Collapse),
        (Enabled::Never, Outvoted, Outvoted),
    ] {
        assert_eq!(one_page(OrderMode::Inherit, PLAIN, host), of_plain);
        assert_eq!(one_page(OrderMode::Inherit, advised, host), of_advised);
    }
}

#[test]
fn one_page_more_is_a_majority() {
    let mut vote = range(PLAIN, Enabled::Never);
    assert_eq!(vote.run(OrderMode::Always, 256), ControlFlow::Continue(()));
    assert_eq!(vote.run(OrderMode::Never, 255), ControlFlow::Continue(()));
    assert_eq!(vote.abstain(1), ControlFlow::Break(Outcome::Collapse));
    assert_eq!(
        vote.tally(),
        Tally {
            for_pages: 256,
            against_pages: 255,
            abstained_pages: 1,
        }
    );
}

#[test]
fn a_tie_leaves_the_range() {
    let mut vote = range(PLAIN, Enabled::Always);
    assert_eq!(vote.run(OrderMode::Never, 256), ControlFlow::Continue(()));
    let end = vote.run(OrderMode::Always, 256);
    assert_eq!(end, ControlFlow::Break(Outcome::Tie));
    assert!(!Outcome::Tie.is_collapse());
}

#[test]
fn no_votes_leave_the_range() {
    let mut vote = range(PLAIN, Enabled::Always);
    assert_eq!(vote.outcome(), Outcome::NoVotes);
    assert_eq!(vote.abstain(511), ControlFlow::Continue(()));
    assert_eq!(vote.abstain(1), ControlFlow::Break(Outcome::NoVotes));
    assert_eq!(
        Vote::new(0, PLAIN, Enabled::Always).outcome(),
        Outcome::NoVotes
    );
}

#[test]
fn a_single_vote_among_abstentions_decides() {
    let mut vote = range(PLAIN, Enabled::Never);
    let _ = vote.abstain(511);
    let end = vote.run(OrderMode::Always, 1);
    assert_eq!(end, ControlFlow::Break(Outcome::Collapse));
}

#[test]
fn a_majority_of_the_range_ends_it() {
    let mut vote = range(PLAIN, Enabled::Never);
    assert!(vote.run(OrderMode::Always, 256).is_continue());
    let end = vote.run(OrderMode::Always, 1);
    assert_eq!(end, ControlFlow::Break(Outcome::Collapse));
    let mut vote = range(PLAIN, Enabled::Never);
    assert!(vote.run(OrderMode::Never, 256).is_continue());
    let end = vote.run(OrderMode::Never, 1);
    assert_eq!(end, ControlFlow::Break(Outcome::Outvoted));
}

#[test]
fn whoever_goes_on_gets_the_exact_tally_and_the_same_outcome() {
    let mut vote = range(PLAIN, Enabled::Never);
    let end = vote.run(OrderMode::Always, 300);
    assert_eq!(end, ControlFlow::Break(Outcome::Collapse));
    assert_eq!(vote.run(OrderMode::Never, 212), end);
    assert_eq!(vote.tally().against_pages, 212);
    assert_eq!(vote.tally().pages(), 512);
}

#[test]
fn pages_beyond_the_range_do_not_vote() {
    let mut vote = range(PLAIN, Enabled::Never);
    let _ = vote.run(OrderMode::Always, u32::MAX);
    let _ = vote.run(OrderMode::Never, u32::MAX);
    assert_eq!(vote.tally().for_pages, 512);
    assert_eq!(vote.tally().pages(), 512);
}

#[test]
fn outcomes_have_words() {
    let words = Outcome::ALL.map(|outcome| outcome.to_string());
    assert_eq!(words, ["collapse", "outvoted", "tie", "no votes"]);
}
