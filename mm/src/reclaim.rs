//! Which frames are made free when they run short, and how.
//!
//! *Second chance* (the clock; Corbató, 1968): a hand goes round over all frames. A page that was used since it last came by is
//! spared and its accessed bits are cleared; one that was not is evicted, shared and write-protected ones like any other:
//!
//! 1. it gets a slot and goes into the swap cache, clean if it came from there and was not written, dirty otherwise;
//! 2. every entry that maps it becomes a reference to the slot (break);
//! 3. the harts of the whole family forget, once for all the pages of a round (flush);
//! 4. what is clean is free; what is dirty is the kernel's to write, and free when that is done.
//!
//! Spared are: a page that is being transferred; one that not every reference of which is found by the reverse map, for what holds
//! the others, such as somebody who waits for the page, must not lose it; and all where no slot is left.
//!
//! Accessed bits are cleared without a fence: a hart that still has the translation does not set them again for a while, and a
//! page that is used all the time may be evicted. That costs a fault, and is rare; a fence per look would cost more.
//!
//! Any number of harts may reclaim at once, and nothing here sleeps (R8). Neighbours: [`crate::rmap`] finds the entries,
//! [`crate::swap`] keeps the contents, the kernel decides when.

use sync::atomic::{AtomicU64, Ordering};

use crate::addr::{FrameNo, SlotNo};
use crate::frame::{Cached, FrameRecord, Kind};
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::Format;
use crate::swap::{CLUSTER, SwapOut};

/// The hand of the clock.
pub(crate) struct Clock {
    /// How often it has moved on.
    hand: AtomicU64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            hand: AtomicU64::new(0),
        }
    }
}

/// What a call of [`Memory::reclaim`] has come to.
#[must_use = "what is to be written is free only after that"]
pub struct Reclaimed<'m, M: Machine> {
    /// Frames that are free now.
    pub freed: u64,
    /// Pages to be written.
    pub write: Option<SwapOut<'m, M>>,
}

/// A page that no entry maps any more, but that stale translations may reach until its family is flushed.
#[derive(Clone, Copy)]
struct Unmapped {
    frame: FrameNo,
    family: u32,
    slot: SlotNo,
    /// The references that the entries had, which are to be dropped.
    references: u32,
}

impl<M: Machine> Memory<M> {
    /// Whether free frames are so few that somebody should reclaim some.
    pub fn is_short_of_frames(&self) -> bool {
        self.slots.len() != 0 && self.budget.frames() < 2 * self.budget.kept()
    }

    /// How many frames somebody who reclaims in the background should make free now.
    pub fn frames_wanted(&self) -> u64 {
        if self.slots.len() == 0 {
            return 0;
        }
        (3 * self.budget.kept()).saturating_sub(self.budget.frames())
    }

    /// Makes up to `wanted` frames free, or gets them ready to be written, at most a cluster at a time. It goes round the clock
    /// twice at most. When nothing was freed and there is nothing to write, there is nothing to be had.
    pub fn reclaim(&self, wanted: u64) -> Reclaimed<'_, M> {
        let wanted = wanted.min(CLUSTER as u64);
        let mut unmapped: [Option<Unmapped>; CLUSTER] = [None; CLUSTER];
        let mut count = 0;
        for _ in 0..2 * self.frames.len() {
            if count as u64 >= wanted {
                break;
            }
            let moves = self.clock.hand.fetch_add(1, Ordering::Relaxed);
            let frame = self.frames.frame((moves % self.frames.len()) as u32);
            if let Some(page) = self.consider(frame) {
                unmapped[count] = Some(page);
                count += 1;
            }
        }
        let unmapped = &unmapped[..count];
        self.flush_families(unmapped);
        let mut freed = 0;
        let mut write: Option<SwapOut<'_, M>> = None;
        for page in unmapped.iter().flatten() {
            freed += u64::from(self.finish_eviction(page, &mut write));
        }
        Reclaimed { freed, write }
    }

    /// Unmaps the page under the hand, if it is one and may go. The answer has a reference to the frame.
    fn consider(&self, frame: FrameNo) -> Option<Unmapped> {
        let record = self.frames.record(frame);
        if record.kind() != Kind::Anonymous || !record.try_add_reference() {
            return None;
        }
        // It may have become something else between the two.
        let page = match record.kind() {
            Kind::Anonymous => self.unmap_unused(frame, record),
            _ => None,
        };
        if page.is_none() {
            self.drop_reference(frame);
        }
        page
    }

    /// Unmaps a page, which the caller has a reference to, if it was not used and all references to it are found.
    fn unmap_unused(&self, frame: FrameNo, record: &FrameRecord) -> Option<Unmapped> {
        let cached = record.slot().is_some();
        if cached
            && matches!(
                record.cached(),
                Cached::Reading | Cached::Writing | Cached::Failed
            )
        {
            return None;
        }
        let owner = record.owner();
        let mut mappings = 0;
        let mut used = false;
        self.for_each_mapping(owner, frame, |mapping| {
            mappings += 1;
            if mapping.word & M::Format::ACCESSED != 0 {
                used = true;
                // If the entry changes meanwhile, it is in use.
                let _ = mapping.replace(mapping.word & !M::Format::ACCESSED);
            }
        });
        // The caller's and the cache's.
        let others = 1 + u32::from(cached);
        if used && cached {
            self.give_up_slot_if_short(frame);
        }
        if used || record.count() != mappings + others {
            return None;
        }
        let slot = self.slot_for(frame)?;
        let mut references = 0;
        self.for_each_mapping(owner, frame, |mapping| {
            if mapping.word & M::Format::SHARED != 0 {
                // The object that the page belongs to has an entry too, which gets the slot.
                references += u32::from(mapping.tighten(M::Format::EVICTED));
                return;
            }
            // The entry's reference to the slot is there before the entry.
            self.slots.record(slot).add_reference();
            if mapping.tighten(M::Format::swapped(mapping.word, slot)) {
                references += 1;
            } else {
                self.slots.record(slot).drop_one_of_many();
            }
        });
        Some(Unmapped {
            frame,
            family: owner.0,
            slot,
            references,
        })
    }

    fn flush_families(&self, unmapped: &[Option<Unmapped>]) {
        let mut last = None;
        for page in unmapped.iter().flatten() {
            // Neighbours in memory are mostly of one family; a family that was flushed is not flushed again.
            if last.replace(page.family) != Some(page.family) {
                self.flush_family(page.family);
            }
        }
    }

    /// Lets go of a page that no translation reaches any more: frees it, or adds it to what is to be written. Whether it is free.
    fn finish_eviction<'m>(&'m self, page: &Unmapped, write: &mut Option<SwapOut<'m, M>>) -> bool {
        for _ in 0..page.references {
            self.drop_reference(page.frame);
        }
        let continues = match write {
            None => true,
            Some(write) => write.continues_with(page.slot),
        };
        // One that somebody has mapped again is not worth the write, one that does not continue the cluster comes next time.
        let untouched = self.frames.record(page.frame).count() == 2;
        if continues && untouched && self.begin_write(page.frame) {
            match write {
                None => *write = Some(SwapOut::new(self, page.slot)),
                Some(write) => write.extend(),
            }
        }
        self.drop_slot(page.slot);
        self.drop_reference(page.frame);
        self.drop_clean(page.frame)
    }
}
