//! The `hook!` macro: a safe function becomes the handler of a diverted kernel function.

use crate::{bindings, Kind, LooksAt, Passed};
use core::ffi::c_void;
use core::marker::PhantomData;
use vk_hook::HookId;

/// A hook that `hook!` declared.
pub trait Hook {
    /// Its kind, with the filter of its stub.
    type Kind: Kind;

    /// Its number in the table of hooks, once the module has found its symbols.
    fn id() -> HookId;
}

/// What a handler holds while it runs; nobody else can make one.
#[doc(hidden)]
pub struct Call<'h, K: Kind> {
    /// Of an [`Around`](crate::Around) hook: who is inside.
    _held: K::Held,
    call: PhantomData<(&'h (), *mut ())>,
}

impl<K: Kind> Call<'_, K> {
    /// # Safety
    ///
    /// Only for what `hook!` writes: the function `id` stands for was called, and the result is gone
    /// when its handler returns.
    #[doc(hidden)]
    #[inline]
    pub unsafe fn enter(id: fn() -> HookId) -> Self {
        Self {
            _held: K::enter(if K::LINE == 2 { id() } else { HookId(0) }),
            call: PhantomData,
        }
    }
}

/// Compiles if the filter can look at a function with this first argument.
#[doc(hidden)]
pub const fn looks_at<F: LooksAt<A>, A>() {}

/// The words that a stub of kind `Pre` saved.
///
/// # Invariants
///
/// `VK_STUB_PRE` of c/vk_stub.h: six from registers, padding, the return address, then those on the
/// stack.
#[doc(hidden)]
pub struct Words {
    next: *mut u64,
    nth: usize,
}

impl Words {
    #[doc(hidden)]
    #[inline]
    pub fn new(words: *mut u64) -> Self {
        Self {
            next: words,
            nth: 0,
        }
    }

    /// Returns where the next argument is.
    #[doc(hidden)]
    #[inline]
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> *mut u64 {
        let place = self.next;
        self.nth = self.nth.wrapping_add(1);
        let step = if self.nth == 6 { 3 } else { 1 };
        self.next = place.wrapping_add(step);
        place
    }
}

/// Takes an argument from where its word is.
///
/// # Safety
///
/// `place` is the word of an argument of this type, and its caller holds it until the handler returns.
#[doc(hidden)]
#[inline]
pub unsafe fn read<T: Passed>(place: *mut u64) -> (*mut u64, T) {
    // SAFETY: By the contract of this function.
    let raw = T::from_word(unsafe { *place });
    // SAFETY: By the contract of this function.
    (place, unsafe { T::from_raw(raw) })
}

/// Puts it back.
///
/// # Safety
///
/// `argument` came from [`read`], and the stub still waits.
#[doc(hidden)]
#[inline]
pub unsafe fn write<T: Passed>(argument: (*mut u64, T)) {
    // SAFETY: By the contract of this function.
    unsafe { *argument.0 = T::to_word(argument.1.into_raw()) };
}

/// Returns a hook's number.
///
/// # Safety
///
/// `hook` is a `struct vk_hook`.
#[doc(hidden)]
pub unsafe fn id_of(hook: *const c_void) -> HookId {
    // SAFETY: By the contract of this function.
    HookId(unsafe { bindings::vk_hook_id(hook) })
}

