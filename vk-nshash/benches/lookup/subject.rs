//! What is compared, all of them with one hash.

use crate::Grace;
use std::hash::{BuildHasherDefault, Hasher};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, RwLock};
use vk_nshash::{GracePeriod, Key, Node, Owner, ReadSide, Table, WriteSide};

const GOLDEN_RATIO_64: u64 = 0x61C8_8646_80B5_83EB;

/// A map of addresses to numbers.
pub(crate) trait Subject: Sync {
    const NAME: &'static str;
    /// Whether a writer may work while others read.
    const CAN_CHANGE: bool = true;
    /// What a reader holds for a batch.
    type Guard<'s>
    where
        Self: 's;

    fn new(keys: &[usize]) -> Self;
    fn grace(&self) -> &Grace;
    fn enter(&self) -> Self::Guard<'_>;
    fn find(&self, guard: &Self::Guard<'_>, key: Key) -> Option<u64>;
    fn move_out_and_in(&self, key: usize);
}

/// The same multiplication as that of the chains, folded: maps take low bits and high bits.
#[derive(Default)]
pub(crate) struct Golden(u64);

impl Hasher for Golden {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are usize")
    }

    fn write_usize(&mut self, key: usize) {
        let product = (key as u64).wrapping_mul(GOLDEN_RATIO_64);
        self.0 = product ^ (product >> 32);
    }
}

type Build = BuildHasherDefault<Golden>;

/// A chain as plain as can be: no tombstone, no atomics, nobody may write.
pub(crate) struct Bare<const BITS: u32, const BUCKETS: usize> {
    heads: Box<[Option<Box<Link>>; BUCKETS]>,
    grace: Grace,
}

struct Link {
    next: Option<Box<Link>>,
    key: usize,
    value: u64,
}

impl<const BITS: u32, const BUCKETS: usize> Subject for Bare<BITS, BUCKETS> {
    const NAME: &'static str = match BITS {
        10 => "bare",
        _ => "bare-16384",
    };
    const CAN_CHANGE: bool = false;
    type Guard<'s> = ();

    fn new(keys: &[usize]) -> Self {
        let mut heads = Box::new([const { None }; BUCKETS]);
        for &key in keys {
            let head: &mut Option<Box<Link>> = &mut heads[bucket::<BITS>(key)];
            let next = head.take();
            let value = key as u64;
            *head = Some(Box::new(Link { next, key, value }));
        }
        let grace = Grace::default();
        Self { heads, grace }
    }

    fn grace(&self) -> &Grace {
        &self.grace
    }

    fn enter(&self) {}

    #[inline]
    fn find(&self, (): &(), key: Key) -> Option<u64> {
        let key = key.address();
        let mut at = self.heads[bucket::<BITS>(key)].as_deref();
        while let Some(link) = at {
            if link.key == key {
                return Some(link.value);
            }
            at = link.next.as_deref();
        }
        None
    }

    fn move_out_and_in(&self, _: usize) {}
}

#[inline]
pub(crate) fn bucket<const BITS: u32>(key: usize) -> usize {
    ((key as u64).wrapping_mul(GOLDEN_RATIO_64) >> (64 - BITS)) as usize
}

/// The table of this crate.
pub(crate) struct Chains<const BITS: u32, const BUCKETS: usize, V: Word = u64> {
    table: Box<Table<Boxed<V>, BITS, BUCKETS>>,
    grace: Grace,
}

/// What a node holds.
pub(crate) trait Word: Copy + Send + Sync + 'static {
    fn of(number: u64) -> Self;
    fn number(self) -> u64;
}

impl Word for u64 {
    fn of(number: u64) -> Self {
        number
    }

    fn number(self) -> u64 {
        self
    }
}

/// A number on cache lines of its own, and so its node, as an object of the kernel is.
#[derive(Clone, Copy)]
#[repr(align(128))]
pub(crate) struct Wide(u64);

impl Word for Wide {
    fn of(number: u64) -> Self {
        Self(number)
    }

    fn number(self) -> u64 {
        self.0
    }
}

pub(crate) struct Read;
// SAFETY: One per batch, and `Grace` waits for the end of the batch.
unsafe impl ReadSide for Read {}

