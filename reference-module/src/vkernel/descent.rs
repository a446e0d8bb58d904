//! Who inherits from whom: each container knows its first child and its siblings.
//!
//! Links are addresses, followed through the registry's table, and all are read and written under its
//! lock. So a link that leads nowhere, or to a namespace that was given the address later, is found
//! out: both ends of a link must agree. The ends of a parent and of its child come in either order,
//! as RCU callbacks do; a child whose parent went first is below nobody, and has no task any more.
//!
//! What may sleep: nothing, the lock is a spinlock. When a thing is seen: a newborn by the next change
//! of what it inherits, since it is linked under the lock under which it came in.

use crate::container::Container;
use crate::registry::find_at;
use vk_ffi_shims::vk_nshash::Key as Address;
use vk_ffi_shims::{ReadGuard, RegistryGuard};

/// A container's place among those that inherit.
#[derive(Clone, Copy)]
pub(crate) struct Links {
    first_child: Option<Address>,
    next: Option<Address>,
    previous: Option<Address>,
}

impl Links {
    /// No children, no siblings.
    pub(crate) const fn new() -> Self {
        Self {
            first_child: None,
            next: None,
            previous: None,
        }
    }
}

/// Puts the container at `address`, which is in the table, among the children of its parent.
pub(crate) fn link(read: &ReadGuard, write: &mut RegistryGuard, address: Address) {
    let Some(container) = find_at(read, address) else {
        return;
    };
    let Some(parent) = follow(read, container.parent) else {
        return;
    };
    let second = parent.links.get_mut(write).first_child.replace(address);
    container.links.get_mut(write).next = second;
    if let Some(second) = follow(read, second) {
        second.links.get_mut(write).previous = Some(address);
    }
}

/// Takes a container that was taken out of the table out from among its siblings.
pub(crate) fn unlink(read: &ReadGuard, write: &mut RegistryGuard, container: &Container) {
    let links = *container.links.get(write);
    let own = Some(container.id.address);
    if let Some(next) = follow(read, links.next) {
        let back = &mut next.links.get_mut(write).previous;
        if *back == own {
            *back = links.previous;
        }
    }
    let before = match follow(read, links.previous) {
        Some(previous) => &mut previous.links.get_mut(write).next,
        None => match follow(read, container.parent) {
            Some(parent) => &mut parent.links.get_mut(write).first_child,
            None => return,
        },
    };
    if *before == own {
        *before = links.next;
    }
}

/// Counts `root` and all below it.
pub(crate) fn count(read: &ReadGuard, write: &RegistryGuard, root: &Container) -> usize {
    let mut count = 0_usize;
    let mut at = Some(root);
    while let Some(container) = at {
        count = count.saturating_add(1);
        at = next(read, write, root, container);
    }
    count
}

/// Returns the next of those below `root`, each before its children; `at` is `root` first.
pub(crate) fn next<'g>(
    read: &'g ReadGuard,
    write: &RegistryGuard,
    root: &Container,
    at: &'g Container,
) -> Option<&'g Container> {
    let child = follow(read, at.links.get(write).first_child);
    if child.is_some() {
        return child;
    }
    let mut at = at;
    while at.id != root.id {
        let next = follow(read, at.links.get(write).next);
        if next.is_some() {
            return next;
        }
        at = follow(read, at.parent)?;
    }
    None
}

fn follow(read: &ReadGuard, link: Option<Address>) -> Option<&Container> {
    find_at(read, link?)
}
