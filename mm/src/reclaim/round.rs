//! One round of eviction: pages that are examined, unmapped and flushed together.
//!
//! The pages are sorted by family and address. Pages that are adjacent in an address space then get
//! adjacent slots, even if their frames are scattered, and one read brings them back. Pages of one
//! leaf table are examined and unmapped with one walk in each member of their family.

use arrayvec::ArrayVec;

use super::{ROUND, Spare};
use crate::addr::{FrameNo, SlotNo};
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::{ENTRIES, Pte, UserPage};
use crate::rmap::{FamilyNo, FamilyPage, Leaf};
use crate::swap::{PutBack, SwapOuts};

/// The most pages that are examined under one hold of the locks of the reverse map.
const RUN: usize = 32;

/// A page that is considered for eviction, and then evicted.
pub(super) struct Candidate {
    frame: FrameNo,
    family: FamilyNo,
    page: UserPage,
    /// The slot it is assigned; meaningless before it is isolated.
    slot: SlotNo,
    /// While the page is examined: how many entries map it. Once it is unmapped: how many entries
    /// did, which is how many references are to be dropped.
    entries: u32,
    used: bool,
}

impl Candidate {
    fn of_family(&self) -> FamilyPage {
        FamilyPage {
            family: self.family,
            page: *self.page,
        }
    }
}

/// The pages of a round. For each isolated page, the round holds a reference to its frame and one
/// to its slot.
pub(super) type Candidates = ArrayVec<Candidate, ROUND>;

/// Sorts pages by family and address, in place, by Shell's method ("A High-Speed Sorting
/// Procedure", 1959; the gaps are Ciura's). The standard library's sort would need some kilobytes
/// of stack.
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
    /// Returns the page in `frame` if it is a user page that nothing is being done with. Without a
    /// lock the answer may be out of date at once; [`Memory::isolate`] checks again.
    pub(super) fn candidate(&self, frame: FrameNo) -> Option<Candidate> {
        let record = self.frames.record(frame);
        let FamilyPage { family, page } = record.private().page();
        // For a page of a file the owner may be any number, so the page number is checked.
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

    /// Keeps those pages from index `from` on that can be evicted: they were not used, and the
    /// reverse map found every reference to them. Clears the accessed bits of all pages that it
    /// examined.
    pub(super) fn keep_unused(&self, round: &mut Candidates, from: usize, spare: Spare) {
        let looked_at = &mut round[from..];
        sort(looked_at);
        self.for_each_entry(looked_at, |leaf, page, pte| {
            page.entries += 1;
            if pte.is_accessed() {
                page.used = true;
                // If the entry changes meanwhile, the page is in use.
                let _ = leaf.replace(page.page, pte, pte.not_accessed());
            }
        });
        let free_slots = self.slots.free();
        let mut index = 0;
        round.retain(|page| {
            index += 1;
            index <= from || self.can_go(page, spare, free_slots)
        });
    }

    /// Returns whether a page that was examined can be evicted. It needs a slot: its own, or a new
    /// one.
    fn can_go(&self, page: &Candidate, spare: Spare, free_slots: u64) -> bool {
        let record = self.frames.record(page.frame);
        let cached = record.slot().is_some();
        if page.used && cached {
            self.give_up_slot_if_short(page.frame);
        }
        let all_found = record.count() == page.entries + u32::from(cached);
        let spared = page.used && spare == Spare::Used;
        !spared && all_found && (cached || free_slots != 0)
    }

    /// Isolates the pages and replaces their entries by slots. Removes pages from the round that
    /// have changed since they were examined, or for which no slot is left.
    pub(super) fn unmap_round(&self, round: &mut Candidates) {
        // Pages that a later step of the hand found are not in order yet.
        sort(round);
        round.retain(|page| {
            let slot = self.isolate(page.frame, page.of_family(), page.entries);
            page.slot = slot.unwrap_or(page.slot);
            page.entries = 0;
            slot.is_some()
        });
        self.for_each_entry(round, |leaf, page, pte| {
            if pte.is_shared() {
                // The shared object also has an entry for this page; that entry gets the slot.
                let new = Pte::EVICTED;
                page.entries += u32::from(leaf.tighten(page.page, pte, new));
                return;
            }
            // The reference to the slot must exist before the entry that holds it.
            let slot = self.slots.record(page.slot);
            slot.add_reference();
            let new = pte.swapped(page.slot);
            if leaf.tighten(page.page, pte, new) {
                page.entries += 1;
            } else {
                slot.drop_one_of_many();
            }
        });
    }

    /// Calls `visit` with every entry that maps one of the pages, which are sorted. `visit` runs
    /// under the locks of the reverse map.
    fn for_each_entry(
        &self,
        pages: &mut [Candidate],
        mut visit: impl FnMut(&Leaf<'_, '_, M::Format>, &mut Candidate, Pte<M::Format>),
    ) {
        let table = |page: &Candidate| (page.family, page.page.0 / ENTRIES as u64);
        for of_one_table in pages.chunk_by_mut(|one, next| table(one) == table(next)) {
            for run in of_one_table.chunks_mut(RUN) {
                self.for_each_leaf(run[0].family, run[0].page, |leaf| {
                    for page in &mut *run {
                        if let Some(pte) = leaf.mapping(page.page, page.frame) {
                            visit(leaf, page, pte);
                        }
                    }
                });
            }
        }
    }

    /// Flushes the translations of the pages, which are sorted, on every hart.
    pub(super) fn flush_round(&self, round: &Candidates) {
        let families = round.chunk_by(|one, next| one.family == next.family);
        self.flush_families(families.map(|pages| pages[0].family));
    }

    /// Releases the pages, which no translation reaches any more. Returns how many frames that
    /// freed, and the pages that must be written to swap.
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
