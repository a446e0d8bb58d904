//! The pause between two recounts.

use vk_overcommit::Backoff;

#[test]
fn is_due_from_the_end_of_the_pause_on() {
    let backoff = Backoff::new();
    backoff.hold_off(1_000, 50);
    assert!(!backoff.is_due(1_000));
    assert!(!backoff.is_due(1_049));
    assert!(backoff.is_due(1_050));
}

#[test]
fn is_due_at_first_and_after_clear() {
    let backoff = Backoff::default();
    assert!(backoff.is_due(0));
    backoff.hold_off(0, Backoff::READER_NS);
    assert!(!backoff.is_due(Backoff::REFUSAL_NS));
    backoff.clear();
    assert!(backoff.is_due(0));
}

#[test]
fn a_pause_past_the_end_of_time_holds_to_the_end() {
    let backoff = Backoff::new();
    backoff.hold_off(u64::MAX - 1, 10);
    assert!(!backoff.is_due(u64::MAX - 1));
}
