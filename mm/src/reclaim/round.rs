//! One round of eviction: pages that are looked at, unmapped and flushed together.
//!
//! They are put in the order of their families and addresses first. So pages that lie together in
//! memory get slots that lie together, however their frames lie, and come back with one read; and
//! those of one leaf table are looked at and unmapped with one walk in each member of their family.

use arrayvec::ArrayVec;

use super::{ROUND, Spare};
use crate::addr::{FrameNo, SlotNo};
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::{ENTRIES, Format, UserPage};
use crate::rmap::Leaf;
use crate::swap::{PutBack, SwapOuts};

/// Most pages that are looked at under the locks of the reverse map at a time.
const RUN: usize = 32;

/// A page that is being considered, and then evicted.
pub(super) struct Candidate {
    frame: FrameNo,
    family: u32,
    page: UserPage,
    /// The slot that it gets.
    slot: SlotNo,
    /// Entries that map it; then those that did, whose references are to be dropped.
    entries: u32,
    used: bool,
}

/// The pages of a round. Those that have been isolated have a reference to their frame and one to
/// their slot.
pub(super) type Candidates = ArrayVec<Candidate, ROUND>;

/// Puts pages in the order of their families and addresses, in place (Shell, "A High-Speed Sorting
/// Procedure", 1959; the gaps are Ciura's): the standard library's sort takes some kilobytes of
/// stack.
fn sort(pages: &mut [Candidate]) {
    let key = |page: &Candidate| (page.family, page.page.0);
    for gap in [23, 10, 4, 1] {
        for end in gap..pages.len() {
            let mut at = end;
            while at >= gap && key(&pages[at]) < key(&pages[at - gap]) {
                pages.swap(at, at - gap);
                at -= gap;
            }
        }
    }
}

impl<M: Machine> Memory<M> {
    /// Returns the page in a frame, if it is one and at rest. It may be another one, or none, at
    /// any moment.
    pub(super) fn candidate(&self, frame: FrameNo) -> Option<Candidate> {
        let record = self.frames.record(frame);
        let (family, page) = record.owner();
        // Of a file, the owner may be any number.
        let page = UserPage::new::<M::Format>(page)?;
        record.is_page_at_rest().then_some(Candidate {
            frame,
            family,
            page,
            slot: SlotNo(0),
            entries: 0,
            used: false,
        })
    }

    /// Keeps the pages, from the one of this index on, that were not used and all references to
    /// which are found. It is noted of none any more that it was used.
    pub(super) fn keep_unused(&self, round: &mut Candidates, from: usize, spare: Spare) {
        let looked_at = &mut round[from..];
        sort(looked_at);
        self.for_each_entry(looked_at, |leaf, page, word| {
            page.entries += 1;
            if word & M::Format::ACCESSED != 0 {
                page.used = true;
                // If the entry changes meanwhile, it is in use.
                let _ = leaf.replace::<M::Format>(page.page, word, word & !M::Format::ACCESSED);
            }
        });
        let slots = self.slots.free() != 0;
        let mut index = 0;
        round.retain(|page| {
            index += 1;
            index <= from || self.can_go(page, spare, slots)
        });
    }

    /// Returns whether a page that was looked at can go. It must have a slot, unless there are
    /// `slots`.
    fn can_go(&self, page: &Candidate, spare: Spare, slots: bool) -> bool {
        let record = self.frames.record(page.frame);
        let cached = record.slot().is_some();
        if page.used && cached {
            self.give_up_slot_if_short(page.frame);
        }
        let all_found = record.count() == page.entries + u32::from(cached);
        let spared = page.used && spare == Spare::Used;
        !spared && all_found && (cached || slots)
    }

    /// Isolates the pages and replaces their entries by slots. Pages that are not what they were,
    /// or for which no slot is left, are let go.
    pub(super) fn unmap_round(&self, round: &mut Candidates) {
        // Those that were found when the hand had come further are not in order yet.
        sort(round);
        round.retain(|page| {
            let slot = self.isolate(page.frame, (page.family, *page.page), page.entries);
            page.slot = slot.unwrap_or(page.slot);
            page.entries = 0;
            slot.is_some()
        });
        self.for_each_entry(round, |leaf, page, word| {
            if word & M::Format::SHARED != 0 {
                // The object that the page belongs to has an entry too, which gets the slot.
                let new = M::Format::EVICTED;
                page.entries += u32::from(leaf.tighten::<M::Format>(page.page, word, new));
                return;
            }
            // The entry's reference to the slot is there before the entry.
            let slot = self.slots.record(page.slot);
            slot.add_reference();
            let new = M::Format::swapped(word, page.slot);
            if leaf.tighten::<M::Format>(page.page, word, new) {
                page.entries += 1;
            } else {
                slot.drop_one_of_many();
            }
        });
    }

    /// Visits every entry that maps one of the pages, which are in order. Inside, there are locks.
    fn for_each_entry(
        &self,
        pages: &mut [Candidate],
        mut visit: impl FnMut(&Leaf<'_, '_>, &mut Candidate, u64),
    ) {
        let table = |page: &Candidate| (page.family, page.page.0 / ENTRIES as u64);
        for of_one_table in pages.chunk_by_mut(|one, next| table(one) == table(next)) {
            for run in of_one_table.chunks_mut(RUN) {
                self.for_each_leaf(run[0].family, run[0].page, |leaf| {
                    for page in &mut *run {
                        if let Some(word) = leaf.mapping::<M::Format>(page.page, page.frame) {
                            visit(leaf, page, word);
                        }
                    }
                });
            }
        }
    }

    /// Makes every hart forget the pages, which are in order.
    pub(super) fn flush_round(&self, round: &Candidates) {
        let families = round.chunk_by(|one, next| one.family == next.family);
        self.flush_families(families.map(|pages| pages[0].family));
    }

    /// Lets go of the pages, which no translation reaches any more. How many frames are free, and
    /// what is to be written.
    pub(super) fn finish_round(&self, round: &Candidates) -> (u64, SwapOuts<'_, M>) {
        let mut freed = 0;
        let mut writes = SwapOuts::new(self);
        for page in round {
            for _ in 0..page.entries {
                self.drop_reference(page.frame);
            }
            match self.put_back(page.frame, page.slot) {
                PutBack::Used => {}
                PutBack::Free => freed += 1,
                PutBack::Write => writes.push(page.slot),
            }
        }
        writes.sort();
        (freed, writes)
    }
}
