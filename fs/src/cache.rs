//! A cache of metadata blocks.
//!
//! Invariants: every cached block equals what a read of the device would return, because changes
//! stay in the log's staging area until they are installed. All memory is allocated at mount, so
//! the cache works when there is none, takes none from others later, and the amount of free memory
//! does not depend on what was read. Neighbour: `volume`, the only user.

use alloc::boxed::Box;
use alloc::vec::Vec;

use abi::BLOCK_SIZE;

use crate::layout::Block;

/// The number of places for each block. The cache is set-associative, which needs neither lists nor
/// a hash table.
const WAYS: usize = 4;

/// The fewest blocks. With two sets, the blocks of one operation do not all displace each other.
const MIN_BLOCKS: usize = 2 * WAYS;

/// Marks an empty place. Block 0 is never metadata.
const NOTHING: u32 = 0;

struct Way {
    block: u32,
    last_use: u64,
    contents: Block,
}

/// The cache.
pub(crate) struct Cache {
    ways: Vec<Way>,
    uses: u64,
}

/// The place of a block in the cache. It is valid until the next block is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(usize);

/// Returns a block of zeros, if the allocator grants it.
pub(crate) fn try_block() -> Option<Box<Block>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(BLOCK_SIZE).ok()?;
    bytes.resize(BLOCK_SIZE, 0);
    bytes.into_boxed_slice().try_into().ok()
}

impl Cache {
    /// Returns a cache of `blocks` blocks, rounded up to whole sets. Returns `None` if there is no
    /// memory.
    pub(crate) fn new(blocks: usize) -> Option<Self> {
        let count = blocks.max(MIN_BLOCKS).next_multiple_of(WAYS);
        let mut ways = Vec::new();
        ways.try_reserve_exact(count).ok()?;
        ways.resize_with(count, || Way {
            block: NOTHING,
            last_use: 0,
            contents: [0; BLOCK_SIZE],
        });
        Some(Self { ways, uses: 0 })
    }

    fn set_of(&self, block: u32) -> core::ops::Range<usize> {
        let sets = self.ways.len() / WAYS;
        let first = block as usize % sets * WAYS;
        first..first + WAYS
    }

    /// Returns the place of the block, if it is cached.
    pub(crate) fn find(&self, block: u32) -> Option<Place> {
        self.set_of(block)
            .find(|&index| self.ways[index].block == block)
            .map(Place)
    }

    /// Returns a place that stands for the block from now on. Its contents are arbitrary: the
    /// caller fills it or calls [`Cache::forget`]. The least recently used block of the set is
    /// displaced.
    pub(crate) fn claim(&mut self, block: u32) -> Place {
        if let Some(place) = self.find(block) {
            return place;
        }
        let oldest = self
            .set_of(block)
            .min_by_key(|&index| self.ways[index].last_use);
        let index = oldest.expect("a set has places");
        self.ways[index].block = block;
        Place(index)
    }

    /// Returns the contents of a block that was found or claimed.
    pub(crate) fn contents(&mut self, place: Place) -> &mut Block {
        self.uses += 1;
        let way = &mut self.ways[place.0];
        way.last_use = self.uses;
        &mut way.contents
    }

    /// Removes the block, if it is cached.
    pub(crate) fn forget(&mut self, block: u32) {
        if let Some(Place(index)) = self.find(block) {
            self.ways[index].block = NOTHING;
            self.ways[index].last_use = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(cache: &mut Cache, blocks: core::ops::Range<u32>) {
        for block in blocks {
            let place = cache.claim(block);
            cache.contents(place)[0] = block as u8;
        }
    }

    fn first_byte(cache: &mut Cache, block: u32) -> Option<u8> {
        let place = cache.find(block)?;
        Some(cache.contents(place)[0])
    }

    #[test]
    fn keeps_what_fits_and_evicts_the_least_recently_used() {
        let mut cache = Cache::new(8).unwrap();
        fill(&mut cache, 2..10);
        assert!((2..10).all(|block| first_byte(&mut cache, block) == Some(block as u8)));
        assert_eq!(first_byte(&mut cache, 2), Some(2));
        fill(&mut cache, 10..11);
        assert!(cache.find(2).is_some(), "just used");
        assert!(cache.find(4).is_none(), "the oldest of the set of block 10");
        assert_eq!(first_byte(&mut cache, 10), Some(10));
    }

    #[test]
    fn forgotten_blocks_are_gone_and_make_room_first() {
        let mut cache = Cache::new(8).unwrap();
        fill(&mut cache, 2..10);
        cache.forget(8);
        assert!(cache.find(8).is_none());
        fill(&mut cache, 10..11);
        assert!(cache.find(2).is_some(), "older, but not forgotten");
    }

    #[test]
    fn every_set_is_usable_and_counts_are_rounded_up() {
        for blocks in [0, 8, 9, 64] {
            let mut cache = Cache::new(blocks).unwrap();
            fill(&mut cache, 1..200);
            assert_eq!(first_byte(&mut cache, 199), Some(199));
            let kept = (1..200).filter(|&block| cache.find(block).is_some());
            assert_eq!(kept.count(), blocks.max(8).next_multiple_of(4));
        }
    }
}