/// Declares a hook and makes a safe function its handler.
///
/// ```text
/// hook!(fn NAME(ARGUMENT: TYPE, ...) -> TYPE, KIND<FILTER> => HANDLER);
/// ```
///
/// goes with the line `VK_HOOK(NAME, KIND(FILTER), TYPE, TYPE...);` in the module's C file
/// (include/vk_hooks.h). What the two say must be the same: kind, filter, how many arguments there
/// are, and how each crosses. If it is not, the module does not link: modpost names the symbol
/// `vk_line_NAME...` that the Rust line wants and the C line does not define.
///
/// The types are those of [`Passed`](crate::Passed). The kinds are [`Replace`](crate::Replace),
/// [`Around`](crate::Around) and [`Pre`](crate::Pre); the filters are in [`filter`](crate::filter).
///
/// The handler is given the hook, from which it borrows the original, and the arguments:
///
/// ```no_run
/// use vk_ffi_shims::hook;
///
/// hook!(fn vm_commit_limit() -> u64, Replace<Anyone> => half);
///
/// fn half(hook: &vm_commit_limit<'_>) -> u64 {
///     hook.original() / 2
/// }
/// # fn main() {}
/// ```
///
/// A `Pre` handler is given the arguments to change, and has no original to call:
///
/// ```no_run
/// use vk_ffi_shims::{hook, Opaque};
///
/// hook!(fn expand_files(files: Opaque<'_>, nr: u32) -> i32, Pre<Current> => at_most_1000);
///
/// fn at_most_1000(_: &expand_files<'_>, _: &mut Opaque<'_>, nr: &mut u32) {
///     *nr = (*nr).min(1000);
/// }
/// # fn main() {}
/// ```
///
/// The handler runs in the hooked function's context (see the kernel): it must not sleep unless the
/// hook is of the kind `Around` or it holds a [`Flight`](crate::Flight).
///
/// # What does not compile
///
/// A handler that does not fit:
///
/// ```compile_fail,E0308
/// # use vk_ffi_shims::hook;
/// hook!(fn vm_commit_limit() -> u64, Replace<Anyone> => half);
///
/// fn half(_: &vm_commit_limit<'_>, _: u64) -> u64 {
///     0
/// }
/// # fn main() {}
/// ```
///
/// An argument that may not cross:
///
/// ```compile_fail,E0277
/// # use vk_ffi_shims::hook;
/// hook!(fn cap_mmap_addr(addr: &'static u64) -> i32, Replace<Anyone> => allow);
///
/// fn allow(_: &cap_mmap_addr<'_>, _: &'static u64) -> i32 {
///     0
/// }
/// # fn main() {}
/// ```
///
/// The original of a hook that does not call it:
///
/// ```compile_fail,E0599
/// # use vk_ffi_shims::hook;
/// hook!(fn cap_mmap_addr(addr: u64) -> i32, Pre<Anyone> => look);
///
/// fn look(hook: &cap_mmap_addr<'_>, addr: &mut u64) {
///     hook.original(*addr);
/// }
/// # fn main() {}
/// ```
///
/// The hook outside its call, where the original could be called after the hook has gone:
///
/// ```compile_fail
/// # use vk_ffi_shims::hook;
/// hook!(fn vm_commit_limit() -> u64, Replace<Anyone> => keep);
///
/// fn keep(hook: &vm_commit_limit<'_>) -> u64 {
///     let kept: &'static vm_commit_limit<'static> = hook;
///     kept.original()
/// }
/// # fn main() {}
/// ```
///
/// A filter that has nothing to look at:
///
/// ```compile_fail,E0277
/// # use vk_ffi_shims::hook;
/// hook!(fn cap_mmap_addr(addr: u64) -> i32, Replace<Mm> => allow);
///
/// fn allow(_: &cap_mmap_addr<'_>, _: u64) -> i32 {
///     0
/// }
/// # fn main() {}
/// ```
///
/// A kind that is none of the three:
///
/// ```compile_fail
/// # use vk_ffi_shims::hook;
/// hook!(fn vm_commit_limit() -> u64, Shadow<Anyone> => half);
///
/// fn half(_: &vm_commit_limit<'_>) -> u64 {
///     0
/// }
/// # fn main() {}
/// ```
///
/// # Methods that many files share
///
/// For those a shorter form has the prototype, and a handler that answers `None` for the host's way:
///
/// | line | prototype | handler |
/// |---|---|---|
/// | `hook!(proc NAME => f)` | of a `proc_handler` | `fn(&mut Buffer) -> Option<(Result<usize, i32>, u64)>`: bytes used, position |
/// | `hook!(parameter NAME => f)` | of a `proc_handler` | `fn(HookId, Parameter, &mut Buffer) -> ...`: as above, for files of a `Parameter` only |
/// | `hook!(sysctl_perm => f)` | its own | `fn(ParameterFile) -> bool`: whether the file's mode does not matter |
/// | `hook!(show NAME => f)` | of a sysfs `show` | `fn() -> Option<&'static str>` |
/// | `hook!(store NAME => f)` | of a sysfs `store` | `fn(&[u8]) -> Option<Result<(), i32>>` |
/// | `hook!(show_pmd NAME => f)`, `store_pmd` | as above | as above, for the directory of PMD order only |
///
/// These are no hooks of a kernel function but called by C: `hook!(birth => f)` and
/// `hook!(end => f)` with `fn(Namespace)`, `hook!(placed => f)` with `fn(Namespace, Memcg)`,
/// `hook!(later => f)` and `hook!(bypass => f)` with `fn()`; `hook!(reserve => f)` with `fn(Option<Mm>) -> Reserve`, for
/// MAP_NORESERVE and SHM_NORESERVE; and `hook!(apart => f)` with
/// `fn(&ReadGuard, Namespace) -> bool`, for who has a mode of its own that is not 2; and for the limits of
/// c/limit.c `hook!(limit => f)` with `fn(Parameter, Namespace, u64) -> Option<bool>`, whether the
/// value forbids what would come to so much, `hook!(bound => f)` with
/// `fn(&Reading, Parameter, Namespace) -> Option<u64>`, the value itself, `hook!(value => f)` with
/// `fn(Parameter, Namespace) -> Option<u64>`, what is enforced of it, `hook!(text => f)` with
/// `fn(Parameter, u64, &mut Buffer) -> Option<(usize, u64)>`, that number as its file has it: bytes used,
/// position; and `hook!(thp_write => f)` with
/// `fn(thp::File) -> Result<(), i32>`, whether the file may be written.
#[macro_export]
macro_rules! hook {
    (fn $name:ident($($arg:ident: $ty:ty),* $(,)?) -> $ret:ty, Pre<$filter:ident> => $handler:expr) => {
        $crate::hook!(@declare Pre, $filter, $name, ($($arg: $ty),*), $ret);
        const _: () = {
            #[export_name = concat!("vk_handler_", stringify!($name))]
            unsafe extern "C" fn shell(words: *mut u64) {
                let handler: fn(&$name<'_>, $(&mut $ty),*) = $handler;
                let hook = $name {
                    // SAFETY: The stub called, and `hook` is gone when this function returns.
                    call: unsafe { $crate::__private::Call::enter(<$name<'_> as $crate::Hook>::id) },
                };
                let mut words = $crate::__private::Words::new(words);
                $(let $arg = words.next();)*
                $(
                    // SAFETY: The stub saved all arguments, and this one's caller holds it.
                    let mut $arg = unsafe { $crate::__private::read::<$ty>($arg) };
                )*
                handler(&hook, $(&mut $arg.1),*);
                $(
                    // SAFETY: As above; the stub loads them again.
                    unsafe { $crate::__private::write::<$ty>($arg) };
                )*
            }
        };
    };
    (fn $name:ident($($arg:ident: $ty:ty),* $(,)?) -> $ret:ty, $kind:ident<$filter:ident> => $handler:expr) => {
        $crate::hook!(@declare $kind, $filter, $name, ($($arg: $ty),*), $ret);
        const _: () = {
            use $crate::Passed;
            extern "C" {
                #[link_name = concat!("vk_original_", stringify!($name))]
                fn vk_original($($arg: <$ty as Passed>::Raw),*) -> <$ret as Passed>::Raw;
                #[link_name = concat!("vk_host_", stringify!($name), "_call")]
                fn vk_host($($arg: <$ty as Passed>::Raw),*) -> <$ret as Passed>::Raw;
            }
            impl $name<'_> {
                /// Calls the function as if the hook were not there.
                #[allow(dead_code)]
                #[inline]
                pub(crate) fn original(&self, $($arg: $ty),*) -> $ret {
                    // SAFETY: The function is being called, and arguments are made of what it was given.
                    unsafe { <$ret as Passed>::from_raw(vk_original($($arg.into_raw()),*)) }
                }

                /// Gives what a caller gets who is certainly none of ours: the original, or a
                /// shadow of it.
                #[allow(dead_code)]
                #[inline]
                pub(crate) fn host(&self, $($arg: $ty),*) -> $ret {
                    // SAFETY: As in `original`.
                    unsafe { <$ret as Passed>::from_raw(vk_host($($arg.into_raw()),*)) }
                }
            }
            #[export_name = concat!("vk_handler_", stringify!($name))]
            unsafe extern "C" fn shell($($arg: <$ty as Passed>::Raw),*) -> <$ret as Passed>::Raw {
                let handler: fn(&$name<'_>, $($ty),*) -> $ret = $handler;
                let hook = $name {
                    // SAFETY: The stub jumped here, and `hook` is gone when this function returns.
                    call: unsafe { $crate::__private::Call::enter(<$name<'_> as $crate::Hook>::id) },
                };
                $(
                    // SAFETY: The function's caller holds what it passes.
                    let $arg = unsafe { <$ty as Passed>::from_raw($arg) };
                )*
                handler(&hook, $($arg),*).into_raw()
            }
        };
    };
    (fn $name:ident($($arg:ident: $ty:ty),* $(,)?), $kind:ident<$filter:ident> => $handler:expr) => {
        $crate::hook!(fn $name($($arg: $ty),*) -> (), $kind<$filter> => $handler);
    };
    (@declare $kind:ident, $filter:ident, $name:ident, ($($arg:ident: $ty:ty),*), $ret:ty) => {
        /// The hook, as its handler sees it.
        #[allow(non_camel_case_types)]
        pub(crate) struct $name<'h> {
            #[allow(dead_code)]
            call: $crate::__private::Call<'h, $crate::$kind<$crate::filter::$filter>>,
        }
        const _: () = {
            extern "C" {
                #[link_name = concat!("vk_hook_", stringify!($name))]
                static ENTRY: [usize; 0];
            }
            impl $crate::Hook for $name<'_> {
                type Kind = $crate::$kind<$crate::filter::$filter>;
                #[inline]
                fn id() -> $crate::vk_hook::HookId {
                    // SAFETY: The C line defines it; only its address is taken.
                    unsafe { $crate::__private::id_of((&raw const ENTRY).cast()) }
                }
            }
            $crate::__private::looks_at::<
                $crate::filter::$filter,
                $crate::hook!(@first $($ty),*),
            >();
        };
        $crate::__line!($name, $crate::$kind<$crate::filter::$filter>, $crate::filter::$filter, $ret, $($arg: $ty),*);
    };
    (@first) => { () };
    (@first $first:ty $(, $rest:ty)*) => { $first };

    (proc $name:ident => $handler:expr) => {
        $crate::hook!(
            fn $name(
                table: $crate::Opaque<'_>,
                write: i32,
                buffer: $crate::Opaque<'_>,
                lenp: $crate::Opaque<'_>,
                ppos: $crate::Opaque<'_>,
            ) -> i32,
            Replace<Current> => |hook, table, write, buffer, lenp, ppos| {
                let handler: fn(&mut $crate::Buffer<'_>) -> Option<(Result<usize, i32>, u64)> = $handler;
                // SAFETY: The arguments of a proc handler, which the caller holds.
                let mut text = unsafe {
                    $crate::Buffer::from_raw(
                        write,
                        buffer.as_ptr(),
                        lenp.as_ptr().cast(),
                        ppos.as_ptr().cast(),
                    )
                };
                match handler(&mut text) {
                    Some((Ok(used), pos)) => {
                        text.finish(used, pos);
                        0
                    }
                    Some((Err(errno), _)) => errno,
                    None => hook.host(table, write, buffer, lenp, ppos),
                }
            }
        );
    };
    (parameter $name:ident => $handler:expr) => {
        $crate::hook!(
            fn $name(
                table: $crate::Opaque<'_>,
                write: i32,
                buffer: $crate::Opaque<'_>,
                lenp: $crate::Opaque<'_>,
                ppos: $crate::Opaque<'_>,
            ) -> i32,
            Replace<Current> => |hook, table, write, buffer, lenp, ppos| {
                let handler: fn(
                    $crate::vk_hook::HookId,
                    $crate::Parameter,
                    &mut $crate::Buffer<'_>,
                ) -> Option<(Result<usize, i32>, u64)> = $handler;
                // SAFETY: The arguments of a proc handler, which the caller holds.
                let Some(parameter) = (unsafe { $crate::Parameter::of_table(table.as_ptr()) })
                else {
                    // Nobody's, the host's way included.
                    return hook.original(table, write, buffer, lenp, ppos);
                };
                // SAFETY: As above.
                let mut text = unsafe {
                    $crate::Buffer::from_raw(
                        write,
                        buffer.as_ptr(),
                        lenp.as_ptr().cast(),
                        ppos.as_ptr().cast(),
                    )
                };
                let id = <$name<'_> as $crate::Hook>::id();
                match handler(id, parameter, &mut text) {
                    Some((Ok(used), pos)) => {
                        text.finish(used, pos);
                        0
                    }
                    Some((Err(errno), _)) => errno,
                    None => hook.host(table, write, buffer, lenp, ppos),
                }
            }
        );
    };
    (sysctl_perm => $handler:expr) => {
        $crate::hook!(
            fn sysctl_perm(
                head: $crate::Opaque<'_>,
                table: $crate::Opaque<'_>,
                op: i32,
            ) -> i32,
            Replace<Current> => |hook, head, table, op| {
                let handler: fn($crate::ParameterFile) -> bool = $handler;
                // SAFETY: The table is registered during the call.
                let file = unsafe { $crate::ParameterFile::from_raw(table.as_ptr(), op) };
                match file.map(handler) {
                    Some(true) => 0,
                    _ => hook.original(head, table, op),
                }
            }
        );
    };
    (limit => $handler:expr) => {
        #[doc(hidden)]
        #[no_mangle]
        unsafe extern "C" fn vk_handler_limit(
            parameter: u32,
            ns: *const $crate::__private::core::ffi::c_void,
            asked: u64,
        ) -> i32 {
            let handler: fn($crate::Parameter, $crate::Namespace<'_>, u64) -> Option<bool> =
                $handler;
            // SAFETY: Live under the RCU lock that the caller holds.
            let ns = unsafe { $crate::Namespace::from_raw(ns) };
            let answer = match ($crate::Parameter::from_raw(parameter), ns) {
                (Some(parameter), Some(ns)) => handler(parameter, ns, asked),
                _ => None,
            };
            answer.map_or(-1, i32::from)
        }
    };
    (bound => $handler:expr) => {
        #[doc(hidden)]
        #[no_mangle]
        unsafe extern "C" fn vk_handler_bound(
            parameter: u32,
            ns: *const $crate::__private::core::ffi::c_void,
        ) -> u64 {
            let handler: fn(&$crate::Reading, $crate::Parameter, $crate::Namespace<'_>) -> Option<u64> =
                $handler;
            // SAFETY: The caller is in a read side until this returns.
            let read = unsafe { $crate::Reading::held() };
            // SAFETY: Live in that read side.
            let ns = unsafe { $crate::Namespace::from_raw(ns) };
            let bound = match ($crate::Parameter::from_raw(parameter), ns) {
                (Some(parameter), Some(ns)) => handler(&read, parameter, ns),
                _ => None,
            };
            // The greatest number says that there is none; no address or count comes to the one below.
            bound.map_or(u64::MAX, |bound| bound.min(u64::MAX - 1))
        }
    };
    (value => $handler:expr) => {
        #[doc(hidden)]
        #[no_mangle]
        unsafe extern "C" fn vk_handler_value(
            parameter: u32,
            ns: *const $crate::__private::core::ffi::c_void,
            value: *mut u64,
        ) -> bool {
            let handler: fn($crate::Parameter, $crate::Namespace<'_>) -> Option<u64> = $handler;
            // SAFETY: Live under the RCU lock that the caller holds.
            let ns = unsafe { $crate::Namespace::from_raw(ns) };
            match ($crate::Parameter::from_raw(parameter), ns) {
                (Some(parameter), Some(ns)) => match handler(parameter, ns) {
                    Some(number) => {
                        // SAFETY: A variable of the caller.
                        unsafe { *value = number };
                        true
                    }
                    None => false,
                },
                _ => false,
            }
        }
    };
    (text => $handler:expr) => {
        #[doc(hidden)]
        #[no_mangle]
        unsafe extern "C" fn vk_handler_text(
            parameter: u32,
            value: u64,
            buffer: *mut $crate::__private::core::ffi::c_void,
            lenp: *mut $crate::__private::core::ffi::c_ulong,
            ppos: *mut i64,
        ) -> bool {
            let handler: fn($crate::Parameter, u64, &mut $crate::Buffer<'_>) -> Option<(usize, u64)> =
                $handler;
            // SAFETY: The arguments of a proc handler that reads, which the caller holds.
            let mut text = unsafe { $crate::Buffer::from_raw(0, buffer, lenp, ppos) };
            let parameter = $crate::Parameter::from_raw(parameter);
            match parameter.and_then(|parameter| handler(parameter, value, &mut text)) {
                Some((used, pos)) => {
                    text.finish(used, pos);
                    true
                }
                None => false,
            }
        }
    };
    (thp_write => $handler:expr) => {
        #[doc(hidden)]
        #[no_mangle]
        extern "C" fn vk_handler_thp_write(file: u32) -> i32 {
            let handler: fn($crate::thp::File) -> Result<(), i32> = $handler;
            match $crate::thp::File::from_raw(file).map_or(Ok(()), handler) {
                Ok(()) => 0,
                Err(errno) => errno,
            }
        }
    };
    (@show $name:ident, $ours:expr, $handler:expr) => {
        $crate::hook!(
            fn $name(
                kobj: $crate::Opaque<'_>,
                attr: $crate::Opaque<'_>,
                buf: $crate::Opaque<'_>,
            ) -> i64,
            Replace<Current> => |hook, kobj, attr, buf| {
                let handler: fn() -> Option<&'static str> = $handler;
                let ours: unsafe fn(*const $crate::__private::core::ffi::c_void) -> bool = $ours;
                // SAFETY: The kobject of this attribute, live during the call.
                let answer = if unsafe { ours(kobj.as_ptr()) } { handler() } else { None };
                match answer {
                    // SAFETY: sysfs gives `show` a page of its own.
                    Some(text) => unsafe { $crate::Text::from_raw(buf.as_ptr()) }.emit(text),
                    None => hook.host(kobj, attr, buf),
                }
            }
        );
    };
    (@store $name:ident, $ours:expr, $handler:expr) => {
        $crate::hook!(
            fn $name(
                kobj: $crate::Opaque<'_>,
                attr: $crate::Opaque<'_>,
                buf: $crate::Opaque<'_>,
                count: u64,
            ) -> i64,
            Replace<Current> => |hook, kobj, attr, buf, count| {
                let handler: fn(&[u8]) -> Option<Result<(), i32>> = $handler;
                let ours: unsafe fn(*const $crate::__private::core::ffi::c_void) -> bool = $ours;
                // SAFETY: `store` is given `count` bytes.
                let text = unsafe {
                    let bytes = buf.as_ptr().cast::<u8>().cast_const();
                    $crate::__private::core::slice::from_raw_parts(bytes, count as usize)
                };
                // SAFETY: The kobject of this attribute, live during the call.
                let answer = if unsafe { ours(kobj.as_ptr()) } { handler(text) } else { None };
                match answer {
                    Some(Ok(())) => count as i64,
                    Some(Err(errno)) => i64::from(errno),
                    None => hook.host(kobj, attr, buf, count),
                }
            }
        );
    };
    (show $name:ident => $handler:expr) => {
        $crate::hook!(@show $name, |_| true, $handler);
    };
    (store $name:ident => $handler:expr) => {
        $crate::hook!(@store $name, |_| true, $handler);
    };
    (show_pmd $name:ident => $handler:expr) => {
        $crate::hook!(@show $name, $crate::thp::is_pmd_order_dir, $handler);
    };
    (store_pmd $name:ident => $handler:expr) => {
        $crate::hook!(@store $name, $crate::thp::is_pmd_order_dir, $handler);
    };

    (@namespace $symbol:ident, $handler:expr) => {
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
    (birth => $handler:expr) => {
        $crate::hook!(@namespace vk_handler_birth, $handler);
    };
    (end => $handler:expr) => {
        $crate::hook!(@namespace vk_handler_end, $handler);
    };
    (placed => $handler:expr) => {
        #[doc(hidden)]
        #[no_mangle]
        unsafe extern "C" fn vk_handler_placed(
            ns: *const $crate::__private::core::ffi::c_void,
            memcg: *const $crate::__private::core::ffi::c_void,
        ) {
            let handler: fn($crate::Namespace<'_>, $crate::Memcg<'_>) = $handler;
            // SAFETY: A task of it is live during the call, under RCU.
            let ns = unsafe { $crate::Namespace::from_raw(ns) };
            // SAFETY: Found under the same RCU.
            let memcg = unsafe { $crate::Memcg::from_raw(memcg) };
            if let (Some(ns), Some(memcg)) = (ns, memcg) {
                handler(ns, memcg)
            }
        }
    };
    (vote => $handler:expr) => {
        #[doc(hidden)]
        #[no_mangle]
        unsafe extern "C" fn vk_handler_vote(
            range: *const $crate::__private::core::ffi::c_void,
        ) -> bool {
            let handler: fn($crate::Range<'_>) -> bool = $handler;
            // SAFETY: The range is good for this call.
            handler(unsafe { $crate::Range::from_raw(range) })
        }
    };
    (reserve => $handler:expr) => {
        #[doc(hidden)]
        #[no_mangle]
        unsafe extern "C" fn vk_handler_reserve(
            mm: *const $crate::__private::core::ffi::c_void,
        ) -> i32 {
            let handler: fn(Option<$crate::Mm<'_>>) -> $crate::overcommit::Reserve = $handler;
            // SAFETY: Null, or the mm of the running task.
            handler(unsafe { $crate::Mm::from_raw(mm) }) as i32
        }
    };
    (apart => $handler:expr) => {
        #[doc(hidden)]
        #[no_mangle]
        unsafe extern "C" fn vk_handler_apart(
            ns: *const $crate::__private::core::ffi::c_void,
        ) -> bool {
            let handler: fn(&$crate::ReadGuard, $crate::Namespace<'_>) -> bool = $handler;
            let read = $crate::ReadGuard::new();
            // SAFETY: That of a task, under RCU.
            match unsafe { $crate::Namespace::from_raw(ns) } {
                Some(ns) => handler(&read, ns),
                None => false,
            }
        }
    };
    (bypass => $handler:expr) => {
        #[doc(hidden)]
        #[no_mangle]
        extern "C" fn vk_handler_bypass() {
            let handler: fn() = $handler;
            handler()
        }
    };
    (later => $handler:expr) => {
        #[doc(hidden)]
        #[no_mangle]
        extern "C" fn vk_handler_later() {
            let handler: fn() = $handler;
            handler()
        }
    };
}

/// Wants the symbol that the C line makes of what it says: `__VK_LINE` of include/vk_hooks.h.
#[cfg(feature = "kernel")]
#[doc(hidden)]
#[macro_export]
macro_rules! __line {
    ($name:ident, $kind:ty, $filter:ty, $ret:ty, $($arg:ident: $ty:ty),*) => {
        $crate::__private::core::arch::global_asm!(
            ".pushsection .discard.vk_line, \"\", @progbits",
            concat!(
                ".quad vk_line_", stringify!($name),
                ".kind_{vk_kind}.of_{vk_filter}.returns_{vk_ret}.takes",
                $("_{", stringify!($arg), "}",)*
            ),
            ".popsection",
            vk_kind = const <$kind as $crate::Kind>::LINE,
            vk_filter = const <$filter as $crate::Filter>::LINE,
            vk_ret = const <$ret as $crate::Passed>::CODE,
            $($arg = const <$ty as $crate::Passed>::CODE,)*
        );
    };
}

/// On a host there is no C to compare with.
#[cfg(not(feature = "kernel"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __line {
    ($($line:tt)*) => {};
}
