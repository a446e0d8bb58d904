//! The processor executes the function while its text is changed.

use crate::function::CODE;
use crate::process::Process;
use vk_hook::Form;

const CALLERS: usize = 2;
const CYCLES: usize = 20;
/// More calls than activation or removal has.
const MOST_CALLS: usize = 40;

/// One test: there is one handler of SIGTRAP.
#[test]
fn every_answer_is_right_while_the_hook_goes_in_and_out() {
    let process = Process::start(CALLERS);
    for _ in 0..CYCLES {
        goes_in_and_out(&process);
    }
    for call in 0..MOST_CALLS {
        fails_at(&process, call);
    }
    assert!(Process::caught() > 0, "nobody met a breakpoint");
    println!(
        "{} calls through the hook, {} through a breakpoint",
        process.hooked(),
        Process::caught()
    );
}

fn goes_in_and_out(process: &Process) {
    let detour = process.detour();
    let before = process.hooked();
    detour.activate(process).expect("nothing fails");
    process.wait_for_callers();
    assert!(process.hooked() > before, "nobody came through the hook");
    detour.remove(process).expect("nothing fails");
    process.wait_for_callers();
    assert_eq!(process.function(), CODE);
    let after = process.hooked();
    process.wait_for_callers();
    assert_eq!(process.hooked(), after, "somebody comes through no hook");
}

/// Lets one call of activation fail, then one of removal.
fn fails_at(process: &Process, call: usize) {
    let detour = process.detour();
    process.fail_call(call);
    if detour.activate(process).is_err() {
        process.fail_call(MOST_CALLS);
        process.wait_for_callers();
        assert_eq!(process.function(), CODE, "call {call}");
        detour.activate(process).expect("nothing fails now");
    }
    let hooked = process.function();
    process.fail_call(call);
    if detour.remove(process).is_err() {
        process.fail_call(MOST_CALLS);
        process.wait_for_callers();
        assert_eq!(process.function(), hooked, "call {call}");
        detour.remove(process).expect("nothing fails now");
    }
    process.fail_call(MOST_CALLS);
    assert_eq!(detour.look(process), Ok(Form::Original));
}
