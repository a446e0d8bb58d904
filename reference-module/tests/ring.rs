//! Events: their order, what a slow reader is told, and their text.

use vk_reference_module::{Comm, Cursor, Event, Key, Ring, Setting, Target, Told, Why, Writer};
use vk_sysctl::{Inside, Rule};
use vk_thp::{Enabled, Value};

fn gone(ns: u64) -> Event {
    Event::Gone {
        ns,
        had_policy: false,
    }
}

fn all<const N: usize>(ring: &Ring<N>, cursor: &mut Cursor) -> Vec<String> {
    std::iter::from_fn(|| ring.take(cursor))
        .map(|told| told.to_string())
        .collect()
}

#[test]
fn a_reader_begins_with_what_happens_next() {
    let mut ring = Ring::<4>::new();
    ring.push(1, gone(1));
    let mut cursor = ring.end();
    assert_eq!(ring.take(&mut cursor), None);
    ring.push(2, gone(2));
    assert_eq!(all(&ring, &mut cursor), ["2 2 gone ns:2 policy=none"]);
    assert_eq!(ring.take(&mut cursor), None);
}

#[test]
fn each_reader_gets_all() {
    let mut ring = Ring::<4>::new();
    let (mut one, mut other) = (ring.end(), ring.end());
    ring.push(1, gone(1));
    assert_eq!(all(&ring, &mut one).len(), 1);
    ring.push(2, gone(2));
    assert_eq!(all(&ring, &mut one), ["2 2 gone ns:2 policy=none"]);
    assert_eq!(all(&ring, &mut other).len(), 2);
}

#[test]
fn a_slow_reader_is_told_how_many_it_lost() {
    let mut ring = Ring::<4>::new();
    let mut cursor = ring.end();
    for at in 0..11 {
        ring.push(at, gone(at));
    }
    assert_eq!(ring.take(&mut cursor), Some(Told::Lost(7)));
    let rest = all(&ring, &mut cursor);
    assert_eq!(rest.len(), 4);
    assert_eq!(rest[0], "8 7 gone ns:7 policy=none");
    assert_eq!(rest[3], "11 10 gone ns:10 policy=none");
    // A reader that lost some once loses no more while it keeps up.
    ring.push(11, gone(11));
    assert_eq!(all(&ring, &mut cursor).len(), 1);
}

#[test]
fn a_full_ring_loses_nothing() {
    let mut ring = Ring::<4>::new();
    let mut cursor = ring.end();
    for at in 0..4 {
        ring.push(at, gone(at));
    }
    assert_eq!(all(&ring, &mut cursor).len(), 4);
}

/// Each reader sees every event once and in order, or is told exactly how many it missed.
#[test]
fn agrees_with_a_list_whatever_the_pace() {
    let mut ring = Ring::<5>::new();
    let mut list: Vec<u64> = Vec::new();
    let mut readers = [(ring.end(), 0_u64); 3];
    let mut state = 1_u64;
    for step in 0..10_000_u64 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let dice = state >> 60;
        if dice < 8 {
            ring.push(step, gone(step));
            list.push(step);
            continue;
        }
        let (cursor, seen) = &mut readers[dice as usize % 3];
        match ring.take(cursor) {
            None => assert_eq!(*seen, list.len() as u64),
            Some(Told::Lost(count)) => {
                *seen += count;
                assert_eq!(list.len() as u64 - *seen, 5);
            }
            Some(Told::Event { seq, event, .. }) => {
                assert_eq!(seq, *seen + 1);
                assert_eq!(event, gone(list[*seen as usize]));
                *seen += 1;
            }
        }
    }
}

#[test]
fn time_does_not_go_back() {
    let mut ring = Ring::<4>::new();
    let mut cursor = ring.end();
    ring.push(9, gone(1));
    ring.push(7, gone(2));
    let texts = all(&ring, &mut cursor);
    assert!(texts[1].starts_with("2 9 "), "{texts:?}");
}

#[test]
fn every_event_has_its_line() {
    let mut name = [0; 16];
    name[..6].copy_from_slice(b"a b=\n\x1b");
    let comm = Comm(name);
    let rule = Rule {
        inside: Inside::ReadWrite,
        ..Rule::default()
    };
    let key = Key::Thp(vk_thp::Key::Enabled);
    let set = |value, by| Event::Set {
        target: Target::Default,
        key,
        value,
        was: Some(Setting::Thp(Value::Enabled(Enabled::Never))),
        rule,
        by,
    };
    let cases = [
        (
            Event::Born {
                ns: 5,
                parent: None,
                level: 1,
                pid: 812,
                has_policy: true,
                comm,
            },
            "born ns:5 parent=host level=1 pid=812 policy=own comm=a b=??",
        ),
        (
            Event::Born {
                ns: 6,
                parent: Some(5),
                level: 2,
                pid: 813,
                has_policy: false,
                comm: Comm::default(),
            },
            "born ns:6 parent=ns:5 level=2 pid=813 policy=none comm=",
        ),
        (
            set(Some(Setting::Thp(Value::Enabled(Enabled::Always))), Writer::Outside(7)),
            "set default key=thp_enabled value=always was=never inside=rw min=- max=- pid=7 from=outside",
        ),
        (
            set(None, Writer::Inside(8)),
            "set default key=thp_enabled value=- was=never inside=rw min=- max=- pid=8 from=inside",
        ),
        (
            Event::Refused {
                ns: 6,
                bytes: 4096,
                by: 5,
                pid: 9,
                comm,
            },
            "refused ns:6 bytes=4096 by=ns:5 pid=9 comm=a b=??",
        ),
        (
            Event::Denied {
                ns: 6,
                key,
                why: Why::ReadOnly,
                pid: 9,
                comm,
            },
            "denied ns:6 key=thp_enabled pid=9 reason=read-only comm=a b=??",
        ),
        (Event::Hooked("thp"), "hooked thp"),
        (Event::Unhooked("thp"), "unhooked thp"),
        (Event::Bypassed("do_mmap"), "bypassed do_mmap"),
        (Event::Restored("do_mmap"), "restored do_mmap"),
    ];
    for (event, text) in cases {
        assert_eq!(event.to_string(), text);
    }
}
