//! The order of the steps, and what is left when one fails.

use crate::function::{CODE, DISPLACED, SITE};
use crate::paper::Paper;
use vk_hook::{Cause, Form};

/// More calls than activation or removal has.
const MOST_CALLS: usize = 40;

fn hooked() -> Paper {
    let paper = Paper::new();
    paper.detour().activate(&paper).expect("nothing fails");
    paper
}

#[test]
fn goes_in_and_out_in_the_order_of_kprobes() {
    let paper = hooked();
    let (site, end) = (SITE, SITE + DISPLACED);
    assert_eq!(paper.function()[site], 0xe9);
    assert_eq!(paper.function()[..site], CODE[..site]);
    assert_eq!(paper.function()[site + 5..end], CODE[site + 5..end]);
    paper.detour().remove(&paper).expect("nothing fails");
    assert_eq!(paper.function(), CODE);
    assert!(!paper.is_caught());
    let steps = [
        "trampoline",
        "breakpoint",
        "settle",
        "jump's tail",
        "jump",
        "breakpoint",
        "own tail",
        "first",
    ];
    assert_eq!(paper.steps(), steps);
}

#[test]
fn the_trampoline_is_written_once() {
    let paper = hooked();
    paper.detour().remove(&paper).expect("nothing fails");
    paper.detour().activate(&paper).expect("nothing fails");
    let written = paper
        .steps()
        .iter()
        .filter(|it| **it == "trampoline")
        .count();
    assert_eq!(written, 1);
}

#[test]
fn whichever_step_of_activation_fails_everything_is_as_before() {
    let mut failed = 0;
    for call in 0..MOST_CALLS {
        let paper = Paper::failing(call, call + 1);
        let Err(error) = paper.detour().activate(&paper) else {
            continue;
        };
        failed += 1;
        assert_eq!((error.cause, error.is_in), (Cause::Text(-5), false));
        assert_eq!(paper.function(), CODE, "call {call}");
        assert!(!paper.is_caught(), "call {call}");
        // Whom the breakpoint sent to the trampoline has left it.
        let steps = paper.steps();
        let was_in = steps.contains(&"breakpoint");
        assert!(!was_in || steps.last() == Some(&"settle"), "{steps:?}");
        paper.fail_next(MOST_CALLS, MOST_CALLS);
        paper.detour().activate(&paper).expect("the second time");
    }
    // Three times bytes are read, the trampoline, four times bytes are written, one catch.
    assert_eq!(failed, 8);
}

#[test]
fn whichever_step_of_removal_fails_the_hook_is_in_as_before() {
    let mut failed = 0;
    for call in 0..MOST_CALLS {
        let paper = hooked();
        let before = paper.function();
        paper.fail_next(call, call + 1);
        let Err(error) = paper.detour().remove(&paper) else {
            continue;
        };
        failed += 1;
        assert_eq!((error.cause, error.is_in), (Cause::Text(-5), true));
        assert_eq!(paper.function(), before, "call {call}");
        assert!(!paper.is_caught(), "call {call}");
        paper.fail_next(MOST_CALLS, MOST_CALLS);
        paper.detour().remove(&paper).expect("the second time");
        assert_eq!(paper.function(), CODE);
    }
    // Bytes read, a catch, three writes.
    assert_eq!(failed, 5);
}

#[test]
fn what_cannot_be_undone_is_said_and_can_be_removed_later() {
    let mut stuck = 0;
    for call in 0..MOST_CALLS {
        let paper = Paper::failing(call, usize::MAX);
        let Err(error) = paper.detour().activate(&paper) else {
            continue;
        };
        // Whoever meets a breakpoint is sent on, whatever failed.
        let has_breakpoint = paper.function()[SITE] == 0xcc;
        assert_eq!(error.is_in, has_breakpoint, "call {call}");
        assert_eq!(paper.is_caught(), has_breakpoint, "call {call}");
        stuck += usize::from(has_breakpoint);
        paper.fail_next(MOST_CALLS, MOST_CALLS);
        paper.detour().remove(&paper).expect("nothing fails");
        assert_eq!(paper.function(), CODE);
        assert!(!paper.is_caught());
    }
    assert_eq!(stuck, 3);
}

#[test]
fn refuses_bytes_that_are_not_the_plans() {
    let paper = Paper::new();
    paper.meddle(|function| function[SITE + 6] = 0x90);
    let error = paper.detour().activate(&paper).expect_err("other bytes");
    let found = CODE[SITE..SITE + 5].try_into().expect("five bytes");
    assert_eq!(error.cause, Cause::Found(Form::Foreign { found }));
    assert!(!error.is_in);
    assert_eq!(paper.steps(), [] as [&str; 0]);
}

#[test]
fn refuses_to_go_in_twice() {
    let paper = hooked();
    let error = paper.detour().activate(&paper).expect_err("it is in");
    assert_eq!(error.cause, Cause::Found(Form::Jump));
}

#[test]
fn leaves_the_bytes_of_somebody_who_came_while_tasks_were_waited_for() {
    let paper = Paper::meddled_with(|function| function[SITE..SITE + 5].fill(0x90));
    let error = paper.detour().activate(&paper).expect_err("other bytes");
    assert!(matches!(error.cause, Cause::Found(Form::Foreign { .. })));
    assert_eq!(paper.function()[SITE..SITE + 5], [0x90; 5]);
    // The breakpoint may come back, if they saved it.
    assert!(error.is_in && paper.is_caught());
}

#[test]
fn takes_the_breakpoint_back_when_a_probe_came_meanwhile() {
    let paper = Paper::probed_while_settling();
    let error = paper.detour().activate(&paper).expect_err("a probe");
    assert_eq!((error.cause, error.is_in), (Cause::Probed, false));
    assert_eq!(paper.function(), CODE);
}

#[test]
fn refuses_to_go_in_where_a_probe_is() {
    let paper = Paper::new();
    paper.probe(true);
    let error = paper.detour().activate(&paper).expect_err("a probe");
    assert_eq!((error.cause, error.is_in), (Cause::Probed, false));
    assert_eq!(paper.steps(), [] as [&str; 0]);
}

#[test]
fn refuses_to_come_out_from_under_somebody_elses_bytes() {
    let paper = hooked();
    paper.meddle(|function| function[SITE + 4] ^= 1);
    let error = paper.detour().remove(&paper).expect_err("other bytes");
    assert!(matches!(error.cause, Cause::Found(Form::Foreign { .. })));
    assert!(error.is_in);
    paper.meddle(|function| function[SITE + 4] ^= 1);
    paper.detour().remove(&paper).expect("ours again");
    assert_eq!(paper.function(), CODE);
}

#[test]
fn refuses_to_come_out_from_under_a_probe() {
    let paper = hooked();
    paper.probe(true);
    // Its breakpoint stands over our jump.
    paper.meddle(|function| function[SITE] = 0xcc);
    let error = paper.detour().remove(&paper).expect_err("a probe");
    assert_eq!((error.cause, error.is_in), (Cause::Probed, true));
    assert_eq!(paper.function()[SITE], 0xcc);
}

#[test]
fn what_is_not_in_is_removed_already() {
    let paper = Paper::new();
    assert!(paper.detour().remove(&paper).is_ok());
    assert_eq!(paper.detour().look(&paper), Ok(Form::Original));
}
