//! The swap cache: which frame has the same contents as which slot.
//!
//! The count of a cached frame is the sum of
//!
//! - the table entries that map it,
//! - one for the cache itself,
//! - one for each thread that waits for the page ([`super::PageWait`]); an evictor that has
//!   isolated the page ([`super::eviction`]) is one of these,
//! - one while a transfer reads or writes it.
//!
//! Every decision compares this sum with what it knows of its parts, under the lock, at one moment:
//!
//! - the frame is freed if the cache is left alone: the count is 1 ([`Memory::free_if_unwanted`],
//!   [`Memory::drop_clean`]);
//! - its owner may write it if the cache and one entry are left: without waiters, the count is 2
//!   ([`Memory::take_out_of_cache`]);
//! - it is isolated if there is neither a waiter nor a transfer: the count is 1 more than the
//!   entries, or equal to them if the frame is not cached yet ([`Memory::isolate`]).
//!
//! A waiter and its reference come together ([`crate::frame::FrameRecord::add_waiter`]). A waiter
//! keeps the frame, but does not look at the contents, so it does not make a page shared.
//!
//! Everything here happens under the lock of [`super::slots`], except that frames are given back
//! after the lock has been released. The invariants are those of [`super`].

use super::slots::Free;
use crate::addr::{FrameNo, SlotNo};
use crate::frame::Cached;
use crate::machine::Machine;
use crate::memory::Memory;

/// The answer of a look-up.
pub(crate) enum Lookup {
    /// The frame with the contents of the slot. The caller has got a reference to it.
    Here(FrameNo),
    /// The frame into which the slot is being read. The caller has got a reference and waits
    /// ([`super::PageWait`]).
    Coming(FrameNo),
    /// The device failed to read the slot.
    Failed,
    /// The slot is not in the cache.
    Missing,
}

/// A frame that has left the cache with its last reference. It is given back after the lock has
/// been released.
pub(super) struct Freed {
    frame: FrameNo,
    page: Detached,
}

/// What remains of a page whose frame has left the cache, apart from the frame.
#[derive(PartialEq, Eq)]
enum Detached {
    /// Entries refer to the slot. The page keeps its place there.
    InSlot,
    /// Nothing: the slot is free. The place is free too, if the frame is.
    Nothing,
}

impl<M: Machine> Memory<M> {
    /// Drops a reference to a slot.
    pub(crate) fn drop_slot(&self, slot: SlotNo) {
        let (left, freed) = self.slots.locked(|free| {
            let left = self.drop_slot_reference(free, slot);
            (left, self.free_if_unwanted(free, slot))
        });
        if left == 0 {
            self.budget.add_places(1);
        }
        self.give_back_cached(freed);
    }

    /// Frees a cached frame if its last reference is the cache's and nothing refers to its slot.
    /// Called when only one reference is left.
    #[cold]
    pub(crate) fn free_if_only_cached(&self, frame: FrameNo) {
        let freed = self.slots.locked(|free| {
            let slot = self.frames.record(frame).slot()?;
            self.free_if_unwanted(free, slot)
        });
        self.give_back_cached(freed);
    }

    /// Removes the frame of a slot from the cache if nothing needs it there: no other reference to
    /// the frame is left, and either no other reference to the slot or the read has failed. The
    /// caller gives the frame back.
    pub(super) fn free_if_unwanted(&self, free: &mut Free, slot: SlotNo) -> Option<Freed> {
        let record = self.slots.record(slot);
        let frame = self.frames.frame(record.frame()?);
        let wanted = record.count() > 1 && self.frames.record(frame).cached() != Cached::Failed;
        if wanted {
            return None;
        }
        self.detach_sole(free, slot, frame)
    }

    /// Removes a frame from the cache if the cache's reference is its only one, and drops that. The
    /// caller gives the frame back.
    pub(super) fn detach_sole(
        &self,
        free: &mut Free,
        slot: SlotNo,
        frame: FrameNo,
    ) -> Option<Freed> {
        self.frames.record(frame).drop_sole_reference().then(|| {
            let page = self.detach(free, slot, frame);
            Freed { frame, page }
        })
    }

