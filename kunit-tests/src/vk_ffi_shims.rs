//! The shims: symbols, subjects, hooks and RCU of the kernel that runs.

#[cfg_attr(kernel, kernel::prelude::kunit_tests(vk_ffi_shims))]
#[cfg_attr(not(kernel), cfg(test))]
mod suite {
    use vk_ffi_shims::Feature;

    #[cfg(kernel)]
    use super::container::Container;
    #[cfg(kernel)]
    use super::treasure::{Gone, Treasure};
    #[cfg(kernel)]
    use crate::platform::{barrier, threads, ReadGuard, WriteGuard};
    #[cfg(kernel)]
    use crate::seen::{kbytes_calls, later_calls, overcommit_kbytes_handler};
    #[cfg(kernel)]
    use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering::SeqCst};
    #[cfg(kernel)]
    use kernel::prelude::{KBox, GFP_KERNEL};
    #[cfg(kernel)]
    use vk_ffi_shims::vk_hook::{Backend, Group, Sleeper, State};
    #[cfg(kernel)]
    use vk_ffi_shims::{
        kunit, overcommit, with_memcg, Boxed, Cache, ControlGuard, Flight, Ftrace, Hook, Memcg,
        Namespace, Published, RcuBox, RcuHead, Retirees,
    };
    #[cfg(kernel)]
    use vk_nshash::{Key, Nested, Node, Table};

    #[test]
    fn features_have_names_of_their_own() {
        assert!(Feature::ALL
            .into_iter()
            .all(|it| Feature::from_name(it.name().as_bytes()) == Some(it)));
        assert_eq!(Feature::from_name(b"sysctl\n"), None);
    }

    #[cfg(kernel)]
    #[test]
    fn each_hook_is_of_one_feature() {
        let mut seen = 0_u128;
        for hook in Feature::ALL.into_iter().flat_map(Feature::hooks) {
            let bit = 1_u128.wrapping_shl(hook.0);
            assert_eq!(seen & bit, 0);
            seen |= bit;
        }
        // No hook is without a feature.
        assert_eq!(seen & seen.wrapping_add(1), 0);
    }

    #[cfg(kernel)]
    #[test]
    fn a_symbol_is_taken_if_it_is_the_only_one_of_its_name() {
        let found = |name| kunit::symbol(name).map(|it| (it.matches, it.is_taken));
        assert_eq!(found(c"wake_up_new_task"), Some((1, true)));
        assert_eq!(found(c"wake_up_new_tas"), Some((0, false)));
        assert_eq!(found(c"wake_up_new_task.cold"), Some((0, false)));
        assert_eq!(found(c""), Some((0, false)));
        // There are many iterators called so, all of them static.
        assert!(found(c"m_start").is_some_and(|(matches, _)| matches > 1));
        assert!(found(c"m_start").is_some_and(|(_, is_taken)| !is_taken));
    }

    #[cfg(kernel)]
    #[test]
    fn a_symbol_with_a_clone_of_another_abi_is_refused() {
        let mut room = [0; 64];
        let mut has_any = false;
        for suffix in [c".part.", c".constprop.", c".isra."] {
            let Some(name) = kunit::symbol_with(suffix, &mut room) else {
                continue;
            };
            has_any = true;
            let found = kunit::symbol(name);
            assert!(found.is_some_and(|it| it.matches == 1 && !it.is_taken));
        }
        // Only gcc clones.
        assert_eq!(has_any, cfg!(CONFIG_CC_IS_GCC));
    }

    #[cfg(kernel)]
    #[test]
    fn a_symbol_with_a_cold_part_or_a_variable_of_its_own_is_taken() {
        let mut room = [0; 64];
        let mut has_any = false;
        // Clang calls a static variable by its function's name.
        for suffix in [c".cold", c".__warned", c".__already_done", c"._rs"] {
            let Some(name) = kunit::symbol_with(suffix, &mut room) else {
                continue;
            };
            has_any = true;
            let found = kunit::symbol(name);
            assert!(found.is_some_and(|it| it.matches == 1 && it.is_taken));
        }
        assert!(has_any);
    }

    #[cfg(kernel)]
    #[test]
    fn every_hook_is_planned_on_this_kernel() {
        for feature in [
            Feature::Lifecycle,
            Feature::Sysctl,
            Feature::Overcommit,
            Feature::Thp,
        ] {
            assert_eq!(feature.refusal(), "");
        }
        for told in Ftrace::ids().filter_map(Ftrace::info) {
            // What a smaller kernel inlines is refused with its whole feature, and only that.
            if told.refusal.is_empty() {
                assert!(told.address != 0 && told.entry_len == 16);
                assert!(told.state == State::Planned || !told.feature.refusal().is_empty());
            } else {
                assert!(told.state == State::Absent && !told.feature.refusal().is_empty());
            }
        }
        let beyond = Ftrace::ids().last().map(|it| it.0.wrapping_add(1));
        let beyond = beyond.map(vk_hook::HookId);
        assert!(beyond.is_some_and(|it| Ftrace::info(it).is_none()));
        assert!(beyond.is_some_and(|it| Ftrace.state(it) == State::Absent));
    }

    /// The hook that two tests put in: a file that only administrators read.
    #[cfg(kernel)]
    fn hook() -> vk_hook::HookId {
        overcommit_kbytes_handler::id()
    }

    #[cfg(kernel)]
    #[test]
    fn a_hook_goes_in_sees_containers_only_and_comes_out() {
        // What the kernel refuses changes nothing.
        const USE: &core::ffi::CStr =
            c"f=/proc/sys/vm/overcommit_kbytes; cat $f >/dev/null; (echo x >$f) 2>/dev/null; true";
        const READ_INSIDE: &core::ffi::CStr =
            c"exec unshare --pid --fork cat /proc/sys/vm/overcommit_kbytes >/dev/null";
        const WRITE_INSIDE: &core::ffi::CStr = c"f=/proc/sys/vm/overcommit_kbytes
            unshare --pid --fork sh -c \"echo x >$f\" 2>/dev/null; true";
        if kunit::is_loaded(c"vkernel") {
            return;
        }
        let entry = || Ftrace::info(hook()).map(|it| it.entry);
        let before = entry();
        let hooks = [hook()];
        let armed = Group::new(Ftrace, &hooks).arm().ok();
        assert!(armed.is_some());

        // Nothing is asserted before the hook is out: a failed test never comes back.
        let (inside, state) = (entry(), Ftrace.state(hook()));
        let again = Ftrace.arm(hook());
        let start = kbytes_calls();
        let host = kunit::shell(USE).map(|()| kbytes_calls());
        // It has no policy, so there is nothing to ask about what it reads.
        let reader = kunit::shell(READ_INSIDE).map(|()| kbytes_calls());
        let writer = kunit::shell(WRITE_INSIDE).map(|()| kbytes_calls());
        let draining = armed.and_then(|armed| armed.disarm().ok());
        let state_after = Ftrace.state(hook());
        let planned = draining.and_then(|draining| draining.drain(2_000).ok());
        let after = kunit::shell(WRITE_INSIDE).map(|()| kbytes_calls());

        assert!(planned.is_some());
        assert_eq!((state, state_after), (State::Armed, State::Draining));
        assert_eq!(Ftrace.state(hook()), State::Planned);
        assert_eq!(again, Ok(()));
        assert!(inside != before);
        assert_eq!(entry(), before);
        assert_eq!(host, Ok(start));
        assert_eq!(reader, Ok(start));
        assert!(writer.is_ok_and(|calls| calls > start));
        assert_eq!(after, writer);
    }

    #[cfg(kernel)]
    #[test]
    fn a_drain_names_who_sleeps_in_a_handler_and_waits_no_longer_than_told() {
        if kunit::is_loaded(c"vkernel") {
            return;
        }
        let hooks = [hook()];
        let armed = Group::new(Ftrace, &hooks).arm().ok();
        let draining = armed.and_then(|armed| armed.disarm().ok());
        assert!(draining.is_some());

        let (pid, is_inside) = (AtomicI32::new(0), AtomicBool::new(false));
        let (may_leave, is_named) = (AtomicBool::new(false), AtomicBool::new(false));
        let (waited_ms, is_drained) = (AtomicU32::new(0), AtomicBool::new(false));
        let threads = threads(2, &|index| {
            if index == 0 {
                pid.store(vk_ffi_shims::current_pid(), SeqCst);
                let _flight = Flight::enter(hook());
                is_inside.store(true, SeqCst);
                super::sleep_until(|| may_leave.load(SeqCst), 10_000);
                return;
            }
            super::sleep_until(|| is_inside.load(SeqCst), 10_000);
            let start = vk_ffi_shims::clock_ns();
            let sleeper = Ftrace.drain(200).err();
            let waited = vk_ffi_shims::clock_ns().wrapping_sub(start);
            waited_ms.store((waited / 1_000_000) as u32, SeqCst);
            let is_he = |it: Sleeper| it.pid == pid.load(SeqCst) && it.hook == hook();
            is_named.store(sleeper.is_some_and(is_he), SeqCst);
            may_leave.store(true, SeqCst);
            is_drained.store(Ftrace.drain(5_000).is_ok(), SeqCst);
        });
        assert_eq!(threads, Ok(()));
        assert!(is_named.load(SeqCst));
        // The rest is a wait for RCU-tasks, which takes a while.
        assert!((200..5_000).contains(&waited_ms.load(SeqCst)));
        assert!(is_drained.load(SeqCst));
        assert_eq!(Ftrace.state(hook()), State::Planned);
    }

    #[cfg(kernel)]
    #[test]
    fn a_kernel_thread_is_the_host() {
        let read = ReadGuard::new();
        let is_host = Namespace::of_current(&read).is_none();
        let is_host_without_mm = Namespace::of_mm(&read, None).is_none();
        drop(read);
        assert!(is_host && is_host_without_mm);
    }

    #[cfg(kernel)]
    #[test]
    fn an_mm_belongs_to_its_owners_container_whoever_uses_it() {
        let container = Container::start();
        assert!(container.is_some());
        let (pid, id) = container.map_or((0, 0), |it| (it.pid, it.id));
        let (mut of_mm, mut is_host_still) = (None, false);
        let used = kunit::with_mm_of(pid, |mm| {
            let read = ReadGuard::new();
            of_mm = Namespace::of_mm(&read, Some(mm)).map(Namespace::id);
            is_host_still = Namespace::of_current(&read).is_none();
        });
        assert_eq!(used, Ok(()));
        assert_eq!(of_mm, Some(id));
        assert!(is_host_still);

        let mut is_the_hosts = false;
        let used = kunit::with_mm_of(1, |mm| {
            is_the_hosts = Namespace::of_mm(&ReadGuard::new(), Some(mm)).is_none();
        });
        assert_eq!(used, Ok(()));
        assert!(is_the_hosts);
    }

    #[cfg(kernel)]
    #[test]
    fn a_page_belongs_to_the_cgroup_that_the_kernel_says() {
        let container = Container::start();
        let pid = container.map_or(0, |it| it.pid);
        let (mut told, mut seen, mut around) = (0, None, true);
        let used = kunit::with_page_of(pid, |folio, id| {
            let read = ReadGuard::new();
            let memcg = Memcg::of_folio(&read, folio);
            told = id;
            seen = memcg.map(Memcg::key);
            around = memcg.is_some_and(|it| it.parent().is_some());
        });
        assert_eq!(used, Ok(()));
        // Below the root, which is 1.
        assert!(told > 1);
        assert_eq!(seen, Key::new(told as usize));
        assert!(!around);
        let found = with_memcg(told, |memcg| memcg.map(Memcg::key));
        assert_eq!(found, Some(seen));

        let mut of_host = None;
        let used = kunit::with_page_of(1, |folio, _| {
            of_host = Some(Memcg::of_folio(&ReadGuard::new(), folio).is_none());
        });
        assert_eq!(used, Ok(()));
        assert_eq!(of_host, Some(true));
        assert_eq!(with_memcg(1, |memcg| memcg.is_none()), Some(true));
        assert_eq!(with_memcg(u64::MAX >> 1, |_| ()), None);
    }

    #[cfg(kernel)]
    #[test]
    fn an_owner_past_release_task_is_the_host() {
        let container = Container::start();
        let (pid, id) = container.map_or((0, 0), |it| (it.pid, it.id));
        let mut seen = [None; 2];
        let mut looks = seen.iter_mut();
        let done = kunit::with_owner(pid, |mm| {
            let of_mm = Namespace::of_mm(&ReadGuard::new(), Some(mm)).map(Namespace::id);
            if let Some(look) = looks.next() {
                *look = Some(of_mm);
            }
        });
        assert_eq!(done, Ok(()));
        // While it lives its own, then nobody's.
        assert_eq!(seen, [Some(Some(id)), Some(None)]);
    }

    #[cfg(kernel)]
    #[test]
    fn a_namespace_tells_what_it_is() {
        let container = Container::start();
        assert!(container.is_some_and(|it| it.level == 1 && it.id != 0));
        assert!(container.is_some_and(|it| it.has_host_for_parent && it.is_its_own_ancestor));
        assert!(container.is_some_and(|it| it.is_below_us));
        assert!(container.is_some_and(|it| it.tasks >= 1));
        // A shell maps something, and nobody holds its lock.
        assert!(container.is_some_and(|it| it.accounted_pages > 0 && it.unlocked_pages == 0));
    }

    #[cfg(kernel)]
    #[test]
    fn a_namespace_is_found_by_its_id() {
        /// PID_NS_INIT_ID of include/uapi/linux/nsfs.h.
        const INITIAL: u64 = 4;
        let index = kunit::symbol(c"ns_tree_lookup_rcu");
        assert_eq!(index.map(|it| it.is_taken), Some(true));
        let container = Container::start();
        assert!(container.is_some());
        let (pid, id) = container.map_or((0, 0), |it| (it.pid, it.id));
        let read = ReadGuard::new();
        let of_init = Namespace::of_init(&read, pid).map(Namespace::key);
        assert!(of_init.is_some());
        assert_eq!(Namespace::of_id(&read, id).map(Namespace::key), of_init);
        let others = [0, INITIAL, id.wrapping_add(1 << 32), u64::MAX];
        assert!(others
            .map(|it| Namespace::of_id(&read, it))
            .iter()
            .all(Option::is_none));
    }

    #[cfg(kernel)]
    #[test]
    fn the_machine_has_memory_and_a_mode() {
        let (host, machine) = (overcommit::host(), overcommit::machine());
        assert!((0..=2).contains(&host.mode));
        assert!(machine.ram_pages > machine.hugetlb_pages);
        assert!(overcommit::may_recount());
        let write = WriteGuard::lock();
        let may_with_a_spinlock = overcommit::may_recount();
        drop(write);
        assert!(!may_with_a_spinlock);
    }

    #[cfg(kernel)]
    #[test]
    fn what_is_retired_is_dropped_whole_after_a_grace_period() {
        static GONE: Gone = Gone::new();
        GONE.reset();
        let boxed = RcuBox::new(Treasure::new(&GONE), GFP_KERNEL).ok();
        assert!(boxed.as_ref().is_some_and(|it| it.is_whole()));
        let read = ReadGuard::new();
        if let Some(boxed) = boxed {
            boxed.retire();
        }
        let dropped_at_once = GONE.count();
        drop(read);
        barrier();
        assert_eq!(dropped_at_once, 0);
        assert_eq!((GONE.count(), GONE.broken()), (1, 0));
    }

    #[cfg(kernel)]
    #[test]
    fn a_node_finds_back_to_its_box_whatever_its_alignment() {
        static GONE: Gone = Gone::new();
        GONE.reset();
        let key = Key::new(64).unwrap_or(Key::MAX);
        let table = Table::<Boxed<Treasure>, 1, 2>::new();
        let node = RcuBox::new(Node::new(key, Treasure::new(&GONE)), GFP_KERNEL).ok();
        let node = node.map(Boxed);
        let inserted = node.map(|it| table.insert(&mut WriteGuard::lock(), it).is_ok());
        assert_eq!(inserted, Some(true));
        let read = ReadGuard::new();
        let is_whole = table.find(&read, key).is_some_and(Treasure::is_whole);
        drop(read);
        let removed = table.remove(&mut WriteGuard::lock(), key);
        let removed = removed.map(|it| it.after(&RcuHead::default()));
        barrier();
        assert!(is_whole && removed.is_some());
        assert_eq!((GONE.count(), GONE.broken()), (1, 0));
    }

    #[cfg(kernel)]
    #[test]
    fn a_new_value_is_published_and_the_old_one_comes_back_without_room() {
        let value = |n: u32| KBox::new(n, GFP_KERNEL).ok();
        let published = value(1).map(Published::new);
        let room = Retirees::with_room(1).ok();
        assert!(published.is_some() && room.is_some());
        if let (Some(published), Some(mut room), Some(two), Some(three)) =
            (published, room, value(2), value(3))
        {
            let first = published.replace(&mut WriteGuard::lock(), two, &mut room);
            let refused = published.replace(&mut WriteGuard::lock(), three, &mut room);
            let seen = *published.read(&ReadGuard::new());
            assert!(first.is_ok());
            assert_eq!(refused.err().map(KBox::into_inner), Some(3));
            assert_eq!(seen, 2);
        }
    }

    #[cfg(kernel)]
    #[test]
    fn a_shared_value_is_published_and_never_freed() {
        static SHARED: u32 = 1;
        let (value, room) = (KBox::new(2, GFP_KERNEL).ok(), Retirees::with_room(1).ok());
        assert!(value.is_some() && room.is_some());
        if let (Some(value), Some(mut room)) = (value, room) {
            let published = Published::shared(&SHARED);
            let first = *published.read(&ReadGuard::new());
            let is_replaced = published.replace(&mut WriteGuard::lock(), value, &mut room);
            let second = *published.read(&ReadGuard::new());
            drop(room);
            drop(published);
            drop(Published::shared(&SHARED));
            assert!(is_replaced.is_ok());
            assert_eq!((first, second, SHARED), (1, 2, 1));
        }
    }

    #[cfg(kernel)]
    #[test]
    fn a_cache_gives_memory_while_it_is_open() {
        static CACHE: Cache<Treasure> = Cache::new();
        static GONE: Gone = Gone::new();
        GONE.reset();
        let made = || RcuBox::new_in(&CACHE, GFP_KERNEL, || Treasure::new(&GONE)).ok();
        let before = made().is_none();
        let is_open = CACHE.open(c"vk_kunit").is_ok();
        let (kept, retired) = (made(), made());
        let are_whole = [&kept, &retired].map(|it| it.as_ref().is_some_and(|it| it.is_whole()));
        drop(kept);
        retired.into_iter().for_each(RcuBox::retire);
        barrier();
        CACHE.close();
        assert!(before && is_open && made().is_none());
        assert_eq!(are_whole, [true; 2]);
        assert_eq!((GONE.count(), GONE.broken()), (2, 0));
    }

    #[cfg(kernel)]
    #[test]
    fn a_value_that_nobody_can_see_yet_is_freed_at_once() {
        static GONE: Gone = Gone::new();
        GONE.reset();
        let value = || KBox::new(Treasure::new(&GONE), GFP_KERNEL).ok();
        let both = value().zip(value());
        assert!(both.is_some());
        if let Some((first, second)) = both {
            let mut published = Published::new(first);
            published.set(second);
            assert_eq!((GONE.count(), GONE.broken()), (1, 0));
            drop(published);
            assert_eq!((GONE.count(), GONE.broken()), (2, 0));
        }
    }

    #[cfg(kernel)]
    #[test]
    fn an_old_value_outlives_its_readers() {
        static GONE: Gone = Gone::new();
        GONE.reset();
        let value = || KBox::new(Treasure::new(&GONE), GFP_KERNEL).ok();
        let published = value().map(Published::new);
        assert!(published.is_some());
        let (is_inside, is_replaced) = (AtomicBool::new(false), AtomicBool::new(false));
        let (is_whole_to_the_end, has_waited) = (AtomicBool::new(false), AtomicBool::new(false));
        let threads = threads(2, &|index| {
            let Some(published) = &published else {
                return;
            };
            if index == 0 {
                let read = ReadGuard::new();
                let old = published.read(&read);
                is_inside.store(true, SeqCst);
                super::spin_until(|| is_replaced.load(SeqCst), 2_000);
                super::spin_until(|| GONE.count() != 0, 300);
                is_whole_to_the_end.store(old.is_whole() && GONE.count() == 0, SeqCst);
                return;
            }
            super::sleep_until(|| is_inside.load(SeqCst), 2_000);
            if let (Some(value), Ok(mut room)) = (value(), Retirees::with_room(1)) {
                let done = published.replace(&mut WriteGuard::lock(), value, &mut room);
                is_replaced.store(done.is_ok(), SeqCst);
                drop(room);
                has_waited.store(is_whole_to_the_end.load(SeqCst), SeqCst);
            }
        });
        assert_eq!(threads, Ok(()));
        assert!(is_replaced.load(SeqCst) && is_whole_to_the_end.load(SeqCst));
        assert!(has_waited.load(SeqCst));
        assert_eq!(GONE.count(), 1);
        drop(published);
        assert_eq!((GONE.count(), GONE.broken()), (2, 0));
    }

    #[cfg(kernel)]
    #[test]
    fn one_change_at_a_time() {
        let first = ControlGuard::lock();
        let second = ControlGuard::try_lock().is_some();
        // Whoever was refused has unlocked nothing.
        let third = ControlGuard::try_lock().is_some();
        drop(first);
        let fourth = ControlGuard::try_lock().is_some();
        let fifth = ControlGuard::try_lock().is_some();
        assert_eq!((second, third, fourth, fifth), (false, false, true, true));
    }

    #[cfg(kernel)]
    #[test]
    fn later_work_runs_once_and_not_when_cancelled() {
        let before = later_calls();
        vk_ffi_shims::later(20);
        vk_ffi_shims::later(20);
        super::sleep_until(|| later_calls() != before, 5_000);
        vk_ffi_shims::later(200);
        vk_ffi_shims::cancel_later();
        vk_ffi_shims::sleep_ms(300);
        assert_eq!(later_calls(), before.wrapping_add(1));
    }
}

