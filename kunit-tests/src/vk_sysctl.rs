//! The text of `/proc/sys`, byte for byte as the kernel's own handlers take and show it.

#[cfg_attr(kernel, kernel::prelude::kunit_tests(vk_sysctl))]
#[cfg_attr(not(kernel), cfg(test))]
mod suite {
    use vk_sysctl::{read_text, Change, Key, ParseError, Value, Values};
    #[cfg(kernel)]
    use vk_sysctl::{CType, Writes};

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

    #[test]
    fn a_change_is_all_or_nothing() {
        let mut host = Values::new();
        assert!(host.set(Key::MmapMinAddr, Value::UnsignedLong(65_536)));
        let mut change = Change::new(Values::new(), &host);
        assert!(change.set(Key::MaxMapCount, b"262144").is_ok());
        assert!(change.set(Key::MmapMinAddr, b"4096").is_err());
        assert!(change.finish().is_err());
    }

    #[cfg(kernel)]
    use super::kernels;

    #[cfg(kernel)]
    #[test]
    fn readers_see_whole_changes_only() {
        const WRITERS: u32 = 2;
        const BATCHES: u32 = 50;
        let sets = super::sets::Sets::new();
        assert!(sets.is_some());
        let Some(sets) = sets else {
            return;
        };
        let count = vk_ffi_shims::kunit::cpus().saturating_add(WRITERS);
        let threads = vk_ffi_shims::kunit::threads(count, &|index| {
            if index < WRITERS {
                sets.write(BATCHES);
            } else {
                sets.read_until_written(WRITERS);
            }
        });
        assert_eq!(threads, Ok(()));
        assert_eq!(sets.written(), WRITERS * BATCHES * super::sets::BATCH);
        assert!(sets.reads() > 1000);
        assert_eq!(sets.torn(), 0);
    }

    #[cfg(kernel)]
    #[test]
    fn generated_writes_are_taken_as_the_kernel_takes_them() {
        let mut random = vk_kunit_tests::Random::new(1);
        let mut taken = [0; 5];
        for _ in 0..100_000 {
            let mut text = vk_kunit_tests::Text::generate(&mut random);
            let pos = random.choose(&[0, 0, 0, 1]);
            for (ctype, taken) in kernels::generate(&mut random).into_iter().zip(&mut taken) {
                let ours = ctype.parse_write(text.as_bytes(), pos, Writes::Strict);
                *taken += u32::from(ours.is_ok_and(|it| it.value.is_some()));
                let theirs = kernels::write(ctype, text.as_mut_bytes(), pos);
                assert_eq!(ours.map_err(ParseError::to_errno), theirs);
            }
        }
        // The texts are numbers often enough to show something.
        assert!(taken.iter().all(|&taken| taken > 1000));
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
            for ctype in [CType::INT, CType::UNSIGNED_INT, CType::UNSIGNED_LONG] {
                let ours = ctype.parse_write(written, 0, Writes::Strict);
                let theirs = kernels::write(ctype, written, 0);
                assert_eq!(ours.map_err(ParseError::to_errno), theirs);
            }
        }
    }

    #[cfg(kernel)]
    #[test]
    fn generated_values_are_shown_as_the_kernel_shows_them() {
        let mut random = vk_kunit_tests::Random::new(3);
        for _ in 0..100_000 {
            let (int, long) = (random.any_signed() as i32, random.any_magnitude());
            let (room, pos) = (random.below(24) as usize, random.choose(&[0, 0, 0, 1]));
            let uint = Value::UnsignedInt(long as u32);
            for value in [Value::Int(int), uint, Value::UnsignedLong(long)] {
                let (mut ours, mut theirs) = ([0; 24], [0; 24]);
                let read = read_text(value, pos, ours.get_mut(..room).unwrap_or_default());
                let seen = kernels::read(value, theirs.get_mut(..room).unwrap_or_default(), pos);
                assert_eq!(Some((read.written, read.pos)), seen);
                assert_eq!(ours, theirs);
            }
        }
    }
}

/// Values that are published as the reference module publishes a container's.
#[cfg(kernel)]
mod sets {
    use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
    use kernel::prelude::{KBox, GFP_KERNEL};
    use vk_ffi_shims::{sleep_ms, Published, ReadGuard, RegistryGuard, Retirees};
    use vk_sysctl::{Change, Key, Values};

    /// How many values wait for one grace period.
    pub(super) const BATCH: u32 = 64;

    /// One of two sets that differ in every key, and who saw another.
    pub(super) struct Sets {
        both: [Values; 2],
        published: Published<Values>,
        written: AtomicU32,
        done: AtomicU32,
        reads: AtomicU64,
        torn: AtomicU64,
    }

    impl Sets {
        pub(super) fn new() -> Option<Self> {
            let both = [
                all(&["0", "80", "0", "4096", "0"])?,
                all(&["1", "0", "7", "8192", "1"])?,
            ];
            let first = KBox::new(both[0], GFP_KERNEL).ok()?;
            Some(Self {
                both,
                published: Published::new(first),
                written: AtomicU32::new(0),
                done: AtomicU32::new(0),
                reads: AtomicU64::new(0),
                torn: AtomicU64::new(0),
            })
        }

        /// Publishes one set and the other in turn.
        pub(super) fn write(&self, batches: u32) {
            for _ in 0..batches {
                // Dropped at the end of each batch: it waits for readers.
                if let Ok(mut room) = Retirees::with_room(BATCH as usize) {
                    for turn in 0..BATCH {
                        let set = self.both.get(turn as usize & 1).copied();
                        let is_written = set.and_then(|it| self.publish(it, &mut room)).is_some();
                        self.written.fetch_add(is_written.into(), SeqCst);
                    }
                }
            }
            self.done.fetch_add(1, SeqCst);
        }

