//! Stores that a hart has executed and that nobody else sees yet.
//!
//! RVWMO (Volume I, chapter "RVWMO Memory Consistency Model") lets a store become visible after
//! later loads and stores of its hart, unless a fence, a release or an overlapping access forbids
//! it. The hart itself reads its own stores. Invariant: of two stores that overlap the older leaves
//! first.

use alloc::vec::Vec;

use crate::early::fits;
use crate::hart::Place;
use crate::rng::Rng;
use crate::stored::stored;

/// Stores that wait at most.
const PLACES: usize = 12;

/// A store that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Waiting {
    /// Its place in RAM.
    pub offset: usize,
    /// Its size.
    pub size: usize,
    /// Its value.
    pub value: u64,
    /// Where it was executed.
    pub place: Place,
}

stored!(Waiting {
    offset,
    size,
    value,
    place
});

impl Waiting {
    fn overlaps(&self, offset: usize, size: usize) -> bool {
        self.offset < offset + size && offset < self.offset + self.size
    }
}

/// The stores of one hart that wait, oldest first.
#[derive(Clone, Default)]
pub(crate) struct StoreBuffer {
    waiting: Vec<Waiting>,
}

stored!(StoreBuffer { waiting });

impl StoreBuffer {
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether all stores lie in a memory of this size.
    pub fn is_sound(&self, memory: usize) -> bool {
        let inside = |store: &Waiting| fits(store.offset, store.size, memory);
        self.waiting.len() <= PLACES && self.waiting.iter().all(inside)
    }

    /// Adds a store; the buffer must have room.
    pub fn push(&mut self, store: Waiting) {
        self.waiting.push(store);
    }

    /// Whether another store must leave first.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= PLACES
    }

    /// Takes the oldest store out.
    pub fn oldest(&mut self) -> Option<Waiting> {
        (!self.waiting.is_empty()).then(|| self.waiting.remove(0))
    }

    /// Takes a random store out that no older one overlaps.
    pub fn any(&mut self, rng: &mut Rng) -> Option<Waiting> {
        if self.waiting.is_empty() {
            return None;
        }
        let mut at = rng.below(self.waiting.len() as u64) as usize;
        while let Some(older) = self.waiting[..at]
            .iter()
            .position(|older| older.overlaps(self.waiting[at].offset, self.waiting[at].size))
        {
            at = older;
        }
        Some(self.waiting.remove(at))
    }

    /// Whether a store to this range waits.
    pub fn overlaps(&self, offset: usize, size: usize) -> bool {
        self.waiting
            .iter()
            .any(|store| store.overlaps(offset, size))
    }

    /// What memory will hold there once all have left: `memory` is what it holds now.
    pub fn forward(&self, offset: usize, size: usize, memory: u64) -> u64 {
        let mut bytes = memory.to_le_bytes();
        for store in &self.waiting {
            for (index, byte) in store.value.to_le_bytes()[..store.size].iter().enumerate() {
                let at = store.offset + index;
                if (offset..offset + size).contains(&at) {
                    bytes[at - offset] = *byte;
                }
            }
        }
        u64::from_le_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hart_reads_its_own_stores_and_order_is_kept_per_byte() {
        let mut buffer = StoreBuffer::default();
        buffer.push(Waiting {
            offset: 8,
            size: 8,
            value: 0x1111_1111_1111_1111,
            place: Place::default(),
        });
        buffer.push(Waiting {
            offset: 10,
            size: 1,
            value: 0x22,
            place: Place::default(),
        });
        buffer.push(Waiting {
            offset: 64,
            size: 4,
            value: 3,
            place: Place::default(),
        });
        assert_eq!(buffer.forward(8, 8, 0), 0x1111_1111_1122_1111);
        assert_eq!(buffer.forward(12, 4, 0), 0x1111_1111);
        assert!(buffer.overlaps(11, 1) && !buffer.overlaps(16, 8));
        for seed in 0..50 {
            let mut copy = buffer.clone();
            let mut rng = Rng::new(seed);
            let order: Vec<usize> = core::iter::from_fn(|| copy.any(&mut rng))
                .map(|store| store.offset)
                .collect();
            let first = order.iter().position(|&at| at == 8);
            assert!(first < order.iter().position(|&at| at == 10));
        }
    }
}
