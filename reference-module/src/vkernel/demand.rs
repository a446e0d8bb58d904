//! What all containers need together: hooks, gates, and room in what the kernel reads where nothing
//! can be caught.
//!
//! It is counted as it changes, so that a request costs the same however many containers there are.
//! Only when the widest or the strictest value of a key is gone while others have the key, those are looked at.
//!
//! Who locks: the registry's lock, for one change; for the look at the others once for each of them.
//! What may sleep: nothing. When a thing is seen: what was exchanged, by every [`Demand::now`] that
//! begins later.

use crate::registry;
use vk_ffi_shims::{ControlGuard, Feature, ReadGuard, RegistryCell, RegistryGuard};
use vk_reference_module::{features, Key, Own, Strictest, Widest, SERVED};
use vk_sysctl::Inside;

/// How many features there are.
const FEATURES: usize = Feature::COUNT;

/// Of what all containers have of their own, without `default`.
static COUNTED: RegistryCell<Demand> = RegistryCell::new(Demand::new());

/// How many times each thing is needed.
#[derive(Clone, Copy)]
pub(crate) struct Demand {
    features: [u32; FEATURES],
    gate: u32,
    zero_page: u32,
    pub(crate) widest: Widest,
    strictest: Strictest,
}

impl Demand {
    const fn new() -> Self {
        Self {
            features: [0; FEATURES],
            gate: 0,
            zero_page: 0,
            widest: Widest::new(),
            strictest: Strictest::new(),
        }
    }

    /// What one container needs that has these values.
    pub(crate) fn of(own: &Own) -> Self {
        let mut demand = Self::new();
        demand.add(own);
        demand
    }

    /// What is needed now, `default` included.
    pub(crate) fn now(control: &ControlGuard) -> Self {
        look_again(control);
        let mut demand = *COUNTED.get(&RegistryGuard::lock());
        demand.add(&registry::default_own());
        demand
    }

    pub(crate) fn needs(&self, feature: Feature) -> bool {
        self.features
            .get(feature as usize)
            .is_some_and(|count| *count != 0)
    }

    pub(crate) fn needs_gate(&self) -> bool {
        self.gate != 0
    }

    pub(crate) fn needs_zero_page(&self) -> bool {
        self.zero_page != 0
    }

    /// Needs `feature` once more.
    pub(crate) fn mark(&mut self, feature: Feature) {
        if let Some(count) = self.features.get_mut(feature as usize) {
            *count = count.saturating_add(1);
        }
    }

    fn add(&mut self, own: &Own) {
        each_need(own, |feature| self.mark(feature));
        self.gate = self.gate.saturating_add(own.needs_gate().into());
        self.zero_page = self.zero_page.saturating_add(own.needs_zero_page().into());
        self.widest.add(own);
        self.strictest.add(own);
    }

    fn remove(&mut self, own: &Own) {
        each_need(own, |feature| {
            if let Some(count) = self.features.get_mut(feature as usize) {
                *count = count.saturating_sub(1);
            }
        });
        self.gate = self.gate.saturating_sub(own.needs_gate().into());
        self.zero_page = self.zero_page.saturating_sub(own.needs_zero_page().into());
        self.widest.remove(own);
        self.strictest.remove(own);
    }
}

/// A container is about to have `after` of its own, and has `before`.
pub(crate) fn exchange(write: &mut RegistryGuard, before: &Own, after: &Own) {
    let counted = COUNTED.get_mut(write);
    counted.remove(before);
    counted.add(after);
    let mut its = Strictest::new();
    its.raise(after);
    for (edge, (_, parameter, _)) in its.numbers().zip(SERVED) {
        if let Some(edge) = edge {
            parameter.tighten(write, edge);
        }
    }
}

/// Looks for the widest and the strictest values among those that are left, if one is gone, and asks
/// nobody any more whom the strictest cannot concern. One at a time.
fn look_again(_control: &ControlGuard) {
    look_at_all();
    let write = RegistryGuard::lock();
    let strictest = COUNTED.get(&write).strictest;
    for (edge, (_, parameter, _)) in strictest.numbers().zip(SERVED) {
        parameter.relax(&write, edge);
    }
}

fn look_at_all() {
    {
        let mut write = RegistryGuard::lock();
        let counted = COUNTED.get_mut(&mut write);
        let is_gone = counted.widest.begin_again();
        if !counted.strictest.begin_again() && !is_gone {
            return;
        }
    }
    let read = ReadGuard::new();
    for container in registry::iter(&read) {
        let mut write = RegistryGuard::lock();
        let still = registry::find_at(&read, container.id.address);
        if still.is_some_and(|it| it.id == container.id) {
            let own = container.own(&write);
            let counted = COUNTED.get_mut(&mut write);
            counted.widest.raise(&own);
            counted.strictest.raise(&own);
        }
    }
}

/// The features of huge pages and of the commit accounting that the values `own` need.
fn needs(own: &Own) -> impl Iterator<Item = Feature> {
    let overcommit = own.has_overcommit();
    let thp = own.thp();
    // khugepaged goes by one policy without it, where the kernel has no place for the vote.
    let votes = thp.enabled.is_some() || thp.shmem_enabled.is_some();
    let is_served = |feature: Feature| feature.refusal().is_empty();
    [
        (Feature::Sysctl, overcommit),
        (Feature::Overcommit, overcommit),
        (
            Feature::Thp,
            thp.enabled.is_some() || thp.khugepaged.is_some() || own.needs_gate(),
        ),
        (Feature::ThpDefrag, thp.defrag.is_some()),
        (Feature::ThpShmem, thp.shmem_enabled.is_some()),
        (Feature::ThpZeroPage, thp.use_zero_page.is_some()),
        (Feature::ThpVote, votes && is_served(Feature::ThpVote)),
        (
            Feature::ThpVoteScan,
            votes
                && is_served(Feature::ThpVoteScan)
                && !(is_served(Feature::ThpVote) && is_served(Feature::ThpVoteFile)),
        ),
        (
            Feature::ThpVoteFile,
            votes && is_served(Feature::ThpVoteFile),
        ),
    ]
    .into_iter()
    .filter_map(|(feature, needed)| needed.then_some(feature))
}

/// Tells each feature that the values `own` need.
fn each_need(own: &Own, mut then: impl FnMut(Feature)) {
    needs(own).for_each(&mut then);
    for key in Key::ALL {
        let (Key::Sysctl(name), Some(_)) = (key, own.get(key)) else {
            continue;
        };
        features(name).iter().copied().for_each(&mut then);
        // Without it root of a user namespace stays refused, as `features` says.
        let is_served = Feature::Permission.refusal().is_empty();
        if is_served && own.rule(key).inside == Inside::ReadWrite {
            then(Feature::Permission);
        }
    }
}
