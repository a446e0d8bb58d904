//! What can be done about a parameter, by its name.

use crate::{Key, Namespaced, Unsupported};

/// What can be done about a parameter for one container.
///
/// # Examples
///
/// ```
/// use vk_sysctl::{Namespace, Standing};
///
/// let mut skipped = Vec::new();
/// for name in ["vm.max_map_count", "kernel.msgmax", "vm.swappiness", "vm.max_map_cuont"] {
///     match Standing::of(name.as_bytes()) {
///         Some(Standing::Private(key)) => assert_eq!(key.name(), name),
///         Some(Standing::Namespaced(row)) => assert_eq!(row.namespace, Namespace::Ipc),
///         Some(Standing::Unsupported(row)) => skipped.push(format!("{name}: {}", row.reason)),
///         _ => skipped.push(format!("{name}: not known")),
///     }
/// }
/// assert_eq!(skipped.len(), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// The container can have a value of its own.
    Private(Key),
    /// The kernel keeps it per namespace: it is set inside the container's.
    Namespaced(&'static Namespaced),
    /// It is refused, with a reason.
    Unsupported(&'static Unsupported),
}

impl Standing {
    /// Finds the parameter that sysctl(8) calls `name`; `None` if it is not known.
    pub fn of(name: &[u8]) -> Option<Self> {
        let private = Key::from_name(name).map(Self::Private);
        private
            // The unsupported ones are exceptions to whole directories of the namespaced.
            .or_else(|| Unsupported::from_name(name).map(Self::Unsupported))
            .or_else(|| Namespaced::from_name(name).map(Self::Namespaced))
    }
}
