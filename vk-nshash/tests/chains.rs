//! How long chains get, with addresses as a slab hands them out: what the README states.

#[allow(dead_code)]
#[path = "support/single.rs"]
mod single;

use fastrand::Rng;
use single::{Boxed, Read, Write};
use vk_nshash::{Key, Node, Table, CHAIN_MAX};

const BITS: u32 = 10;
const BUCKETS: usize = 1 << BITS;
const PAGE: usize = 4096;
/// Where the kernel maps its memory (`PAGE_OFFSET` of x86-64 with four levels).
const DIRECT_MAP: usize = 0xffff_8880_0000_0000;

/// Objects of `size` bytes side by side.
fn side_by_side(count: usize, size: usize) -> Vec<usize> {
    (0..count).map(|n| DIRECT_MAP + n * size).collect()
}

/// Objects of `size` bytes in slabs of `1 << order` pages, anywhere in 64 GiB of memory.
fn scattered(count: usize, size: usize, order: u32, seed: u64) -> Vec<usize> {
    let (slab, mut rng) = (PAGE << order, Rng::with_seed(seed));
    let mut slabs = std::collections::BTreeSet::new();
    let per_slab = slab / size;
    while slabs.len() * per_slab < count {
        slabs.insert(DIRECT_MAP + rng.usize(..(64 << 30) / slab) * slab);
    }
    let objects = slabs
        .iter()
        .flat_map(|at| (0..per_slab).map(move |n| at + n * size));
    objects.take(count).collect()
}

/// Puts all in and returns the longest chain, `None` if one was refused.
fn longest(addresses: &[usize]) -> Option<usize> {
    let table = Table::<Boxed<()>, BITS, BUCKETS>::new();
    for key in addresses.iter().filter_map(|&it| Key::new(it)) {
        let node = Boxed(Box::new(Node::new(key, ())));
        table.insert(&mut Write, node).ok()?;
    }
    Some(table.longest_chain(&Read))
}

/// The longest chain over sizes of objects, orders of
/// slabs and places.
fn worst(count: usize) -> Option<usize> {
    let sizes = [64, 192, 256, 320, 512, 1024, 2048, 4096];
    let rows = sizes.iter().map(|&size| side_by_side(count, size));
    let places = sizes.iter().flat_map(|&size| {
        let orders = (0..4).map(move |order| (size, order));
        orders.flat_map(|(size, order)| (1..=5).map(move |seed| (size, order, seed)))
    });
    let scattered = places.map(|(size, order, seed)| scattered(count, size, order, seed));
    let longest: Option<Vec<usize>> = rows.chain(scattered).map(|it| longest(&it)).collect();
    longest?.into_iter().max()
}

#[test]
fn no_chain_is_longer_than_stated() {
    for (count, stated) in [(8, 2), (64, 2), (512, 6), (10_000, 27)] {
        let worst = worst(count);
        println!("{count} nodes, {BUCKETS} buckets: longest chain {worst:?}");
        assert!(worst.is_some_and(|it| it <= stated), "{count}: {worst:?}");
    }
}

#[test]
fn sixteen_nodes_per_bucket_fit() {
    let worst = worst(16 * BUCKETS);
    println!("{} nodes: longest chain {worst:?}", 16 * BUCKETS);
    assert!(worst.is_some_and(|it| it <= CHAIN_MAX));
}
