//! The swap cache: which frame has the same contents as which slot.
//!
//! Everything here happens under the lock of [`super::slots`], but for what it frees: a frame is given back after the
//! lock has been released. See the invariants of [`super`].

use super::slots::Free;
use crate::addr::{FrameNo, SlotNo};
use crate::frame::Cached;
use crate::machine::Machine;
use crate::memory::Memory;

/// What the cache has for a slot.
pub(crate) enum Lookup {
    /// This frame; the caller has got a reference.
    Here(FrameNo),
    /// This frame, into which the slot is being read; the caller waits for it ([`super::PageWait`]).
    Coming(FrameNo),
    /// The device failed.
    Failed,
    /// Nothing.
    Missing,
}

/// A frame that has left the cache without a reference, to be given back after the lock.
pub(super) struct Freed {
    frame: FrameNo,
    /// Nobody refers to the slot either: the page is gone, and so is the need for its place.
    with_place: bool,
}

impl<M: Machine> Memory<M> {
    /// Gives up a reference to a slot.
    pub(crate) fn drop_slot(&self, slot: SlotNo) {
        let (left, freed) = self.slots.locked(|free| {
            let left = self.drop_slot_reference(free, slot);
            (left, self.settle(free, slot))
        });
        if left == 0 {
            self.budget.add_places(1);
        }
        self.give_back_cached(freed);
    }

    /// One reference is left to a frame that is in the swap cache: if it is the cache's, the page may be nobody's.
    #[cold]
    pub(crate) fn settle_frame(&self, frame: FrameNo) {
        let freed = self.slots.locked(|free| {
            let slot = self.frames.record(frame).slot()?;
            self.settle(free, slot)
        });
        self.give_back_cached(freed);
    }

    /// Takes the frame of a slot out of the cache and frees it, if nobody wants it there: no other reference to the frame is left, and
    /// either none to the slot or nothing was read.
    pub(super) fn settle(&self, free: &mut Free, slot: SlotNo) -> Option<Freed> {
        let record = self.slots.record(slot);
        let frame = self.frames.frame(record.frame()?);
        let wanted = record.count() > 1 && self.frames.record(frame).cached() != Cached::Failed;
        if wanted {
            return None;
        }
        self.detach_sole(free, slot, frame)
    }

    /// Takes a frame out of the cache if the cache's is its only reference, which it loses.
    pub(super) fn detach_sole(
        &self,
        free: &mut Free,
        slot: SlotNo,
        frame: FrameNo,
    ) -> Option<Freed> {
        self.frames.record(frame).drop_sole_reference().then(|| {
            let with_place = self.detach(free, slot, frame);
            Freed { frame, with_place }
        })
    }

    /// Makes frame and slot forget each other. The cache's reference to the slot goes, that to the frame becomes the caller's.
    /// Whether the slot is free now.
    fn detach(&self, free: &mut Free, slot: SlotNo, frame: FrameNo) -> bool {
        self.frames.record(frame).set_slot(None);
        self.slots.record(slot).set_frame(None);
        self.drop_slot_reference(free, slot) == 0
    }

    pub(super) fn drop_slot_reference(&self, free: &mut Free, slot: SlotNo) -> u32 {
        let left = self.slots.drop_reference(free, slot);
        self.budget.note_slots_left(free.count());
        left
    }

    pub(super) fn give_back_cached(&self, freed: Option<Freed>) {
        if let Some(Freed { frame, with_place }) = freed {
            self.give_back(frame);
            if with_place {
                self.budget.add_places(1);
            }
        }
    }

    /// Puts a frame into the cache that the caller wants to read a slot into and that nobody else knows; whether it did. The
    /// reference becomes the cache's, and the read gets another. The slot is in use, not cached and, if the caller has no reference to
    /// it, may have become free.
    pub(super) fn cache_for_read(&self, slot: SlotNo, frame: FrameNo) -> bool {
        self.slots.locked(|_| {
            let record = self.slots.record(slot);
            let fits = record.count() != 0 && record.frame().is_none();
            if fits {
                record.add_reference();
                self.frames.record(frame).add_reference();
                self.attach(slot, frame, Cached::Reading);
            }
            fits
        })
    }

    pub(super) fn attach(&self, slot: SlotNo, frame: FrameNo, cached: Cached) {
        let record = self.frames.record(frame);
        record.set_slot(Some(slot));
        record.set_cached(cached);
        let index = self.frames.index(frame);
        self.slots.record(slot).set_frame(Some(index));
    }

    /// The frame that has what a slot has. The caller has a reference to the slot.
    pub(crate) fn look_up(&self, slot: SlotNo) -> Lookup {
        self.slots.locked(|_| {
            let Some(index) = self.slots.record(slot).frame() else {
                return Lookup::Missing;
            };
            let frame = self.frames.frame(index);
            let record = self.frames.record(frame);
            match record.cached() {
                Cached::Failed | Cached::Gone => Lookup::Failed,
                Cached::Reading => {
                    record.add_reference();
                    record.change_waiters(1);
                    Lookup::Coming(frame)
                }
                Cached::Clean | Cached::Dirty | Cached::Writing => {
                    record.add_reference();
                    Lookup::Here(frame)
                }
            }
        })
    }

    /// If a frame has what a slot has, and nothing is being done about it, calls `map` with the frame, which replaces the caller's
    /// reference to the slot by one to the frame. Whether it did. Nothing else is locked or freed inside.
    pub(crate) fn use_cached(&self, slot: SlotNo, map: impl FnOnce(FrameNo)) -> bool {
        let slot_record = self.slots.record(slot);
        if slot_record.frame().is_none() {
            return false;
        }
        self.slots.locked(|free| {
            let Some(index) = slot_record.frame() else {
                return false;
            };
            let frame = self.frames.frame(index);
            let record = self.frames.record(frame);
            if record.cached() != Cached::Clean {
                return false;
            }
            record.add_reference();
            map(frame);
            // The cache has another.
            slot_record.drop_one_of_many();
            self.leave_cache_if_short(free, frame);
            true
        })
    }

    /// Takes a frame out of the cache for the caller, whose entry is the only one that maps it, and whom therefore nobody minds to
    /// write it; whether it did.
    pub(crate) fn take_out_of_cache(&self, frame: FrameNo) -> bool {
        self.slots.locked(|free| {
            let record = self.frames.record(frame);
            // The cache's reference and the entry's; those who wait for the page do not look at it.
            let sole = record.count() == 2 + record.waiters();
            sole && self.leave_cache(free, frame)
        })
    }

    /// Takes a frame that is in use out of the cache, if others need its slot more and nobody else refers to it.
    pub(crate) fn give_up_slot_if_short(&self, frame: FrameNo) {
        self.slots
            .locked(|free| self.leave_cache_if_short(free, frame));
    }

    fn leave_cache_if_short(&self, free: &mut Free, frame: FrameNo) {
        if free.count() < self.slots.len() / 8 {
            self.leave_cache(free, frame);
        }
    }

    /// If no entry refers to the slot, and no transfer is under way.
    pub(super) fn leave_cache(&self, free: &mut Free, frame: FrameNo) -> bool {
        let record = self.frames.record(frame);
        let Some(slot) = record.slot() else {
            return false;
        };
        let at_rest = matches!(record.cached(), Cached::Clean | Cached::Dirty);
        let leaves = at_rest && self.slots.record(slot).count() == 1 && record.count() > 1;
        if leaves {
            self.detach(free, slot, frame);
            // The caller knows of another one.
            record.drop_reference();
        }
        leaves
    }
}