#[cfg(kernel)]
fn spin_until(is_done: impl Fn() -> bool, most_ms: u64) {
    let end = vk_ffi_shims::clock_ns().wrapping_add(most_ms.wrapping_mul(1_000_000));
    while !is_done() && vk_ffi_shims::clock_ns() < end {
        core::hint::spin_loop();
    }
}

#[cfg(kernel)]
fn sleep_until(is_done: impl Fn() -> bool, most_ms: u64) {
    let end = vk_ffi_shims::clock_ns().wrapping_add(most_ms.wrapping_mul(1_000_000));
    while !is_done() && vk_ffi_shims::clock_ns() < end {
        vk_ffi_shims::sleep_ms(5);
    }
}

/// A value that notices when it is not what it was.
#[cfg(kernel)]
mod treasure {
    use core::sync::atomic::{AtomicU32, Ordering::SeqCst};

    /// How many treasures were dropped, and how many of them were not whole.
    pub(super) struct Gone {
        count: AtomicU32,
        broken: AtomicU32,
    }

    impl Gone {
        pub(super) const fn new() -> Self {
            Self {
                count: AtomicU32::new(0),
                broken: AtomicU32::new(0),
            }
        }

        pub(super) fn reset(&self) {
            self.count.store(0, SeqCst);
            self.broken.store(0, SeqCst);
        }

