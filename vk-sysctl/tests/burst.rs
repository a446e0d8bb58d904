//! One log line per burst, and the counters of what happened.

use std::sync::atomic::{AtomicU64, Ordering};

use quickcheck::QuickCheck;
use vk_sysctl::{Audit, Burst, Event, Key};

#[test]
fn a_burst_is_one_line() {
    let burst = Burst::new(100);
    assert_eq!(burst.admit(0), Some(0));
    for now in 1..100 {
        assert_eq!(burst.admit(now), None);
    }
    assert_eq!(burst.admit(100), Some(99));
    assert_eq!(burst.admit(100), None);
    assert_eq!(burst.admit(1000), Some(1));
}

#[test]
fn a_burst_that_never_ends_is_a_line_per_window() {
    let burst = Burst::new(10);
    let lines = (0..1000).filter_map(|now| burst.admit(now)).count();
    assert_eq!(lines, 100);
}

#[test]
fn a_clock_that_steps_back_opens_no_window() {
    let burst = Burst::new(100);
    assert_eq!(burst.admit(50), Some(0));
    assert_eq!(burst.admit(49), None);
    assert_eq!(burst.admit(150), Some(1));
}

#[test]
fn every_event_is_a_line_or_counted_in_one() {
    fn holds(mut times: Vec<u16>, window: u8) -> bool {
        times.sort_unstable();
        let burst = Burst::new(window.into());
        let told: u64 = times
            .iter()
            .filter_map(|&now| burst.admit(now.into()))
            .map(|left_out| left_out + 1)
            .sum();
        // The last line tells what came after the others.
        let last = burst.admit(u64::from(u16::MAX) + 1000);
        told + last.unwrap_or_default() == times.len() as u64
    }
    QuickCheck::new()
        .tests(10_000)
        .quickcheck(holds as fn(Vec<u16>, u8) -> bool);
}

#[test]
fn cpus_at_once_write_one_line() {
    const ROUNDS: u64 = 20_000;
    let burst = Burst::new(10);
    let (lines, arrived) = (AtomicU64::new(0), AtomicU64::new(0));
    let refuse = || {
        for round in 1..=ROUNDS {
            arrived.fetch_add(1, Ordering::AcqRel);
            for spins in 1u32.. {
                if arrived.load(Ordering::Acquire) >= 2 * round {
                    break;
                }
                if spins % 10_000 == 0 {
                    std::thread::yield_now();
                }
            }
            if burst.admit(10 * round).is_some() {
                lines.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(refuse);
        scope.spawn(refuse);
    });
    assert_eq!(lines.into_inner(), ROUNDS);
}

#[test]
fn counters_are_per_key_and_event() {
    let audit = Audit::default();
    for (round, key) in (1..).zip(Key::ALL) {
        for event in Event::ALL {
            for _ in 0..round * (event as u64 + 1) {
                audit.count(key, event);
            }
        }
    }
    let sum: u64 = (1..=Key::COUNT as u64).sum();
    for event in Event::ALL {
        for (round, key) in (1..).zip(Key::ALL) {
            assert_eq!(audit.get(key, event), round * (event as u64 + 1));
        }
        assert_eq!(audit.total(event), sum * (event as u64 + 1));
    }
}

#[test]
fn events_have_names_of_their_own() {
    let names = Event::ALL.map(Event::name);
    assert_eq!(
        names,
        ["written", "invalid", "denied", "passed_to_host", "enforced"]
    );
}
