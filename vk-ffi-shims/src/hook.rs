//! The `hook!` macro: a safe function becomes the handler of a diverted kernel function.

/// Makes a safe function the handler of a hook of c/series_*.c.
///
/// The handler runs in the hooked function's context (see c/vk_shims.h and the kernel): it must
/// not sleep unless it holds a [`Flight`](crate::Flight). It answers `Some` for a container's
/// task; with `None` the host's way is taken: the original, or its shadow while a gate is open.
///
/// | hook | handler |
/// |---|---|
/// | `overcommit_policy_handler`, `_ratio_`, `_kbytes_` | `fn(&mut Buffer) -> Option<(Result<usize, i32>, u64)>`: bytes used, position |
/// | `vm_enough_memory` | `fn(Option<Mm>, i64, bool) -> Option<i32>` |
/// | `vm_commit_limit`, `vm_memory_committed` | `fn() -> Option<u64>`, in pages |
/// | `thp_allowable_orders` | `fn(Vma, u64, u32, u64) -> Orders` |
/// | `thp_enabled_show` | `fn() -> Option<&'static str>` |
/// | `thp_enabled_store` | `fn(&[u8]) -> Option<Result<(), i32>>` |
/// | `anon_enabled_show`, `_store` | as above, for the directory of PMD order only |
/// | `birth`, `end` | `fn(Namespace)` |
/// | `later` | `fn()` |
///
/// What a handler of `thp_allowable_orders` answers is [`OrdersAnswer`](crate::OrdersAnswer).
#[macro_export]
macro_rules! hook {
    (@sysctl $symbol:ident, $original:ident, $handler:path) => {
        #[doc(hidden)]
        #[no_mangle]
        unsafe extern "C" fn $symbol(
            table: *const $crate::__private::core::ffi::c_void,
            write: i32,
            buffer: *mut $crate::__private::core::ffi::c_void,
            lenp: *mut u64,
            ppos: *mut i64,
        ) -> i32 {
            let handler: fn(&mut $crate::Buffer<'_>) -> Option<(Result<usize, i32>, u64)> = $handler;
            // SAFETY: The arguments of a proc handler, which the caller holds.
            let mut text = unsafe { $crate::Buffer::from_raw(write, buffer, lenp, ppos) };
            match handler(&mut text) {
                Some((Ok(used), pos)) => {
                    text.finish(used, pos);
                    0
                }
                Some((Err(errno), _)) => errno,
                // SAFETY: The arguments are passed on as they came.
                None => unsafe {
                    $crate::__private::bindings::$original(table, write, buffer, lenp, ppos)
                },
            }
        }
    };
    (overcommit_policy_handler => $handler:path) => {
        $crate::hook!(@sysctl vk_handler_overcommit_policy_handler,
            vk_original_overcommit_policy_handler, $handler);
    };
    (overcommit_ratio_handler => $handler:path) => {
        $crate::hook!(@sysctl vk_handler_overcommit_ratio_handler,
            vk_original_overcommit_ratio_handler, $handler);
    };
    (overcommit_kbytes_handler => $handler:path) => {
        $crate::hook!(@sysctl vk_handler_overcommit_kbytes_handler,
            vk_original_overcommit_kbytes_handler, $handler);
    };
    (vm_enough_memory => $handler:path) => {
        #[doc(hidden)]
        #[no_mangle]
        unsafe extern "C" fn vk_handler_vm_enough_memory(
            mm: *const $crate::__private::core::ffi::c_void,
            pages: i64,
            cap_sys_admin: i32,
        ) -> i32 {
            let handler: fn(Option<$crate::Mm<'_>>, i64, bool) -> Option<i32> = $handler;
            // SAFETY: The caller of `__vm_enough_memory()` holds the mm.
            let argument = unsafe { $crate::Mm::from_raw(mm) };
            match handler(argument, pages, cap_sys_admin != 0) {
                Some(answer) => answer,
                // SAFETY: The arguments are passed on as they came.
                None => unsafe {
                    $crate::__private::bindings::vk_original_vm_enough_memory(
                        mm, pages, cap_sys_admin,
                    )
                },
            }
        }
    };
    (@pages $symbol:ident, $original:ident, $handler:path) => {
        #[doc(hidden)]
        #[no_mangle]
        unsafe extern "C" fn $symbol() -> u64 {
            let handler: fn() -> Option<u64> = $handler;
            match handler() {
                Some(pages) => pages,
                // SAFETY: No arguments.
                None => unsafe { $crate::__private::bindings::$original() },
            }
        }
    };
    (vm_commit_limit => $handler:path) => {
        $crate::hook!(@pages vk_handler_vm_commit_limit, vk_original_vm_commit_limit, $handler);
    };
    (vm_memory_committed => $handler:path) => {
        $crate::hook!(@pages vk_handler_vm_memory_committed, vk_original_vm_memory_committed,
            $handler);
    };
    (thp_allowable_orders => $handler:path) => {
        #[doc(hidden)]
        #[no_mangle]
        unsafe extern "C" fn vk_handler_thp_allowable_orders(
            vma: *const $crate::__private::core::ffi::c_void,
            vm_flags: u64,
            asker: i32,
            orders: u64,
        ) -> u64 {
            let handler: fn($crate::Vma<'_>, u64, u32, u64) -> $crate::OrdersAnswer = $handler;
            // SAFETY: The caller holds the VMA.
            let argument = unsafe { $crate::Vma::from_raw(vma) };
            let answer = match argument {
                Some(vma) => handler(vma, vm_flags, asker as u32, orders),
                None => $crate::OrdersAnswer::Host,
            };
            match answer {
                // SAFETY: The arguments are passed on as they came.
                $crate::OrdersAnswer::Host => unsafe {
                    $crate::__private::bindings::vk_host_thp_allowable_orders_call(
                        vma, vm_flags, asker, orders,
                    )
                },
                $crate::OrdersAnswer::Of(0) => 0,
                // SAFETY: As above, with fewer orders: the original only takes more away.
                $crate::OrdersAnswer::Of(fewer) => unsafe {
                    $crate::__private::bindings::vk_original_thp_allowable_orders(
                        vma, vm_flags, asker, fewer,
                    )
                },
            }
        }
    };
    (@show $symbol:ident, $host:ident, $ours:expr, $handler:path) => {
        #[doc(hidden)]
        #[no_mangle]
        unsafe extern "C" fn $symbol(
            kobj: *const $crate::__private::core::ffi::c_void,
            attr: *const $crate::__private::core::ffi::c_void,
            buf: *mut $crate::__private::core::ffi::c_void,
        ) -> i64 {
            let handler: fn() -> Option<&'static str> = $handler;
            let ours: unsafe fn(*const $crate::__private::core::ffi::c_void) -> bool = $ours;
            // SAFETY: The kobject of this attribute, live during the call.
            let answer = if unsafe { ours(kobj) } { handler() } else { None };
            match answer {
                // SAFETY: sysfs gives `show` a page of its own.
                Some(text) => unsafe { $crate::Text::from_raw(buf) }.emit(text),
                // SAFETY: The arguments are passed on as they came.
                None => unsafe { $crate::__private::bindings::$host(kobj, attr, buf) },
            }
        }
    };
    (@store $symbol:ident, $host:ident, $ours:expr, $handler:path) => {
        #[doc(hidden)]
        #[no_mangle]
        unsafe extern "C" fn $symbol(
            kobj: *const $crate::__private::core::ffi::c_void,
            attr: *const $crate::__private::core::ffi::c_void,
            buf: *const $crate::__private::core::ffi::c_void,
            count: u64,
        ) -> i64 {
            let handler: fn(&[u8]) -> Option<Result<(), i32>> = $handler;
            let ours: unsafe fn(*const $crate::__private::core::ffi::c_void) -> bool = $ours;
            // SAFETY: `store` is given `count` bytes.
            let text = unsafe {
                $crate::__private::core::slice::from_raw_parts(buf.cast::<u8>(), count as usize)
            };
            // SAFETY: The kobject of this attribute, live during the call.
            let answer = if unsafe { ours(kobj) } { handler(text) } else { None };
            match answer {
                Some(Ok(())) => count as i64,
                Some(Err(errno)) => errno as i64,
                // SAFETY: The arguments are passed on as they came.
                None => unsafe { $crate::__private::bindings::$host(kobj, attr, buf, count) },
            }
        }
    };
    (thp_enabled_show => $handler:path) => {
        $crate::hook!(@show vk_handler_thp_enabled_show, vk_original_thp_enabled_show,
            |_| true, $handler);
    };
    (thp_enabled_store => $handler:path) => {
        $crate::hook!(@store vk_handler_thp_enabled_store, vk_host_thp_enabled_store_call,
            |_| true, $handler);
    };
    (anon_enabled_show => $handler:path) => {
        $crate::hook!(@show vk_handler_anon_enabled_show, vk_host_anon_enabled_show_call,
            $crate::thp::is_pmd_order_dir, $handler);
    };
    (anon_enabled_store => $handler:path) => {
        $crate::hook!(@store vk_handler_anon_enabled_store, vk_host_anon_enabled_store_call,
            $crate::thp::is_pmd_order_dir, $handler);
    };
    (@namespace $symbol:ident, $handler:path) => {
        #[doc(hidden)]
        #[no_mangle]
        unsafe extern "C" fn $symbol(ns: *const $crate::__private::core::ffi::c_void) {
            let handler: fn($crate::Namespace<'_>) = $handler;
            // SAFETY: Live during the call: its first task is not woken yet, or its memory not
            // yet freed.
            if let Some(ns) = unsafe { $crate::Namespace::from_raw(ns) } {
                handler(ns)
            }
        }
    };
    (birth => $handler:path) => {
        $crate::hook!(@namespace vk_handler_birth, $handler);
    };
    (end => $handler:path) => {
        $crate::hook!(@namespace vk_handler_end, $handler);
    };
    (later => $handler:path) => {
        #[doc(hidden)]
        #[no_mangle]
        extern "C" fn vk_handler_later() {
            let handler: fn() = $handler;
            handler()
        }
    };
}
