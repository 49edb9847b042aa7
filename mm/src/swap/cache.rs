//! The swap cache: which frame has the same contents as which slot.
//!
//! Everything here happens under the lock of [`super::slots`], but for what it frees: a frame is given back after the
//! lock has been released. See the invariants of [`super`].

use abi::MemCounter;

use super::PageWait;
use super::slots::Free;
use crate::addr::{FrameNo, PageNo, SlotNo};
use crate::frame::{Cached, Kind};
use crate::machine::Machine;
use crate::memory::Memory;
use crate::mistake::{self, Mistake};
use crate::space::Wait;

/// What a slot has of the page it was just given to.
const fn state_of_a_new_slot() -> Cached {
    if mistake::makes(Mistake::FreesBeforeWritten) {
        Cached::Clean
    } else {
        Cached::Dirty
    }
}

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

/// What has become of a page that was seized for its eviction.
pub(crate) enum Released {
    /// It is in use again.
    Used,
    /// Its frame is free.
    Free,
    /// It is to be written, for which it has got a reference.
    Write,
}

/// A frame that has left the cache without a reference, to be given back after the lock.
struct Freed {
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
    fn settle(&self, free: &mut Free, slot: SlotNo) -> Option<Freed> {
        let record = self.slots.record(slot);
        let frame = self.frames.frame(record.frame()?);
        let wanted = record.count() > 1 && self.frames.record(frame).cached() != Cached::Failed;
        if wanted {
            return None;
        }
        self.detach_sole(free, slot, frame)
    }

