//! Beyond what somebody must be asked: the strictest of all values.

use crate::greatest::Greatest;
use crate::{Key, Own, SERVED};
use vk_sysctl::Key as Sysctl;

/// The strictest value of any container, for each key by which the stubs tell who need not be asked.
///
/// As [`Widest`](crate::Widest), when the strictest is gone a caller looks for it again; until then it is
/// stricter than need be.
#[derive(Clone, Copy, Debug)]
pub struct Strictest(Greatest);

/// Which of two numbers is the stricter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// The less: a limit. 0, where that is none, asks of more than it need.
    Limit,
    /// The greater.
    Floor,
}

impl Default for Strictest {
    fn default() -> Self {
        Self::new()
    }
}

impl Strictest {
    /// No container yet.
    pub const fn new() -> Self {
        Self(Greatest::new())
    }

    /// Returns the strictest number of each of [`SERVED`], `None` where no container has one.
    pub fn numbers(&self) -> impl Iterator<Item = Option<u64>> + '_ {
        let rows = self.0.get().zip(SERVED);
        rows.map(|(rank, (key, ..))| Some(side(key)?.turn(rank?)))
    }

    /// Takes the values of one container into account, and the bounds of those in it.
    pub fn add(&mut self, own: &Own) {
        self.0.add(|| ranks(own));
    }

    /// The same of a container that is counted already.
    pub fn raise(&mut self, own: &Own) {
        self.0.raise(ranks(own));
    }

    /// Forgets the values of one that was added.
    pub fn remove(&mut self, own: &Own) {
        self.0.remove(ranks(own));
    }

    /// Forgets the strictest values if one of them is gone: the caller raises them again.
    pub fn begin_again(&mut self) -> bool {
        self.0.begin_again()
    }
}

impl Side {
    /// Makes the rank of a number, which is the greater the stricter that is, or a number of its rank.
    const fn turn(self, number: u64) -> u64 {
        match self {
            Self::Limit => !number,
            Self::Floor => number,
        }
    }
}

/// The ranks of the keys that the stubs know, those of `own`.
fn ranks(own: &Own) -> impl Iterator<Item = Option<u64>> + '_ {
    SERVED.iter().map(|(key, ..)| {
        let side = side(*key).filter(|_| own.is_set())?;
        let rule = own.rule(Key::Sysctl(*key));
        let bound = match side {
            Side::Limit => rule.max,
            Side::Floor => rule.min,
        };
        let rank =
            |value: vk_sysctl::Value| u64::try_from(value.number()).ok().map(|it| side.turn(it));
        let value = own.sysctl().get(*key).and_then(rank);
        value.max(bound.and_then(rank))
    })
}

/// What the stubs compare.
const fn side(key: Sysctl) -> Option<Side> {
    match key {
        Sysctl::MaxMapCount
        | Sysctl::NrOpen
        | Sysctl::PipeMaxSize
        | Sysctl::PipeUserPagesHard
        | Sysctl::PipeUserPagesSoft => Some(Side::Limit),
        Sysctl::MmapMinAddr => Some(Side::Floor),
        _ => None,
    }
}
