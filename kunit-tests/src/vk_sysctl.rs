//! The text of `/proc/sys`, byte for byte as the kernel's own handlers take and show it.

#[cfg_attr(kernel, kernel::prelude::kunit_tests(vk_sysctl))]
#[cfg_attr(not(kernel), cfg(test))]
mod suite {
    use vk_sysctl::{read_text, Key, ParseError, Value, Values};

    /// Writes `text` to `key` in a set of values; tells whether it was taken.
    fn write(values: &mut Values, key: Key, text: &[u8]) -> bool {
        let parsed = key.parse_write(text, 0);
        if let Ok(parsed) = &parsed {
            values.write(key, parsed);
        }
        parsed.is_ok()
    }

    #[test]
    fn takes_what_echo_writes() {
        let value = |key: Key, text| key.parse_write(text, 0).ok().and_then(|it| it.value);
        assert_eq!(value(Key::OvercommitMemory, b"2\n"), Some(Value::Int(2)));
        assert_eq!(value(Key::OvercommitRatio, b"0x1F\n"), Some(Value::Int(31)));
        let kbytes = Some(Value::UnsignedLong(98_304));
        assert_eq!(value(Key::OvercommitKbytes, b"98304\n"), kbytes);
    }

    #[test]
    fn refuses_a_mode_that_there_is_not() {
        let error = Key::OvercommitMemory.parse_write(b"3\n", 0).err();
        assert!(matches!(error, Some(ParseError::OutOfRange { .. })));
        assert_eq!(error.map(ParseError::to_errno), Some(-22));
    }

    #[test]
    fn ratio_and_kbytes_rule_each_other_out() {
        let mut values = Values::new();
        assert!(write(&mut values, Key::OvercommitRatio, b"80\n"));
        assert_eq!(values.overcommit_kbytes(), Some(0));
        assert!(write(&mut values, Key::OvercommitKbytes, b"98304\n"));
        assert_eq!(values.overcommit_ratio(), Some(0));
        assert_eq!(values.overcommit_kbytes(), Some(98_304));
    }

    #[test]
    fn what_is_not_set_is_inherited() {
        let (mut outer, mut inner) = (Values::new(), Values::new());
        assert!(write(&mut outer, Key::OvercommitMemory, b"2"));
        assert!(write(&mut outer, Key::OvercommitRatio, b"80"));
        assert!(write(&mut inner, Key::OvercommitMemory, b"1"));
        let effective = inner.merge(outer);
        assert_eq!(effective.overcommit_memory(), Some(1));
        assert_eq!(effective.overcommit_ratio(), Some(80));
    }

    #[test]
    fn shows_a_value_once() {
        let mut out = [0; 8];
        let read = read_text(Value::Int(-5), 0, &mut out);
        assert_eq!(out.get(..read.written), Some(b"-5\n".as_slice()));
        assert_eq!(read_text(Value::Int(-5), read.pos, &mut out).written, 0);
    }

    #[cfg(kernel)]
    use super::kernels;

    #[cfg(kernel)]
    #[test]
    fn generated_writes_are_taken_as_the_kernel_takes_them() {
        let mut random = vk_kunit_tests::Random::new(1);
        for _ in 0..10_000 {
            let mut text = vk_kunit_tests::Text::generate(&mut random);
            let pos = random.choose(&[0, 0, 0, 1]);
            for key in Key::ALL {
                let ours = key.parse_write(text.as_bytes(), pos).ok();
                let ours = ours.map(|it| (it.value, it.consumed));
                assert_eq!(ours, kernels::write(key, text.as_mut_bytes(), pos));
            }
        }
    }

    #[cfg(kernel)]
    #[test]
    fn a_long_write_is_cut_where_the_kernel_cuts_it() {
        let mut random = vk_kunit_tests::Random::new(2);
        for _ in 0..100 {
            // Longer than a page, and a number near the page's end; NUL behind it.
            let mut text = [b' '; 4112];
            let (at, len) = (4080 + random.below(24), 4090 + random.below(20));
            let digit = text.get_mut(at as usize);
            assert!(digit.map(|byte| *byte = b'7').is_some());
            for byte in text.iter_mut().skip(len as usize) {
                *byte = 0;
            }
            let written = text.get_mut(..len as usize).unwrap_or_default();
            let key = Key::OvercommitRatio;
            let ours = key.parse_write(written, 0).ok();
            let ours = ours.map(|it| (it.value, it.consumed));
            assert_eq!(ours, kernels::write(key, written, 0));
        }
    }

    #[cfg(kernel)]
    #[test]
    fn generated_values_are_shown_as_the_kernel_shows_them() {
        let mut random = vk_kunit_tests::Random::new(3);
        for _ in 0..10_000 {
            let (int, long) = (random.any_signed() as i32, random.any_magnitude());
            let (room, pos) = (random.below(24) as usize, random.choose(&[0, 0, 0, 1]));
            for value in [Value::Int(int), Value::UnsignedLong(long)] {
                let (mut ours, mut theirs) = ([0; 24], [0; 24]);
                let read = read_text(value, pos, ours.get_mut(..room).unwrap_or_default());
                let seen = kernels::read(value, theirs.get_mut(..room).unwrap_or_default(), pos);
                assert_eq!(Some((read.written, read.pos)), seen);
                assert_eq!(ours, theirs);
            }
        }
    }
}

/// The kernel's own handlers on values of ours.
#[cfg(kernel)]
mod kernels {
    use vk_ffi_shims::kunit::{proc_int, proc_ulong, Direction};
    use vk_sysctl::{CType, Key, Value};

    /// Returns the value stored, if one was, and the bytes used up; `None` for an error.
    pub(super) fn write(key: Key, text: &mut [u8], pos: u64) -> Option<(Option<Value>, usize)> {
        // Two different values beforehand tell apart what was stored and what was there.
        let first = write_over(key, 0, text, pos)?;
        let second = write_over(key, 1, text, pos)?;
        let stored = (first.0 == second.0).then_some(first.0);
        (first.1 == second.1).then_some((stored, first.1))
    }

    fn write_over(key: Key, before: u8, text: &mut [u8], pos: u64) -> Option<(Value, usize)> {
        match key.entry().ctype {
            CType::Int { min, max } => {
                let before = i32::from(before);
                let done = proc_int(before, (min, max), Direction::Write, text, pos).ok()?;
                Some((Value::Int(done.value), done.used))
            }
            CType::UnsignedLong { min, max } => {
                let before = u64::from(before);
                let done = proc_ulong(before, (min, max), Direction::Write, text, pos).ok()?;
                Some((Value::UnsignedLong(done.value), done.used))
            }
            _ => None,
        }
    }

    /// Returns the bytes shown and the position afterwards; `None` for an error.
    pub(super) fn read(value: Value, out: &mut [u8], pos: u64) -> Option<(usize, u64)> {
        match value {
            Value::Int(value) => {
                let bounds = (i32::MIN, i32::MAX);
                let done = proc_int(value, bounds, Direction::Read, out, pos).ok()?;
                Some((done.used, done.pos))
            }
            Value::UnsignedLong(value) => {
                let bounds = (0, u64::MAX);
                let done = proc_ulong(value, bounds, Direction::Read, out, pos).ok()?;
                Some((done.used, done.pos))
            }
            _ => None,
        }
    }
}