    /// Takes a frame out of the cache if the cache's is its only reference, which it loses.
    fn detach_sole(&self, free: &mut Free, slot: SlotNo, frame: FrameNo) -> Option<Freed> {
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

    fn drop_slot_reference(&self, free: &mut Free, slot: SlotNo) -> u32 {
        let left = self.slots.drop_reference(free, slot);
        self.budget.note_slots_left(free.count());
        left
    }

    fn give_back_cached(&self, freed: Option<Freed>) {
        if let Some(Freed { frame, with_place }) = freed {
            self.give_back(frame);
            if with_place {
                self.budget.add_places(1);
            }
        }
    }

    /// Seizes a page that is to be evicted, if it is this one still, is at rest, and is referred to by so many entries and nothing
    /// else. The answer is its slot: the one with which it is in the cache, or a new one; none if all are taken. The caller gets a reference to
    /// the frame and one to the slot, so that the frame stays in the cache.
    ///
    /// Until [`Memory::release`] it counts as one who waits for the page. So whoever finds too many references to a frame of his own can
    /// tell that it is only on its way out: see [`Memory::wait_for_eviction`].
    pub(crate) fn seize(
        &self,
        frame: FrameNo,
        owner: (u32, PageNo),
        entries: u32,
    ) -> Option<SlotNo> {
        let record = self.frames.record(frame);
        let seized = self.slots.locked(|free| {
            let cached = record.slot();
            let is_same = |references| {
                record.is_page_at_rest()
                    && record.owner() == owner
                    && record.count() == entries + u32::from(cached.is_some()) + references
            };
            let room = cached.is_some() || free.count() != 0;
            if !room || !is_same(0) || !record.try_add_reference() {
                return None;
            }
            if !is_same(1) {
                return Some(None);
            }
            let slot = cached.or_else(|| {
                let slot = self.slots.take(free)?;
                self.budget.note_slots_left(free.count());
                record.add_reference();
                self.attach(slot, frame, state_of_a_new_slot());
                Some(slot)
            })?;
            self.slots.record(slot).add_reference();
            record.change_waiters(1);
            Some(Some(slot))
        })?;
        if seized.is_none() {
            // It became something else in between.
            self.drop_reference(frame);
        }
        seized
    }

    /// Lets go of a page that was seized. What has become of it.
    pub(crate) fn release(&self, frame: FrameNo, slot: SlotNo) -> Released {
        let record = self.frames.record(frame);
        let (released, freed) = self.slots.locked(|free| {
            record.change_waiters(-1);
            // Neither is the last: the cache has one to each.
            record.drop_reference();
            self.drop_slot_reference(free, slot);
            if let Some(freed) = self.settle(free, slot) {
                return (Released::Free, Some(freed));
            }
            match record.cached() {
                // One that somebody has mapped again is not worth the write.
                Cached::Dirty if record.is_sole() => {
                    record.set_cached(Cached::Writing);
                    record.add_reference();
                    (Released::Write, None)
                }
                Cached::Clean => match self.detach_sole(free, slot, frame) {
                    Some(freed) => (Released::Free, Some(freed)),
                    None => (Released::Used, None),
                },
                _ => (Released::Used, None),
            }
        });
        let reclaimed = freed.is_some();
        self.give_back_cached(freed);
        self.count(MemCounter::Reclaimed, i64::from(reclaimed));
        released
    }

    /// What the owner of a page can wait for who has found further references to its frame, and no memory for a copy, if they are
    /// those of its eviction. While the page is only seized, that is to reclaim frames, in turn with whoever has seized it.
    pub(crate) fn wait_for_eviction(&self, frame: FrameNo) -> Option<Wait<'_, M>> {
        let record = self.frames.record(frame);
        self.slots.locked(|_| {
            let slot = self.slots.record(record.slot()?);
            match record.cached() {
                Cached::Writing => {
                    record.add_reference();
                    record.change_waiters(1);
                    Some(Wait::Page(PageWait::new(self, frame)))
                }
                // The cache's reference to the slot, and that of whoever has seized it.
                _ => (record.waiters() != 0 && slot.count() > 1).then_some(Wait::Frames),
            }
        })
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

    fn attach(&self, slot: SlotNo, frame: FrameNo, cached: Cached) {
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
    fn leave_cache(&self, free: &mut Free, frame: FrameNo) -> bool {
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

    /// Frees a frame that nothing but the cache refers to and that the device has too; whether it did.
    pub(crate) fn drop_clean(&self, frame: FrameNo) -> bool {
        let freed = self.slots.locked(|free| {
            let record = self.frames.record(frame);
            let slot = record.slot()?;
            if record.cached() != Cached::Clean {
                return None;
            }
            self.detach_sole(free, slot, frame)
        });
        let reclaimed = freed.is_some();
        self.give_back_cached(freed);
        self.count(MemCounter::Reclaimed, i64::from(reclaimed));
        reclaimed
    }

    /// Says how a transfer went that the caller began.
    pub(super) fn end_transfer(&self, frame: FrameNo, from: Cached, to: Cached) {
        let record = self.frames.record(frame);
        self.slots.locked(|_| {
            debug_assert!(
                record.slot().is_some() && record.cached() == from,
                "a frame in transfer stays in the cache"
            );
            record.set_cached(to);
        });
    }

    /// The frame of a slot that the caller transfers: it stays in the cache until that has ended.
    pub(super) fn frame_in_transfer(&self, slot: SlotNo) -> FrameNo {
        let index = self.slots.record(slot).frame();
        self.frames
            .frame(index.expect("a slot in transfer is cached"))
    }

    /// The frames of `count` slots that the caller transfers.
    pub(super) fn frames_in_transfer(
        &self,
        first: SlotNo,
        count: usize,
    ) -> impl Iterator<Item = FrameNo> {
        (first.0..first.0 + count as u64).map(|slot| self.frame_in_transfer(SlotNo(slot)))
    }

    /// Whether a page that somebody waits for is still being read or written.
    pub(super) fn is_in_transfer(&self, frame: FrameNo) -> bool {
        let record = self.frames.record(frame);
        let cached = record.slot().is_some() || record.kind() == Kind::File;
        cached && matches!(record.cached(), Cached::Reading | Cached::Writing)
    }

    /// Before somebody writes a shared page: if it is in the cache, its slot has something else from now on. If it is being
    /// written out, that must end first.
    pub(crate) fn dirty_in_cache(&self, frame: FrameNo) -> Option<PageWait<'_, M>> {
        let record = self.frames.record(frame);
        record.slot()?;
        self.slots.locked(|_| {
            record.slot()?;
            match record.cached() {
                Cached::Clean => record.set_cached(Cached::Dirty),
                Cached::Writing => {
                    record.add_reference();
                    record.change_waiters(1);
                    return Some(PageWait::new(self, frame));
                }
                Cached::Dirty | Cached::Reading | Cached::Failed | Cached::Gone => {}
            }
            None
        })
    }

    /// Lets go of a page that was waited for.
    pub(super) fn stop_waiting(&self, frame: FrameNo) {
        let record = self.frames.record(frame);
        match record.kind() {
            Kind::File => self.stop_waiting_for_file(frame),
            _ => self.slots.locked(|_| record.change_waiters(-1)),
        }
        self.drop_reference(frame);
    }

    /// The one who reads a page waits for it too.
    pub(super) fn wait_too(&self, frame: FrameNo) {
        let record = self.frames.record(frame);
        record.add_reference();
        self.slots.locked(|_| record.change_waiters(1));
    }
}

#[cfg(test)]
mod tests {
    use super::Released;
    use crate::addr::{FrameNo, PageNo};
    use crate::commit::Claim;
    use crate::frame::{Cached, Kind};
    use crate::memory::Memory;
    use crate::swap::{SwapIn, SwapOuts};
    use crate::testing::{FakeMachine, audit, free_frames, memory_with_swap};

    const OWNER: (u32, PageNo) = (1, PageNo(2));

    /// A page with one reference.
    fn page(memory: &'static Memory<FakeMachine>) -> FrameNo {
        let mut tickets = memory.take_tickets(1, Claim::Program).unwrap();
        let frame = memory.allocate(Kind::Anonymous, &mut tickets);
        memory
            .frames
            .record(frame.frame())
            .set_owner(OWNER.0, OWNER.1);
        frame.into_reference()
    }

    #[test]
    fn only_the_page_that_was_meant_is_seized_and_if_it_can_be() {
        let memory = memory_with_swap(100, 1);
        let frame = page(memory);
        let other = page(memory);
        for (owner, entries) in [
            ((3, OWNER.1), 1),
            ((1, PageNo(3)), 1),
            (OWNER, 0),
            (OWNER, 2),
        ] {
            assert_eq!(memory.seize(frame, owner, entries), None);
        }
        let free = FrameNo(other.0 + 1);
        assert_eq!(
            memory.seize(free, memory.frames.record(free).owner(), 0),
            None
        );
        let slot = memory.seize(frame, OWNER, 1).unwrap();
        assert_eq!(memory.seize(other, OWNER, 1), None, "no slot is left");
        assert_eq!(
            memory.seize(frame, OWNER, 1),
            None,
            "somebody else has seized it"
        );
        assert!(matches!(memory.release(frame, slot), Released::Used));
        assert_eq!(
            memory.seize(frame, OWNER, 1),
            Some(slot),
            "it keeps its slot"
        );
        // Of the entry too, as if there was one.
        memory.drop_reference(frame);
        assert!(matches!(memory.release(frame, slot), Released::Free));
        memory.drop_reference(other);
        assert_eq!(free_frames(memory), 100);
        audit(memory, []);
    }

    #[test]
    fn a_page_that_is_being_written_is_not_seized() {
        let memory = memory_with_swap(100, 10);
        let frame = page(memory);
        let slot = memory.seize(frame, OWNER, 1).unwrap();
        // An entry has become one of the slot.
        memory.slots.record(slot).add_reference();
        memory.drop_reference(frame);
        assert!(matches!(memory.release(frame, slot), Released::Write));
        assert_eq!(memory.seize(frame, OWNER, 1), None);
        assert_eq!(memory.frames.record(frame).cached(), Cached::Writing);
        let mut writes = SwapOuts::new(memory);
        assert!(writes.is_empty());
        writes.push(slot);
        assert!(!writes.is_empty());
        for write in writes {
            assert_eq!(write.finish(Ok(())), 1);
        }
        // Of those who want to read it, one does.
        let read = SwapIn::begin(memory, slot, 1).unwrap().unwrap();
        assert!(SwapIn::begin(memory, slot, 1).unwrap().is_none());
        drop(read);
        memory.drop_slot(slot);
        assert_eq!(free_frames(memory), 100);
        audit(memory, []);
    }

    #[test]
    fn a_page_that_is_just_being_freed_does_not_leave_the_cache() {
        let memory = memory_with_swap(100, 10);
        let frame = page(memory);
        let slot = memory.seize(frame, OWNER, 1).unwrap();
        assert!(matches!(memory.release(frame, slot), Released::Used));
        // Another hart drops the reference of the last entry, and has not come to the cache's yet.
        assert_eq!(memory.frames.record(frame).drop_reference(), 1);
        let left = memory.slots.locked(|free| memory.leave_cache(free, frame));
        assert!(!left);
        memory.settle_frame(frame);
        assert_eq!(free_frames(memory), 100);
        audit(memory, []);
    }
}
