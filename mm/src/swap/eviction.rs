//! Eviction, the part of the swap cache: a page is isolated, [`crate::reclaim`] replaces its
//! entries by its slot, and the page is put back or its frame is freed.
//!
//! An evictor isolates a page by taking a reference to its frame and one to its slot, and by
//! counting as a waiter. The frame can then be neither freed nor leave the cache, and its owner can
//! tell the evictor's reference from a sharer's (see [`super::cache`] for the sum).
//!
//! Everything here happens under the lock of [`super::slots`], as in [`super::cache`].

use abi::MemCounter;

use super::PageWait;
use crate::addr::{FrameNo, SlotNo};
use crate::frame::Cached;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::rmap::FamilyPage;
use crate::space::Wait;

/// The result of an isolation that has ended.
pub(crate) enum PutBack {
    /// A program uses the page again, so it stays in its frame.
    Used,
    /// The page's frame is free.
    Free,
    /// The page must be written to its slot. The write has got a reference.
    Write,
}

impl<M: Machine> Memory<M> {
    /// Isolates a page for eviction, if it is still `page`, no transfer is under way, and
    /// exactly `entries` table entries refer to it and nothing else does. Returns its slot: the one
    /// that it has in the cache, or a new one. Returns `None` if the page does not qualify or no
    /// slot is free.
    ///
    /// Until [`Memory::put_back`] the evictor counts as a waiter. An owner that finds too many
    /// references to its frame can so tell that the page is only being evicted: see
    /// [`Memory::wait_for_eviction`].
    pub(crate) fn isolate(&self, frame: FrameNo, page: FamilyPage, entries: u32) -> Option<SlotNo> {
        let record = self.frames.record(frame);
        let isolated = self.slots.locked(|free| {
            let cached = record.slot();
            let is_same = |references| {
                record.is_page_at_rest()
                    && record.private().page() == page
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
                self.attach(slot, frame, Cached::Dirty);
                Some(slot)
            })?;
            self.slots.record(slot).add_reference();
            record.become_waiter();
            Some(Some(slot))
        })?;
        if isolated.is_none() {
            // The frame became another page in between.
            self.drop_reference(frame);
        }
        isolated
    }

    /// Ends the isolation of a page. Returns what has become of it.
    pub(crate) fn put_back(&self, frame: FrameNo, slot: SlotNo) -> PutBack {
        let record = self.frames.record(frame);
        let (what, freed) = self.slots.locked(|free| {
            record.end_wait();
            // Neither is the last one, because the cache holds a reference to both.
            record.drop_reference();
            self.drop_slot_reference(free, slot);
            if let Some(freed) = self.free_if_unwanted(free, slot) {
                return (PutBack::Free, Some(freed));
            }
            match record.cached() {
                // A page that is mapped again is not worth the write.
                Cached::Dirty if record.is_sole() => {
                    record.set_cached(Cached::Writing);
                    record.add_reference();
                    (PutBack::Write, None)
                }
                Cached::Clean => match self.detach_sole(free, slot, frame) {
                    Some(freed) => (PutBack::Free, Some(freed)),
                    None => (PutBack::Used, None),
                },
                _ => (PutBack::Used, None),
            }
        });
        let reclaimed = freed.is_some();
        self.give_back_cached(freed);
        self.count(MemCounter::Reclaimed, i64::from(reclaimed));
        what
    }

    /// If the extra references to `frame` are the evictor's, returns what the faulting owner should
    /// wait for; otherwise `None`. Called when the frame looked shared and there was no memory to
    /// copy it. While the page is only isolated, the owner waits for frames, that is, it reclaims
    /// some in turn with the evictor.
    pub(crate) fn wait_for_eviction(&self, frame: FrameNo) -> Option<Wait<'_, M>> {
        let record = self.frames.record(frame);
        self.slots.locked(|_| {
            let slot = self.slots.record(record.slot()?);
            match record.cached() {
                Cached::Writing => {
                    record.add_waiter();
                    Some(Wait::Page(PageWait::new(self, frame)))
                }
                // The cache's reference to the slot, and the evictor's.
                _ => (record.waiters() != 0 && slot.count() > 1).then_some(Wait::Frames),
            }
        })
    }

    /// Frees a clean frame if the cache's reference is its only one. Returns whether it did.
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::PageNo;
    use crate::commit::Claim;
    use crate::frame::Kind;
    use crate::reclaim::Patience;
    use crate::rmap::FamilyNo;
    use crate::swap::{SwapIn, SwapOuts};
    use crate::testing::{FakeMachine, audit, free_frames, memory_with_swap};

    const PAGE: FamilyPage = page_of(1, 2);

    const fn page_of(family: u32, page: u64) -> FamilyPage {
        FamilyPage {
            family: FamilyNo(family),
            page: PageNo(page),
        }
    }

    /// Returns a page with one reference.
    fn page(memory: &'static Memory<FakeMachine>) -> FrameNo {
        let mut reservation = memory.reserve_frames(1, Claim::Program).unwrap();
        let frame = memory.allocate(Kind::Anonymous, &mut reservation);
        memory.frames.record(frame.frame()).private().set_page(PAGE);
        frame.into_reference()
    }

    #[test]
    fn only_the_page_that_was_meant_is_isolated_and_if_it_can_be() {
        let memory = memory_with_swap(100, 1);
        let frame = page(memory);
        let other = page(memory);
        for (other, entries) in [(page_of(3, 2), 1), (page_of(1, 3), 1), (PAGE, 0), (PAGE, 2)] {
            assert_eq!(memory.isolate(frame, other, entries), None);
        }
        let free = FrameNo(other.0 + 1);
        assert_eq!(
            memory.isolate(free, memory.frames.record(free).private().page(), 0),
            None
        );
        let slot = memory.isolate(frame, PAGE, 1).unwrap();
        assert_eq!(memory.isolate(other, PAGE, 1), None, "no slot is left");
        assert_eq!(
            memory.isolate(frame, PAGE, 1),
            None,
            "somebody else has isolated it"
        );
        assert!(matches!(memory.put_back(frame, slot), PutBack::Used));
        assert_eq!(
            memory.isolate(frame, PAGE, 1),
            Some(slot),
            "it keeps its slot"
        );
        // The reference of the former entry is dropped too.
        memory.drop_reference(frame);
        assert!(matches!(memory.put_back(frame, slot), PutBack::Free));
        memory.drop_reference(other);
        assert_eq!(free_frames(memory), 100);
        audit(memory, []);
    }

    #[test]
    fn a_page_that_is_being_written_is_not_isolated() {
        let memory = memory_with_swap(100, 10);
        let frame = page(memory);
        let slot = memory.isolate(frame, PAGE, 1).unwrap();
        // An entry now refers to the slot.
        memory.slots.record(slot).add_reference();
        memory.drop_reference(frame);
        assert!(matches!(memory.put_back(frame, slot), PutBack::Write));
        assert_eq!(memory.isolate(frame, PAGE, 1), None);
        assert_eq!(memory.frames.record(frame).cached(), Cached::Writing);
        let mut writes = SwapOuts::new(memory);
        assert!(writes.is_empty());
        writes.push(slot);
        assert!(!writes.is_empty());
        for write in writes {
            assert_eq!(write.finish(Ok(())), 1);
        }
        // Two threads want to read the slot, and one of them does.
        let begin = || SwapIn::begin(memory, slot, 1, Patience::default()).unwrap();
        let read = begin().unwrap();
        assert!(begin().is_none());
        drop(read);
        memory.drop_slot(slot);
        assert_eq!(free_frames(memory), 100);
        audit(memory, []);
    }

    #[test]
    fn a_page_that_is_just_being_freed_does_not_leave_the_cache() {
        let memory = memory_with_swap(100, 10);
        let frame = page(memory);
        let slot = memory.isolate(frame, PAGE, 1).unwrap();
        assert!(matches!(memory.put_back(frame, slot), PutBack::Used));
        // Another hart has dropped the reference of the last entry, but has not freed the cached
        // frame yet.
        assert_eq!(memory.frames.record(frame).drop_reference(), 1);
        let left = memory.slots.locked(|free| memory.leave_cache(free, frame));
        assert!(!left);
        memory.free_if_only_cached(frame);
        assert_eq!(free_frames(memory), 100);
        audit(memory, []);
    }
}