        fn publish(&self, set: Values, room: &mut Retirees<Values>) -> Option<()> {
            let set = KBox::new(set, GFP_KERNEL).ok()?;
            let mut lock = RegistryGuard::lock();
            self.published.replace(&mut lock, set, room).ok()
        }

        /// Looks at what is published until so many writers are done.
        pub(super) fn read_until_written(&self, writers: u32) {
            while self.done.load(SeqCst) < writers {
                let seen = *self.published.read(&ReadGuard::new());
                let is_whole = self.both.contains(&seen);
                self.torn.fetch_add((!is_whole).into(), SeqCst);
                if self.reads.fetch_add(1, SeqCst) & 0xfff == 0 {
                    // Lets others run where the kernel does not preempt.
                    sleep_ms(1);
                }
            }
        }

        pub(super) fn written(&self) -> u32 {
            self.written.load(SeqCst)
        }

        pub(super) fn reads(&self) -> u64 {
            self.reads.load(SeqCst)
        }

        pub(super) fn torn(&self) -> u64 {
            self.torn.load(SeqCst)
        }
    }

    /// All keys as one change, from texts for the mode, ratio, kbytes, most others, and the log.
    fn all([mode, ratio, kbytes, others, log]: &[&str; 5]) -> Option<Values> {
        let host = Values::new();
        let mut change = Change::new(Values::new(), &host);
        for key in Key::ALL {
            let text = match key {
                Key::OvercommitMemory => mode,
                Key::OvercommitRatio => ratio,
                Key::OvercommitKbytes => kbytes,
                Key::DmesgRestrict => log,
                _ => others,
            };
            change.set(key, text.as_bytes()).ok()?;
        }
        change.finish().ok()
    }
}

/// The kernel's own handlers on values of ours.
#[cfg(kernel)]
mod kernels {
    use vk_ffi_shims::kunit::{
        proc_int, proc_pipe_size, proc_uint, proc_ulong, Direction, Handled,
    };
    use vk_kunit_tests::Random;
    use vk_sysctl::{CType, Parsed, Value};

    const EINVAL: i32 = -22;

    /// Makes one type for each handler, with bounds that numbers are likely to be near.
    pub(super) fn generate(random: &mut Random) -> [CType; 5] {
        let (low, high) = (random.any_signed() as i32, random.any_signed() as i32);
        let (near, far) = (random.any_magnitude(), random.any_magnitude());
        [
            random.choose(&[Plain(CType::INT), Plain(MODE)]).0,
            CType::Int {
                min: low.min(high),
                max: low.max(high),
            },
            CType::UnsignedInt {
                min: (near as u32).min(far as u32),
                max: u32::MAX,
            },
            CType::PipeSize,
            CType::UnsignedLong {
                min: random.choose(&[0, near.min(far)]),
                max: random.choose(&[u64::MAX, near.max(far)]),
            },
        ]
    }

    const MODE: CType = CType::Int { min: 0, max: 2 };

    #[derive(Clone, Copy)]
    struct Plain(CType);

    impl Default for Plain {
        fn default() -> Self {
            Self(CType::INT)
        }
    }

    /// Returns what was stored and used up, and the position, or the errno.
    pub(super) fn write(ctype: CType, text: &mut [u8], pos: u64) -> Result<Parsed, i32> {
        // Two different values beforehand tell apart what was stored and what was there.
        let first = write_over(ctype, 0, text, pos)?;
        let second = write_over(ctype, 1, text, pos)?;
        let Handled { used, pos, .. } = first;
        if (second.used, second.pos) != (used, pos) {
            return Err(0);
        }
        Ok(Parsed {
            value: (first.value == second.value).then_some(first.value),
            consumed: used,
            pos,
        })
    }

    fn write_over(
        ctype: CType,
        before: u8,
        text: &mut [u8],
        pos: u64,
    ) -> Result<Handled<Value>, i32> {
        let way = Direction::Write;
        match ctype {
            CType::Int { min, max } => {
                proc_int(before.into(), (min, max), way, text, pos).map(wrap(Value::Int))
            }
            CType::UnsignedInt { min, max } => {
                proc_uint(before.into(), (min, max), way, text, pos).map(wrap(Value::UnsignedInt))
            }
            CType::PipeSize => {
                proc_pipe_size(before.into(), way, text, pos).map(wrap(Value::UnsignedInt))
            }
            CType::UnsignedLong { min, max } => {
                proc_ulong(before.into(), (min, max), way, text, pos).map(wrap(Value::UnsignedLong))
            }
            _ => Err(EINVAL),
        }
    }

    /// Returns the bytes shown and the position afterwards; `None` for an error.
    pub(super) fn read(value: Value, out: &mut [u8], pos: u64) -> Option<(usize, u64)> {
        let way = Direction::Read;
        let done = match value {
            Value::Int(value) => {
                let bounds = (i32::MIN, i32::MAX);
                proc_int(value, bounds, way, out, pos).map(wrap(Value::Int))
            }
            Value::UnsignedInt(value) => {
                proc_uint(value, (0, u32::MAX), way, out, pos).map(wrap(Value::UnsignedInt))
            }
            Value::UnsignedLong(value) => {
                proc_ulong(value, (0, u64::MAX), way, out, pos).map(wrap(Value::UnsignedLong))
            }
            _ => Err(EINVAL),
        };
        done.ok().map(|done| (done.used, done.pos))
    }

    fn wrap<V>(into: fn(V) -> Value) -> impl Fn(Handled<V>) -> Handled<Value> {
        move |done| Handled {
            value: into(done.value),
            used: done.used,
            pos: done.pos,
        }
    }
}
