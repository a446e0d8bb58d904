//! Where the init of a namespace is and was.

/// The last few memory cgroups, the newest first.
///
/// What a namespace's tasks were charged for stays with the cgroup in which they were charged, so
/// the former ones count too. After more than [`Places::MOST`] moves the oldest is forgotten.
///
/// # Examples
///
/// ```
/// use vk_reference_module::Places;
///
/// let mut places = Places::new();
/// for place in 1..=Places::MOST {
///     assert_eq!(places.push(place), None);
/// }
/// assert_eq!(places.push(9), Some(1));
/// assert!(places.has(9) && places.has(2) && !places.has(1));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Places<Id>([Option<Id>; 4]);

impl<Id: Copy + PartialEq> Default for Places<Id> {
    fn default() -> Self {
        Self::new()
    }
}

impl Places<()> {
    /// How many are kept.
    pub const MOST: usize = 4;
}

impl<Id: Copy + PartialEq> Places<Id> {
    /// None yet.
    pub const fn new() -> Self {
        Self([None; Places::MOST])
    }

    /// Tells whether it is or was there.
    pub fn has(&self, place: Id) -> bool {
        self.0.contains(&Some(place))
    }

    /// Adds a new place; returns the one that is forgotten for it.
    pub fn push(&mut self, place: Id) -> Option<Id> {
        let mut next = Some(place);
        for kept in &mut self.0 {
            next = core::mem::replace(kept, next);
        }
        next
    }

    /// Takes all of them.
    pub fn take(&mut self) -> impl Iterator<Item = Id> {
        core::mem::take(self).0.into_iter().flatten()
    }
}
