//! Groups of hooks: all in or none, out in reverse, and gone only when drained.

#[cfg_attr(kernel, kernel::prelude::kunit_tests(vk_hook))]
#[cfg_attr(not(kernel), cfg(test))]
mod suite {
    use core::cell::Cell;
    use vk_hook::insn::{decode, DecodeError};
    use vk_hook::{Backend, DisarmError, Group, HookId, Sleeper, State};

    const HOOKS: [HookId; 3] = [HookId(1), HookId(2), HookId(3)];
    const SLEEPER: Sleeper = Sleeper {
        pid: 42,
        hook: HookId(1),
    };

    /// Writes down what was asked of it, and refuses what it is told to.
    ///
    /// The log is read in hexadecimal: arming 1 is `1`, disarming it `e1`, a drain `d`.
    #[derive(Default)]
    struct Recorder {
        log: Cell<u64>,
        refuse_arm: Option<u32>,
        refuse_disarm: Option<u32>,
        sleepers: Cell<u32>,
    }

    impl Recorder {
        fn note(&self, digit: u64) {
            self.log.set(self.log.get() << 4 | digit);
        }
    }

    impl Backend for Recorder {
        fn state(&self, _: HookId) -> State {
            State::Planned
        }
        fn arm(&self, hook: HookId) -> Result<(), i32> {
            self.note(u64::from(hook.0));
            (self.refuse_arm != Some(hook.0)).then_some(()).ok_or(-16)
        }
        fn disarm(&self, hook: HookId) -> Result<(), i32> {
            self.note(0xe);
            self.note(u64::from(hook.0));
            (self.refuse_disarm != Some(hook.0))
                .then_some(())
                .ok_or(-19)
        }
        fn drain(&self, _: u32) -> Result<(), Sleeper> {
            self.note(0xd);
            let left = self.sleepers.get().checked_sub(1);
            self.sleepers.set(left.unwrap_or(0));
            left.map_or(Ok(()), |_| Err(SLEEPER))
        }
    }

    #[test]
    fn comes_out_in_reverse_and_drains_last() {
        let kernel = Recorder::default();
        let armed = Group::new(&kernel, &HOOKS).arm();
        let draining = armed.ok().and_then(|armed| armed.disarm().ok());
        let planned = draining.and_then(|draining| draining.drain(1).ok());
        assert!(planned.is_some_and(|planned| planned.hooks() == HOOKS));
        assert_eq!(kernel.log.get(), 0x123e3e2e1d);
    }

    #[test]
    fn is_in_as_a_whole_or_not_at_all() {
        let kernel = Recorder {
            refuse_arm: Some(3),
            ..Recorder::default()
        };
        let error = Group::new(&kernel, &HOOKS)
            .arm()
            .err()
            .map(|(_, error)| error);
        assert!(error.is_some_and(|it| it.hook == HookId(3) && it.to_errno() == -16));
        assert!(error.is_some_and(|it| it.stuck.is_none()));
        assert_eq!(kernel.log.get(), 0x123e2e1);
    }

    #[test]
    fn names_a_hook_that_stays_in_when_another_is_refused() {
        let kernel = Recorder {
            refuse_arm: Some(3),
            refuse_disarm: Some(2),
            ..Recorder::default()
        };
        let error = Group::new(&kernel, &HOOKS)
            .arm()
            .err()
            .map(|(_, error)| error);
        assert_eq!(error.and_then(|it| it.stuck), Some(HookId(2)));
        // The first is out all the same.
        assert_eq!(kernel.log.get(), 0x123e2e1);
    }

    #[test]
    fn names_a_hook_that_cannot_be_taken_out() {
        let kernel = Recorder {
            refuse_disarm: Some(2),
            ..Recorder::default()
        };
        let armed = Group::new(&kernel, &HOOKS).arm().ok();
        let error = armed.and_then(|armed| armed.disarm().err());
        let stuck = DisarmError::Stuck {
            hook: HookId(2),
            errno: -19,
        };
        assert_eq!(error.map(|(_, error)| error), Some(stuck));
        assert_eq!(kernel.log.get(), 0x123e3e2e1);
    }

    #[test]
    fn names_a_sleeper_and_can_be_asked_again() {
        let kernel = Recorder::default();
        kernel.sleepers.set(1);
        let armed = Group::new(&kernel, &HOOKS).arm().ok();
        let draining = armed.and_then(|armed| armed.disarm().ok());
        let asleep = draining.and_then(|draining| draining.drain(1).err());
        assert!(asleep
            .as_ref()
            .is_some_and(|(_, error)| *error == DisarmError::Asleep(SLEEPER)));
        assert!(asleep.is_some_and(|(draining, _)| draining.drain(1).is_ok()));
    }

    /// endbr64; the ftrace nop; push %r12; mov 0x10(%rip),%rax; jne .-2; ret
    const CODE: [u8; 21] = [
        0xf3, 0x0f, 0x1e, 0xfa, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0x41, 0x54, 0x48, 0x8b, 0x05, 0x10,
        0x00, 0x00, 0x00, 0x75, 0xfe, 0xc3,
    ];

    #[test]
    fn decodes_a_function() {
        let mut code: &[u8] = &CODE;
        // A digit for each length, the first highest.
        let mut lengths = 0u64;
        let mut marks = 0u64;
        while let Ok(insn) = decode(code) {
            lengths = lengths << 4 | insn.len() as u64;
            marks += u64::from(insn.is_endbr64());
            marks += u64::from(insn.is_ftrace_nop()) << 4;
            marks += u64::from(insn.is_rip_relative()) << 8;
            marks += u64::from(insn.branch().is_some_and(|branch| branch.rel == -2)) << 12;
            code = code.get(insn.len()..).unwrap_or_default();
        }
        assert_eq!(lengths, 0x45_2721);
        assert_eq!(marks, 0x1111);
        assert!(code.is_empty());
    }

    #[test]
    fn tells_refusals_of_the_decoder_apart() {
        let front = CODE.get(..3).unwrap_or_default();
        assert!(decode(front) == Err(DecodeError::Truncated));
        assert!(decode(&[0x06]) == Err(DecodeError::Invalid { at: 0 }));
        assert!(decode(&[0x0f, 0x04]) == Err(DecodeError::Unknown { at: 1 }));
        assert!(decode(&[0x66; 16]) == Err(DecodeError::TooLong));
    }
}
