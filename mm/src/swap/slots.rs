//! The slots of the swap device: what is known about each, and which are free.
//!
//! Invariant: a slot is free exactly when its count is 0. It leaves 0 and reaches it under the lock of [`Slots`]; in
//! between, whoever has a reference makes another without it.

use core::mem::MaybeUninit;

use sync::LeafLock;
use sync::atomic::{AtomicU32, Ordering};

use crate::addr::SlotNo;

/// What is known about one slot, in 12 bytes.
#[repr(C)]
pub struct SlotRecord {
    /// Table entries that refer to it, and one for the cache.
    count: AtomicU32,
    /// One more than the index of the frame that has the same contents, or 0.
    frame: AtomicU32,
    /// Referrers that an audit has met.
    pub(crate) met: AtomicU32,
}

impl SlotRecord {
    fn free() -> Self {
        Self {
            count: AtomicU32::new(0),
            frame: AtomicU32::new(0),
            met: AtomicU32::new(0),
        }
    }

    /// How many references there are.
    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// A further reference, for somebody who holds one.
    pub(crate) fn add_reference(&self) {
        let before = self.count.fetch_add(1, Ordering::Relaxed);
        assert!(
            before != 0 && before != u32::MAX,
            "a reference was taken to a slot with {before}"
        );
    }

    /// Gives up a reference of which the caller knows that it is not the last.
    pub(crate) fn drop_one_of_many(&self) {
        let before = self.count.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(
            before > 1,
            "the last reference to a slot is dropped under the lock"
        );
    }

    /// The index of the frame with the same contents.
    pub(crate) fn frame(&self) -> Option<u32> {
        self.frame.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Sets or clears that.
    pub(super) fn set_frame(&self, index: Option<u32>) {
        let stored = index.map_or(0, |index| index + 1);
        self.frame.store(stored, Ordering::Relaxed);
    }
}

/// All slots.
pub(crate) struct Slots {
    records: &'static [SlotRecord],
    free: LeafLock<Free>,
}

/// What the lock of the cache protects, besides the cache.
pub(super) struct Free {
    /// Where the search for a free slot begins: behind the last one found, so that what is evicted together lies together.
    next: usize,
    count: usize,
}

impl Free {
    /// How many slots are free.
    pub(super) fn count(&self) -> u64 {
        self.count as u64
    }
}

impl Slots {
    /// A record for each slot of the device; all are free.
    pub(crate) fn new(records: &'static mut [MaybeUninit<SlotRecord>]) -> Self {
        for record in records.iter_mut() {
            record.write(SlotRecord::free());
        }
        let count = records.len();
        Self {
            records: crate::phys::assume_init(records),
            free: LeafLock::new(Free { next: 0, count }),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// How many are free.
    pub(crate) fn free(&self) -> u64 {
        self.free.with(|free| free.count as u64)
    }

    /// Every slot's record.
    pub(crate) fn all(&self) -> impl Iterator<Item = (SlotNo, &SlotRecord)> {
        (0..).map(SlotNo).zip(self.records)
    }

    /// The record of a slot.
    ///
    /// # Panics
    /// If there is no such slot: an entry is corrupt.
    pub(crate) fn record(&self, slot: SlotNo) -> &SlotRecord {
        &self.records[slot.0 as usize]
    }

    /// The record of the slot behind this one, if there is one.
    pub(super) fn after(&self, slot: SlotNo) -> Option<(SlotNo, &SlotRecord)> {
        let next = SlotNo(slot.0 + 1);
        Some((next, self.records.get(next.0 as usize)?))
    }

    /// Runs `body` with the lock of the cache and the free slots.
    pub(super) fn locked<R>(&self, body: impl FnOnce(&mut Free) -> R) -> R {
        self.free.with(body)
    }

    /// A free slot, with one reference.
    pub(super) fn take(&self, free: &mut Free) -> Option<SlotNo> {
        if free.count == 0 {
            return None;
        }
        let (before, behind) = self.records.split_at(free.next);
        let is_free = |record: &SlotRecord| record.count() == 0;
        let index = match behind.iter().position(is_free) {
            Some(offset) => free.next + offset,
            None => before.iter().position(is_free)?,
        };
        self.records[index].count.store(1, Ordering::Relaxed);
        free.count -= 1;
        free.next = (index + 1) % self.records.len();
        Some(SlotNo(index as u64))
    }

    /// Gives up a reference; how many are left. With the last, the slot is free.
    pub(super) fn drop_reference(&self, free: &mut Free, slot: SlotNo) -> u32 {
        let before = self.record(slot).count.fetch_sub(1, Ordering::Relaxed);
        assert!(before != 0, "a reference was dropped to a slot without any");
        free.count += usize::from(before == 1);
        before - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_rests_until_all_others_had_their_turn() {
        let slots = Slots::new(Box::leak(Box::new_uninit_slice(5)));
        slots.locked(|free| {
            for round in 0..3 {
                for expected in 0..5 {
                    let slot = slots.take(free).unwrap();
                    assert_eq!(slot, SlotNo(expected), "round {round}");
                    assert_eq!(slots.drop_reference(free, slot), 0);
                }
            }
            assert_eq!(free.count(), 5);
        });
    }
}
