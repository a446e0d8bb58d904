//! Who claims one memory cgroup.

use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// How many namespaces claim a memory cgroup, and which one if it is one.
///
/// Namespaces are known by their never-reused number and their address. Both are kept as sums over
/// all claimants: with one left a sum is that one's own, whoever was there before. So no list is
/// needed, nor memory to take a claim back.
///
/// Changed under a lock of the owner's. Readers take none, and may meet a change half-way: then the
/// number and the address that they get are not of one namespace, which they find out when they
/// look the address up.
///
/// # Examples
///
/// ```
/// use core::num::NonZeroUsize;
/// use vk_reference_module::Claim;
///
/// let one = (7, NonZeroUsize::new(0x1000).ok_or("null")?);
/// let other = (8, NonZeroUsize::new(0x2000).ok_or("null")?);
/// let claim = Claim::new();
/// assert_eq!(claim.sole(), None);
/// claim.join(one);
/// claim.join(other);
/// assert_eq!(claim.sole(), None);
/// assert!(!claim.leave(one));
/// assert_eq!(claim.sole(), Some(other));
/// assert!(claim.leave(other));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Default)]
pub struct Claim {
    count: AtomicU32,
    numbers: AtomicU64,
    addresses: AtomicUsize,
}

/// A claimant: its number and its address.
pub type Claimant = (u64, NonZeroUsize);

impl Claim {
    /// Nobody claims it.
    pub const fn new() -> Self {
        Self {
            count: AtomicU32::new(0),
            numbers: AtomicU64::new(0),
            addresses: AtomicUsize::new(0),
        }
    }

    /// Adds a claimant, which must not be one already.
    pub fn join(&self, (number, address): Claimant) {
        // Relaxed, as all here: see above. The atomics' own additions wrap.
        self.count.fetch_add(1, Relaxed);
        self.numbers.fetch_add(number, Relaxed);
        self.addresses.fetch_add(address.get(), Relaxed);
    }

    /// Takes a claimant away, which must be one; tells whether it was the last.
    pub fn leave(&self, (number, address): Claimant) -> bool {
        self.numbers.fetch_sub(number, Relaxed);
        self.addresses.fetch_sub(address.get(), Relaxed);
        self.count.fetch_sub(1, Relaxed) == 1
    }

    /// Returns the claimant, if there is exactly one.
    #[inline]
    pub fn sole(&self) -> Option<Claimant> {
        if self.count.load(Relaxed) != 1 {
            return None;
        }
        let address = NonZeroUsize::new(self.addresses.load(Relaxed))?;
        Some((self.numbers.load(Relaxed), address))
    }
}
