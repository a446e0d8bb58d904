//! A group is armed as a whole or not at all.

use std::cell::RefCell;
use vk_hook::{Backend, DisarmError, Group, HookId, Sleeper, State};

const HOOKS: [HookId; 3] = [HookId(10), HookId(11), HookId(12)];

/// Keeps what was asked of it, and refuses what it is told to.
#[derive(Debug, Default)]
struct Kernel {
    calls: RefCell<Vec<(&'static str, u32)>>,
    armed: RefCell<Vec<HookId>>,
    refuse_prepare: Option<u32>,
    refuse_arm: Option<u32>,
    refuse_disarm: RefCell<Option<u32>>,
    asleep: RefCell<Option<Sleeper>>,
}

impl Backend for Kernel {
    fn state(&self, hook: HookId) -> State {
        match self.armed.borrow().contains(&hook) {
            true => State::Armed,
            false => State::Planned,
        }
    }
    fn prepare(&self, hook: HookId) -> Result<(), i32> {
        (self.refuse_prepare != Some(hook.0))
            .then_some(())
            .ok_or(-95)
    }
    fn arm(&self, hook: HookId) -> Result<(), i32> {
        self.calls.borrow_mut().push(("arm", hook.0));
        if self.refuse_arm == Some(hook.0) {
            return Err(-16);
        }
        self.armed.borrow_mut().push(hook);
        Ok(())
    }
    fn disarm(&self, hook: HookId) -> Result<(), i32> {
        self.calls.borrow_mut().push(("disarm", hook.0));
        if *self.refuse_disarm.borrow() == Some(hook.0) {
            return Err(-19);
        }
        self.armed.borrow_mut().retain(|armed| *armed != hook);
        Ok(())
    }
    fn drain(&self, _: u32) -> Result<(), Sleeper> {
        self.calls.borrow_mut().push(("drain", 0));
        self.asleep.borrow_mut().take().map_or(Ok(()), Err)
    }
}

#[test]
fn comes_out_in_reverse_and_drains_last() {
    let kernel = Kernel::default();
    let armed = Group::new(&kernel, &HOOKS).arm().expect("nothing refuses");
    let draining = armed.disarm().expect("nothing refuses");
    let planned = draining.drain(1).expect("nobody sleeps");
    assert_eq!(planned.hooks(), HOOKS);
    assert_eq!(
        *kernel.calls.borrow(),
        [
            ("arm", 10),
            ("arm", 11),
            ("arm", 12),
            ("disarm", 12),
            ("disarm", 11),
            ("disarm", 10),
            ("drain", 0)
        ]
    );
}

#[test]
fn takes_out_what_was_in_when_one_is_refused() {
    let kernel = Kernel {
        refuse_arm: Some(12),
        ..Kernel::default()
    };
    let (_, error) = Group::new(&kernel, &HOOKS)
        .arm()
        .expect_err("12 is refused");
    assert_eq!(
        (error.hook, error.errno, error.stuck),
        (HookId(12), -16, None)
    );
    assert_eq!(kernel.calls.borrow()[3..], [("disarm", 11), ("disarm", 10)]);
}

#[test]
fn puts_nothing_in_before_all_are_prepared() {
    let kernel = Kernel {
        refuse_prepare: Some(12),
        ..Kernel::default()
    };
    let refused = Group::new(&kernel, &HOOKS).arm();
    let (_, error) = refused.expect_err("12 is refused");
    assert_eq!((error.hook, error.errno), (HookId(12), -95));
    assert_eq!(*kernel.calls.borrow(), []);
}

#[test]
fn waits_for_those_inside_when_one_is_refused() {
    let sleeper = Sleeper {
        pid: 42,
        hook: HookId(10),
    };
    let kernel = Kernel {
        refuse_arm: Some(12),
        asleep: RefCell::new(Some(sleeper)),
        ..Kernel::default()
    };
    let refused = Group::new(&kernel, &HOOKS).arm();
    let (draining, _) = refused.expect_err("12 is refused");
    let (draining, error) = draining.drain(1).expect_err("a task sleeps");
    assert_eq!(error, DisarmError::Asleep(sleeper));
    assert!(draining.drain(1).is_ok());
}

#[test]
fn takes_out_what_was_stuck_before_it_drains() {
    let kernel = Kernel {
        refuse_arm: Some(12),
        refuse_disarm: RefCell::new(Some(11)),
        ..Kernel::default()
    };
    let refused = Group::new(&kernel, &HOOKS).arm();
    let (draining, error) = refused.expect_err("12 is refused");
    assert_eq!(error.stuck, Some(HookId(11)));
    let (draining, error) = draining.drain(1).expect_err("11 is stuck");
    let (hook, errno) = (HookId(11), -19);
    assert_eq!(error, DisarmError::Stuck { hook, errno });
    kernel.refuse_disarm.replace(None);
    assert!(draining.drain(1).is_ok());
    assert_eq!(*kernel.armed.borrow(), []);
}

#[test]
fn names_a_hook_that_cannot_be_taken_out() {
    let kernel = Kernel {
        refuse_disarm: RefCell::new(Some(11)),
        ..Kernel::default()
    };
    let armed = Group::new(&kernel, &HOOKS).arm().expect("nothing refuses");
    let (_, error) = armed.disarm().expect_err("11 is stuck");
    assert_eq!(
        error,
        DisarmError::Stuck {
            hook: HookId(11),
            errno: -19
        }
    );
    // The others are out all the same.
    assert!(kernel.calls.borrow().contains(&("disarm", 10)));
}

#[test]
fn names_a_task_that_sleeps_and_can_be_asked_again() {
    let sleeper = Sleeper {
        pid: 42,
        hook: HookId(10),
    };
    let kernel = Kernel {
        asleep: RefCell::new(Some(sleeper)),
        ..Kernel::default()
    };
    let draining = Group::new(&kernel, &HOOKS)
        .arm()
        .expect("nothing refuses")
        .disarm()
        .expect("nothing refuses");
    let (draining, error) = draining.drain(1).expect_err("a task sleeps");
    assert_eq!(error, DisarmError::Asleep(sleeper));
    assert_eq!(error.to_errno(), -16);
    assert!(draining.drain(1).is_ok());
}
