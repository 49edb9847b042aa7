//! The slots of the swap device: a record for each, and which are free.
//!
//! Invariant: a slot is free, which [`FreeNumbers`] knows, exactly when its count is 0. The count
//! leaves 0 and reaches 0 under the lock of [`Slots`]. In between, the holder of a reference makes
//! another one without the lock.

use core::mem::MaybeUninit;

use sync::LeafLock;
use sync::atomic::{AtomicU32, Ordering};

use crate::addr::SlotNo;
use crate::free::FreeNumbers;

/// The record of a slot, in 12 bytes.
#[repr(C)]
pub struct SlotRecord {
    /// The table entries that refer to the slot, and one for the cache.
    count: AtomicU32,
    /// The index of the frame with the same contents, plus 1; 0 if there is none.
    frame: AtomicU32,
    /// The referrers that an audit has met.
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

    /// Returns the number of references.
    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Adds a reference. The caller holds one.
    pub(crate) fn add_reference(&self) {
        let before = self.count.fetch_add(1, Ordering::Relaxed);
        assert!(
            before != 0 && before != u32::MAX,
            "a reference was taken to a slot with {before}"
        );
    }

    /// Drops a reference that is known not to be the last.
    pub(crate) fn drop_one_of_many(&self) {
        let before = self.count.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(
            before > 1,
            "the last reference to a slot is dropped under the lock"
        );
    }

    /// Returns the index of the frame with the same contents.
    pub(crate) fn frame(&self) -> Option<u32> {
        self.frame.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Sets or clears the frame with the same contents.
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

/// What the lock protects besides the cache: the free slots.
pub(super) type Free = FreeNumbers<&'static mut [u64]>;

impl Slots {
    /// Returns the slots of a device, all of them free, with a record each in `records` and a bit
    /// each in `free`.
    ///
    /// # Panics
    /// If `free` has fewer words than [`words_for`](super::words_for) says.
    pub(crate) fn new(
        records: &'static mut [MaybeUninit<SlotRecord>],
        free: &'static mut [MaybeUninit<u64>],
    ) -> Self {
        for record in records.iter_mut() {
            record.write(SlotRecord::free());
        }
        for word in free.iter_mut() {
            word.write(0);
        }
        let free = FreeNumbers::all(records.len(), crate::phys::assume_init(free));
        Self {
            records: crate::phys::assume_init(records),
            free: LeafLock::new(free),
        }
    }

    /// Returns how many slots the device has.
    pub(crate) fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// Returns how many slots are free.
    pub(crate) fn free(&self) -> u64 {
        self.free.with(|free| free.count())
    }

    /// Returns whether a slot is among the free ones.
    pub(crate) fn is_free(&self, slot: SlotNo) -> bool {
        self.free.with(|free| free.has(slot.0 as usize))
    }

    /// Returns every slot with its record.
    pub(crate) fn all(&self) -> impl Iterator<Item = (SlotNo, &SlotRecord)> {
        (0..).map(SlotNo).zip(self.records)
    }

    /// Returns the record of a slot.
    ///
    /// # Panics
    /// If there is no such slot: an entry is corrupt.
    pub(crate) fn record(&self, slot: SlotNo) -> &SlotRecord {
        &self.records[slot.0 as usize]
    }

    /// Returns the next slot with its record, if there is one.
    pub(super) fn after(&self, slot: SlotNo) -> Option<(SlotNo, &SlotRecord)> {
        let next = SlotNo(slot.0 + 1);
        Some((next, self.records.get(next.0 as usize)?))
    }

    /// Runs `body` with the lock of the cache and the free slots.
    pub(super) fn locked<R>(&self, body: impl FnOnce(&mut Free) -> R) -> R {
        self.free.with(body)
    }

    /// Takes a free slot and gives it one reference. Returns `None` if none is free.
    pub(super) fn take(&self, free: &mut Free) -> Option<SlotNo> {
        let index = free.take()?;
        let before = self.records[index].count.swap(1, Ordering::Relaxed);
        debug_assert_eq!(before, 0, "a slot with references was free");
        Some(SlotNo(index as u64))
    }

    /// Drops a reference. Returns how many are left. With the last one, the slot is free.
    pub(super) fn drop_reference(&self, free: &mut Free, slot: SlotNo) -> u32 {
        let before = self.record(slot).count.fetch_sub(1, Ordering::Relaxed);
        assert!(before != 0, "a reference was dropped to a slot without any");
        if before == 1 {
            free.give(slot.0 as usize);
        }
        before - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swap::words_for;

    #[test]
    fn a_slot_rests_until_all_others_had_their_turn() {
        let slots = Slots::new(
            Box::leak(Box::new_uninit_slice(5)),
            Box::leak(Box::new_uninit_slice(words_for(5))),
        );
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
