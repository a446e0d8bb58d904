//! The keys of the bench: addresses as slabs hand them out.

use crate::subject::bucket;
use fastrand::Rng;
use vk_nshash::Key;

/// Which are in the map, and which are looked up.
pub(crate) struct Keys {
    /// All that are in it.
    pub(crate) all: Vec<usize>,
    /// A batch of keys that are in it, in no order.
    pub(crate) present: Vec<Key>,
    /// A batch of keys that are not.
    pub(crate) absent: Vec<Key>,
    /// Those that a writer takes out and puts in again.
    pub(crate) movers: Vec<usize>,
}

/// Objects of 256 bytes, 16 to a page, pages anywhere in 64 GiB.
fn addresses(count: usize, rng: &mut Rng) -> Vec<usize> {
    let mut pages = std::collections::BTreeSet::new();
    while pages.len() * 16 < count {
        pages.insert(0xffff_8880_0000_0000 + rng.usize(..1 << 24) * 4096);
    }
    let objects = pages
        .iter()
        .flat_map(|page| (0..16).map(move |n| page + n * 256));
    objects.take(count).collect()
}

/// Whether the chain of `key` is in the upper half of every table of chains: the hash takes high bits.
fn is_upper(key: usize) -> bool {
    bucket::<1>(key) == 1
}

impl Keys {
    /// The same, but those that are looked up and those that are moved have chains far from each other.
    pub(crate) fn apart(&self) -> Self {
        let lower = self
            .present
            .iter()
            .copied()
            .filter(|key| !is_upper(key.address()));
        let upper = self.all.iter().copied().filter(|&key| is_upper(key));
        Self {
            all: self.all.clone(),
            present: lower.cycle().take(self.present.len()).collect(),
            absent: Vec::new(),
            movers: upper.step_by(2).collect(),
        }
    }

    /// `size` keys, and batches of `batch`.
    pub(crate) fn new(size: usize, batch: usize) -> Self {
        let mut rng = Rng::with_seed(1);
        let both = addresses(2 * size, &mut rng);
        // Neighbours in a slab: every other object is in.
        let (all, others): (Vec<_>, Vec<_>) = both.chunks(2).map(|it| (it[0], it[1])).unzip();
        let mut some = |of: &[usize]| {
            let some = (0..batch).map(|_| of[rng.usize(..of.len())]);
            some.filter_map(Key::new).collect()
        };
        let (present, absent) = (some(&all), some(&others));
        let movers = all.iter().copied().step_by(4).collect();
        Self {
            all,
            present,
            absent,
            movers,
        }
    }
}
