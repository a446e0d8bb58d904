//! What is known of the pid namespaces there are.

use crate::container::Container;
use crate::control::no_memory;
use crate::engine;
use crate::registry;
use kernel::prelude::*;
use vk_ffi_shims::{each_namespace, ControlGuard, Init, Namespace, ReadGuard};
use vk_reference_module::{Key, Own, Refusal};

/// What is known of a namespace, apart from its policy.
pub(crate) struct Facts {
    pub(crate) number: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) level: u32,
    pub(crate) tasks: u32,
    pub(crate) init: Option<Init>,
    /// What was set for it, if the registry knows it.
    pub(crate) own: Option<Own>,
    /// Some key is private, its own or inherited.
    pub(crate) has_policy: bool,
    /// It has a commit policy, its own or inherited.
    pub(crate) has_books: bool,
}

impl Facts {
    /// Finds the namespace again, if it still has an init.
    pub(crate) fn namespace<'g>(&self, read: &'g ReadGuard) -> Option<Namespace<'g>> {
        Namespace::of_init(read, self.init?.pid).filter(|ns| ns.id() == self.number)
    }

    fn of(ns: Namespace<'_>) -> Self {
        let read = ReadGuard::new();
        let known = registry::find(&read, ns);
        let effective = known.map(|container| container.effective(&read));
        let has_policy = effective
            .is_some_and(|effective| Key::ALL.into_iter().any(|key| effective.get(key).is_some()));
        Self {
            own: known
                .filter(|container| container.id == Container::identify(ns))
                .map(registry::own),
            has_policy,
            has_books: effective.is_some_and(|effective| effective.books().is_some()),
            number: ns.id(),
            parent: ns.parent().map(Namespace::id),
            level: ns.level(),
            tasks: ns.tasks(),
            init: ns.init(),
        }
    }
}

/// Collects the namespaces that have an init. Process context.
pub(crate) fn live() -> core::result::Result<KVVec<Facts>, Refusal<'static>> {
    let mut found = KVVec::new();
    loop {
        found.clear();
        let mut missed = 0_usize;
        each_namespace(|ns| {
            if found.push_within_capacity(Facts::of(ns)).is_err() {
                missed += 1;
            }
            true
        });
        if missed == 0 {
            return Ok(found);
        }
        let more = found.len() + missed + 8;
        found.clear();
        found.reserve(more, GFP_KERNEL).map_err(|_| no_memory())?;
    }
}

/// Collects the one namespace with this id, if it has an init. Process context.
pub(crate) fn one(number: u64) -> core::result::Result<KVVec<Facts>, Refusal<'static>> {
    let mut found = KVVec::with_capacity(1, GFP_KERNEL).map_err(|_| no_memory())?;
    let read = ReadGuard::new();
    if let Some(ns) = Namespace::of_id(&read, number) {
        // There is room for it.
        let _ = found.push_within_capacity(Facts::of(ns));
    }
    Ok(found)
}

/// Where the policy of a namespace is kept.
pub(crate) fn own_of(control: &ControlGuard, number: u64) -> Option<Own> {
    let read = ReadGuard::new();
    if let Some(container) = registry::find_number(&read, number) {
        return Some(registry::own(container));
    }
    kept_of(control, number)
}

/// What is kept of a namespace while the hooks are out.
pub(crate) fn kept_of(control: &ControlGuard, number: u64) -> Option<Own> {
    engine::kept(control)
        .iter()
        .find(|kept| kept.number == number)
        .map(|kept| kept.own)
}