        pub(super) fn count(&self) -> u32 {
            self.count.load(SeqCst)
        }

        pub(super) fn broken(&self) -> u32 {
            self.broken.load(SeqCst)
        }
    }

    /// Aligned so that it does not begin right behind an RCU head.
    #[repr(align(128))]
    pub(super) struct Treasure {
        coins: [u64; 32],
        gone: &'static Gone,
    }

    impl Treasure {
        pub(super) fn new(gone: &'static Gone) -> Self {
            Self {
                coins: core::array::from_fn(coin),
                gone,
            }
        }

        pub(super) fn is_whole(&self) -> bool {
            let is_aligned = core::ptr::from_ref(self).addr() % 128 == 0;
            let has_all = self.coins.iter().enumerate().all(|(n, it)| *it == coin(n));
            is_aligned && has_all
        }
    }

    impl Drop for Treasure {
        fn drop(&mut self) {
            let is_broken = !self.is_whole();
            self.coins = [0; 32];
            self.gone.broken.fetch_add(u32::from(is_broken), SeqCst);
            self.gone.count.fetch_add(1, SeqCst);
        }
    }

    fn coin(n: usize) -> u64 {
        (n as u64)
            .wrapping_add(1)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// A container that is there for a few seconds.
#[cfg(kernel)]
mod container {
    use vk_ffi_shims::{each_namespace, kunit, Namespace};

    /// What was seen of a namespace while it lived.
    #[derive(Clone, Copy)]
    pub(super) struct Container {
        pub(super) pid: i32,
        pub(super) id: u64,
        pub(super) level: u32,
        pub(super) tasks: u32,
        pub(super) has_host_for_parent: bool,
        pub(super) is_its_own_ancestor: bool,
        pub(super) is_below_us: bool,
        pub(super) accounted_pages: u64,
        pub(super) unlocked_pages: u64,
    }

    impl Container {
        /// Makes one that ends by itself.
        pub(super) fn start() -> Option<Self> {
            let script = c"mkdir -p /sys/fs/cgroup/vk-kunit; unshare --pid --fork sh -c \
                'echo 0 >/sys/fs/cgroup/vk-kunit/cgroup.procs; printf vk-kunit >/proc/self/comm; \
                sleep 4; :' >/dev/null 2>&1 &";
            kunit::shell(script).ok()?;
            super::sleep_until(|| Self::find().is_some(), 5_000);
            Self::find()
        }

        fn find() -> Option<Self> {
            let mut found = None;
            each_namespace(|ns| {
                let init = ns.init().filter(|it| it.comm.starts_with(b"vk-kunit\0"));
                found = init.map(|init| Self::of(ns, init.pid));
                found.is_none()
            });
            found
        }

        fn of(ns: Namespace<'_>, pid: i32) -> Self {
            let accounted = ns.accounted_pages();
            Self {
                pid,
                id: ns.id(),
                level: ns.level(),
                tasks: ns.tasks(),
                has_host_for_parent: ns.parent().is_none(),
                is_its_own_ancestor: ns.ancestor(ns.key()).is_some_and(|it| it.id() == ns.id()),
                is_below_us: ns.is_below_current(),
                accounted_pages: accounted.map_or(0, |it| it.pages),
                unlocked_pages: accounted.map_or(u64::MAX, |it| it.unlocked_pages),
            }
        }
    }
}