    /// Separates a frame from its slot. Drops the cache's reference to the slot; the cache's
    /// reference to the frame becomes the caller's.
    fn detach(&self, free: &mut Free, slot: SlotNo, frame: FrameNo) -> Detached {
        self.frames.record(frame).private().set_slot(None);
        self.slots.record(slot).set_frame(None);
        match self.drop_slot_reference(free, slot) {
            0 => Detached::Nothing,
            _ => Detached::InSlot,
        }
    }

    pub(super) fn drop_slot_reference(&self, free: &mut Free, slot: SlotNo) -> u32 {
        let left = self.slots.drop_reference(free, slot);
        self.budget.note_slots_left(free.count());
        left
    }

    pub(super) fn give_back_cached(&self, freed: Option<Freed>) {
        if let Some(Freed { frame, page }) = freed {
            self.give_back(frame);
            if page == Detached::Nothing {
                self.budget.add_places(1);
            }
        }
    }

    /// Adds a new frame to the cache, into which the caller will read the slot. Returns whether it
    /// did: another thread may have cached the slot, or freed it if the caller holds no reference
    /// to it. The caller's reference to the frame becomes the cache's, and the read gets a further
    /// one.
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
        record.private().set_slot(Some(slot));
        record.set_cached(cached);
        let index = self.frames.index(frame);
        self.slots.record(slot).set_frame(Some(index));
    }

    /// Returns what the cache has for a slot, to which the caller holds a reference.
    pub(crate) fn look_up(&self, slot: SlotNo) -> Lookup {
        self.slots.locked(|_| {
            let Some(index) = self.slots.record(slot).frame() else {
                return Lookup::Missing;
            };
            let frame = self.frames.frame(index);
            let record = self.frames.record(frame);
            match record.cached() {
                Cached::Failed | Cached::Gone | Cached::Leaving => Lookup::Failed,
                Cached::Reading => {
                    record.add_waiter();
                    Lookup::Coming(frame)
                }
                Cached::Clean | Cached::Dirty | Cached::Writing => {
                    record.add_reference();
                    Lookup::Here(frame)
                }
            }
        })
    }

    /// Maps the frame of a slot by `map` if it is in the cache and no transfer is under way. The
    /// caller's reference to the slot is replaced by one to the frame. Returns whether it did.
    /// `map` runs under the lock and neither locks nor frees anything.
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
            // The cache's reference to the slot is left.
            slot_record.drop_one_of_many();
            self.leave_cache_if_short(free, frame);
            true
        })
    }

    /// Removes the frame from the swap cache if the caller's entry is its only mapping, so that it
    /// may be written in place. Returns whether it did.
    pub(crate) fn take_out_of_cache(&self, frame: FrameNo) -> bool {
        self.slots.locked(|free| {
            let record = self.frames.record(frame);
            // The cache's reference and the entry's. Waiters do not look at the contents.
            let sole = record.count_without_waiters() == 2;
            sole && self.leave_cache(free, frame)
        })
    }

    /// Removes a mapped frame from the cache if free slots are scarce and no entry refers to its
    /// slot.
    pub(crate) fn give_up_slot_if_short(&self, frame: FrameNo) {
        self.slots
            .locked(|free| self.leave_cache_if_short(free, frame));
    }

    fn leave_cache_if_short(&self, free: &mut Free, frame: FrameNo) {
        if free.count() < self.slots.len() / 8 {
            self.leave_cache(free, frame);
        }
    }

    /// Removes a frame from the cache if no entry refers to its slot and no transfer is under way.
    /// Returns whether it did.
    pub(super) fn leave_cache(&self, free: &mut Free, frame: FrameNo) -> bool {
        let record = self.frames.record(frame);
        let Some(slot) = record.slot() else {
            return false;
        };
        let at_rest = matches!(record.cached(), Cached::Clean | Cached::Dirty);
        let leaves = at_rest && self.slots.record(slot).count() == 1 && record.count() > 1;
        if leaves {
            self.detach(free, slot, frame);
            // Not the last: the count was above 1.
            record.drop_reference();
        }
        leaves
    }
}
