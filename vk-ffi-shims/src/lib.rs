#![doc = include_str!("../README.md")]
#![no_std]

pub mod bell;
#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    non_camel_case_types,
    clippy::all,
    clippy::undocumented_unsafe_blocks
)]
#[doc(hidden)]
pub mod bindings;
pub mod btf;
pub mod build;
pub mod bypass;
mod flight;
mod ftrace;
mod hook;
#[cfg(feature = "kernel")]
mod hooked;
mod inline;
mod kind;
#[cfg(feature = "kunit")]
pub mod kunit;
pub mod line;
mod lock;
#[cfg(feature = "policies")]
mod memory;
mod module;
mod namespace;
#[cfg(feature = "policies")]
pub mod overcommit;
#[cfg(feature = "policies")]
mod parameter;
mod passed;
mod rcu;
#[cfg(feature = "policies")]
pub mod shmem;
mod sites;
mod subject;
mod text;
#[cfg(feature = "policies")]
pub mod thp;
#[cfg(feature = "policies")]
mod vote;
mod words;
#[cfg(feature = "policies")]
pub mod zero_page;

pub use flight::Flight;
pub use ftrace::{Feature, Ftrace, HookInfo, StubKind, SubjectKind};
pub use hook::Hook;
#[cfg(feature = "kernel")]
pub use hooked::{HookError, Hooked, Rival};
pub use inline::{Inline, InlineRefusal, InlineSite};
pub use kind::{filter, Around, CallsOriginal, Filter, Kind, LooksAt, Pre, Replace};
pub use lock::{
    ControlCell, ControlGuard, EventCell, EventGuard, RegistryCell, RegistryGuard, TextCell,
    TextGuard,
};
#[cfg(feature = "policies")]
pub use memory::{unwatch_places, watch_places, with_memcg, Memcg};
pub use module::{
    cancel_later, clock_ns, coarse_jiffies, current_comm, current_is_admin, current_pid, later,
    resolve, sleep_ms, Pin,
};
#[cfg(feature = "kernel")]
pub use module::{may_wait, opener_is_admin};
pub use namespace::{each_namespace, Init, Mark, Namespace, Tree};
#[cfg(feature = "policies")]
pub use parameter::{forget_files, Parameter, ParameterFile};
pub use passed::{Opaque, Passed};
pub use rcu::{rcu_barrier, BriefGuard, RcuHead, ReadGuard, Reading};
#[cfg(feature = "kernel")]
pub use rcu::{Boxed, BoxedUnder, Cache, Locked, Published, RcuBox, Retirees};
pub use sites::{Choice, Sites};
pub use subject::{briefly_of_mm, briefly_of_vma, Folio, Mm, Vma};
pub use text::{Buffer, Text};
pub use vk_hook;
pub use vk_nshash;
#[cfg(feature = "policies")]
pub use vote::Range;

#[doc(hidden)]
pub mod __private {
    pub use crate::hook::{id_of, looks_at, read, write, Call, Words};
    pub use core;
}
