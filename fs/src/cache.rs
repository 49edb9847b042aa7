//! Blocks of metadata kept in memory.
//!
//! Invariants: every cached block equals what a read of the device would return, because changes
//! live in the log's staging area until they are installed; so any entry can be dropped at
//! any time. Memory is taken block by block and only while the allocator grants it; at least
//! [`MIN_BLOCKS`] buffers, allocated at mount, are never given back, so the file system works
//! when there is no memory at all. Neighbour: `volume`, the only user.

use alloc::boxed::Box;
use alloc::vec::Vec;

use abi::BLOCK_SIZE;

use crate::layout::Block;

/// Buffers that are allocated at mount and kept.
pub(crate) const MIN_BLOCKS: usize = 8;

/// Buffers among which a block can be: the cache is set-associative, which needs neither lists
/// nor a hash table that grows.
const WAYS: usize = 4;

/// Block 0 is never metadata, so its number marks a buffer that holds nothing.
const NOTHING: u32 = 0;

struct Way {
    block: u32,
    last_use: u64,
    buffer: Option<Box<Block>>,
}

/// The cache.
pub(crate) struct Cache {
    ways: Vec<Way>,
    uses: u64,
}

/// A block of zeros, if the allocator grants it.
pub(crate) fn try_block() -> Option<Box<Block>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(BLOCK_SIZE).ok()?;
    bytes.resize(BLOCK_SIZE, 0);
    bytes.into_boxed_slice().try_into().ok()
}

impl Cache {
    /// A cache of at most `blocks` blocks (a few more to fill its sets); `None` without memory.
    pub(crate) fn new(blocks: usize) -> Option<Self> {
        let count = blocks.max(MIN_BLOCKS).next_multiple_of(WAYS);
        let mut ways = Vec::new();
        ways.try_reserve_exact(count).ok()?;
        for index in 0..count {
            let buffer = if index < MIN_BLOCKS {
                Some(try_block()?)
            } else {
                None
            };
            ways.push(Way {
                block: NOTHING,
                last_use: 0,
                buffer,
            });
        }
        Some(Self { ways, uses: 0 })
    }

    fn set_of(&self, block: u32) -> core::ops::Range<usize> {
        let sets = self.ways.len() / WAYS;
        let first = block as usize % sets * WAYS;
        first..first + WAYS
    }

    fn find(&self, block: u32) -> Option<usize> {
        self.set_of(block)
            .find(|&index| self.ways[index].block == block)
    }

    /// The block, if it is here.
    pub(crate) fn get(&mut self, block: u32) -> Option<&Block> {
        let index = self.find(block)?;
        self.uses += 1;
        let way = &mut self.ways[index];
        way.last_use = self.uses;
        way.buffer.as_deref()
    }

    /// A buffer that from now on stands for the block, with arbitrary contents: the caller fills
    /// it or calls [`Cache::forget`]. `None` cannot happen while [`MIN_BLOCKS`] buffers are kept.
    pub(crate) fn claim(&mut self, block: u32) -> Option<&mut Block> {
        let index = match self.find(block) {
            Some(index) => index,
            None => self.place_for(block)?,
        };
        self.uses += 1;
        let way = &mut self.ways[index];
        way.block = block;
        way.last_use = self.uses;
        way.buffer.as_deref_mut()
    }

    /// A place in the block's set that has a buffer: new memory first, the least recently used
    /// block of the set if there is none, another set's buffer if the set has none.
    fn place_for(&mut self, block: u32) -> Option<usize> {
        let set = self.set_of(block);
        let with_buffer = |ways: &[Way], index: &usize| ways[*index].buffer.is_some();
        let unused = set
            .clone()
            .find(|&index| self.ways[index].block == NOTHING && with_buffer(&self.ways, &index));
        if unused.is_some() {
            return unused;
        }
        let bare = set.clone().find(|&index| self.ways[index].buffer.is_none());
        if let Some(index) = bare
            && let Some(buffer) = try_block()
        {
            self.ways[index].buffer = Some(buffer);
            return Some(index);
        }
        let oldest = set
            .clone()
            .filter(|index| with_buffer(&self.ways, index))
            .min_by_key(|&index| self.ways[index].last_use);
        if oldest.is_some() {
            return oldest;
        }
        let donor = self.ways.iter_mut().find(|way| way.buffer.is_some())?;
        donor.block = NOTHING;
        let buffer = donor.buffer.take();
        self.ways[set.start].buffer = buffer;
        Some(set.start)
    }

    /// Drops the block if it is here.
    pub(crate) fn forget(&mut self, block: u32) {
        if let Some(index) = self.find(block) {
            self.ways[index].block = NOTHING;
        }
    }

    /// Gives up to `blocks` buffers back to the allocator, but keeps [`MIN_BLOCKS`]; how many it
    /// gave back.
    pub(crate) fn shrink(&mut self, blocks: usize) -> usize {
        let present = self.ways.iter().filter(|way| way.buffer.is_some()).count();
        let give = blocks.min(present.saturating_sub(MIN_BLOCKS));
        let holders = self.ways.iter_mut().filter(|way| way.buffer.is_some());
        for way in holders.take(give) {
            way.block = NOTHING;
            way.buffer = None;
        }
        give
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(cache: &mut Cache, blocks: core::ops::Range<u32>) {
        for block in blocks {
            cache.claim(block).unwrap()[0] = block as u8;
        }
    }

    #[test]
    fn keeps_what_fits_and_evicts_the_least_recently_used() {
        let mut cache = Cache::new(8).unwrap();
        fill(&mut cache, 2..10);
        assert!((2..10).all(|block| cache.get(block).unwrap()[0] == block as u8));
        cache.get(2);
        fill(&mut cache, 10..11);
        assert!(cache.get(2).is_some(), "just used");
        assert!(cache.get(4).is_none(), "the oldest of the set of block 10");
    }

    #[test]
    fn forgotten_blocks_are_gone() {
        let mut cache = Cache::new(8).unwrap();
        fill(&mut cache, 5..6);
        cache.forget(5);
        assert!(cache.get(5).is_none());
    }

    #[test]
    fn shrinking_keeps_the_reserve_and_every_set_stays_usable() {
        let mut cache = Cache::new(64).unwrap();
        fill(&mut cache, 1..65);
        assert_eq!(cache.shrink(10), 10);
        assert_eq!(cache.shrink(1000), 64 - 10 - MIN_BLOCKS);
        assert_eq!(cache.shrink(1), 0);
        fill(&mut cache, 100..200);
        assert_eq!(cache.get(199).unwrap()[0], 199);
    }
}