static WRITER: Mutex<()> = Mutex::new(());
pub(crate) struct Write(#[allow(dead_code)] MutexGuard<'static, ()>);
// SAFETY: There is one lock, and the guard holds it.
unsafe impl WriteSide for Write {}

impl Write {
    fn lock() -> Self {
        Self(WRITER.lock().expect("no panic"))
    }
}

pub(crate) struct Boxed<V>(Box<Node<V>>);
// SAFETY: A box does not move its content, and is rebuilt from the same address.
unsafe impl<V: Word> Owner for Boxed<V> {
    type Value = V;
    type Read = Read;
    type Write = Write;

    fn into_node(self) -> NonNull<Node<V>> {
        NonNull::from(Box::leak(self.0))
    }

    unsafe fn from_node(node: NonNull<Node<V>>) -> Self {
        // SAFETY: `node` came from `into_node`.
        Self(unsafe { Box::from_raw(node.as_ptr()) })
    }
}

// SAFETY: `retire` waits for every reader to rest, which it does with no `Read` alive.
unsafe impl<V: Word> GracePeriod<Boxed<V>> for Grace {
    fn retire(&self, node: Boxed<V>) {
        self.retire(node.0);
    }
}

fn node<V: Word>(key: usize) -> Boxed<V> {
    let key = Key::new(key).expect("not null");
    Boxed(Box::new(Node::new(key, V::of(key.address() as u64))))
}

impl<const BITS: u32, const BUCKETS: usize, V: Word> Subject for Chains<BITS, BUCKETS, V> {
    const NAME: &'static str = match (BITS, size_of::<V>()) {
        (10, 8) => "vk-nshash",
        (10, _) => "vk-nshash-wide",
        (11, _) => "vk-nshash-2048",
        (12, _) => "vk-nshash-4096",
        (13, _) => "vk-nshash-8192",
        _ => "vk-nshash-16384",
    };
    type Guard<'s> = Read;

    fn new(keys: &[usize]) -> Self {
        let table = Box::new(Table::new());
        for &key in keys {
            let inserted = table.insert(&mut Write::lock(), node(key));
            assert!(inserted.is_ok());
        }
        let grace = Grace::default();
        Self { table, grace }
    }

    fn grace(&self) -> &Grace {
        &self.grace
    }

    fn enter(&self) -> Read {
        Read
    }

    #[inline]
    fn find(&self, read: &Read, key: Key) -> Option<u64> {
        self.table.find(read, key).map(|it| it.number())
    }

    fn move_out_and_in(&self, key: usize) {
        let mut write = Write::lock();
        let removed = Key::new(key).and_then(|key| self.table.remove(&mut write, key));
        let inserted = self.table.insert(&mut write, node(key));
        assert!(inserted.is_ok());
        drop(write);
        if let Some(removed) = removed {
            removed.after(&self.grace);
        }
    }
}

/// papaya, pinned once per batch.
pub(crate) struct Papaya {
    map: papaya::HashMap<usize, u64, Build>,
    grace: Grace,
}

impl Subject for Papaya {
    const NAME: &'static str = "papaya";
    type Guard<'s> = papaya::HashMapRef<'s, usize, u64, Build, papaya::LocalGuard<'s>>;

    fn new(keys: &[usize]) -> Self {
        let map = papaya::HashMap::with_hasher(Build::default());
        for &key in keys {
            map.pin().insert(key, key as u64);
        }
        let grace = Grace::default();
        Self { map, grace }
    }

    fn grace(&self) -> &Grace {
        &self.grace
    }

    fn enter(&self) -> Self::Guard<'_> {
        self.map.pin()
    }

    #[inline]
    fn find(&self, guard: &Self::Guard<'_>, key: Key) -> Option<u64> {
        guard.get(&key.address()).copied()
    }

    fn move_out_and_in(&self, key: usize) {
        let map = self.map.pin();
        map.remove(&key);
        map.insert(key, key as u64);
    }
}

/// hashbrown behind a lock that readers share, taken for each lookup.
pub(crate) struct Hashbrown {
    map: RwLock<hashbrown::HashMap<usize, u64, Build>>,
    grace: Grace,
}

impl Subject for Hashbrown {
    const NAME: &'static str = "hashbrown";
    type Guard<'s> = ();

    fn new(keys: &[usize]) -> Self {
        let map = RwLock::new(keys.iter().map(|&key| (key, key as u64)).collect());
        let grace = Grace::default();
        Self { map, grace }
    }

    fn grace(&self) -> &Grace {
        &self.grace
    }

    fn enter(&self) {}

    #[inline]
    fn find(&self, (): &(), key: Key) -> Option<u64> {
        let map = self.map.read().expect("no panic");
        map.get(&key.address()).copied()
    }

    fn move_out_and_in(&self, key: usize) {
        self.map.write().expect("no panic").remove(&key);
        self.map.write().expect("no panic").insert(key, key as u64);
    }
}

/// dashmap.
pub(crate) struct Dash {
    map: dashmap::DashMap<usize, u64, Build>,
    grace: Grace,
}

impl Subject for Dash {
    const NAME: &'static str = "dashmap";
    type Guard<'s> = ();

    fn new(keys: &[usize]) -> Self {
        let map = keys.iter().map(|&key| (key, key as u64)).collect();
        let grace = Grace::default();
        Self { map, grace }
    }

    fn grace(&self) -> &Grace {
        &self.grace
    }

    fn enter(&self) {}

    #[inline]
    fn find(&self, (): &(), key: Key) -> Option<u64> {
        self.map.get(&key.address()).map(|it| *it)
    }

    fn move_out_and_in(&self, key: usize) {
        self.map.remove(&key);
        self.map.insert(key, key as u64);
    }
}
