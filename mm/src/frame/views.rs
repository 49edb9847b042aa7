//! Frame records as seen by kind: what the fields that all kinds share mean for each.
//!
//! | field    | free frame    | page table   | slab of kernel objects | private page      | page of a file    |
//! |----------|---------------|--------------|------------------------|-------------------|-------------------|
//! | `first`  | next in list  | visit, low   | next slab              | family            | file              |
//! | `second` | next batch    | visit, high  | previous slab          | page number, low  | page of the file  |
//! | `third`  |               |              |                        | 1 + slot, or 0    | next in chain     |
//! | `fourth` |               | live entries | objects in use         | waiters           | waiters           |
//! | `fifth`  |               | protected    | first free object      |                   | read without entry |
//! | `sixth`  |               |              |                        | page number, high |                   |
//!
//! No other place of the crate reads or writes these fields, except that a frame begins its life
//! with `fourth` at 0 ([`FrameRecord::begin`]). All accesses are relaxed: the lock of the list,
//! table, slab or cache that the frame is in orders them.
//!
//! A view may be taken of a frame without a lock and of a wrong kind, to find out what the frame
//! was a moment ago. Whoever does so checks the answer again under the lock.

use sync::atomic::{AtomicU32, Ordering};

use super::record::{Cached, FrameRecord, Kind};
use crate::addr::{PageNo, SlotNo};
use crate::file::{FileNo, FilePage};
use crate::rmap::{FamilyNo, FamilyPage};

/// The record of a free frame, which is in a list. Indices are those of the frame table.
#[derive(Clone, Copy)]
pub(crate) struct FreeRecord<'a>(&'a FrameRecord);

impl FreeRecord<'_> {
    /// Returns the index of the next frame of the list.
    pub(super) fn next(self) -> u32 {
        self.0.first.load(Ordering::Relaxed)
    }

    pub(super) fn set_next(self, index: u32) {
        self.0.first.store(index, Ordering::Relaxed);
    }

    /// Returns the index of the first frame of the next batch, if this frame is the first of a
    /// batch.
    pub(super) fn next_batch(self) -> u32 {
        self.0.second.load(Ordering::Relaxed)
    }

    pub(super) fn set_next_batch(self, index: u32) {
        self.0.second.store(index, Ordering::Relaxed);
    }
}

/// The record of a page table.
#[derive(Clone, Copy)]
pub(crate) struct TableRecord<'a>(&'a FrameRecord);

impl TableRecord<'_> {
    /// Returns the number of entries that are not empty.
    #[inline]
    pub(crate) fn live(self) -> usize {
        self.0.fourth.load(Ordering::Relaxed).into()
    }

    #[inline]
    pub(crate) fn set_live(self, entries: usize) {
        self.0.fourth.store(entries as u16, Ordering::Relaxed);
    }

    /// Returns how many links to the table there are.
    pub(crate) fn referrers(self) -> u32 {
        self.0.count()
    }

    /// Returns whether the summary says that no entry lets the hardware write. Changes under the
    /// lock of the table, or while the table has one referrer.
    pub(crate) fn is_protected(self) -> bool {
        self.0.fifth.load(Ordering::Relaxed) != 0
    }

    pub(crate) fn set_protected(self, protected: bool) {
        self.0.fifth.store(protected.into(), Ordering::Relaxed);
    }

    /// Returns the number of the last walk of the reverse map that came here through a marked link.
    /// Changes under the lock of the table.
    pub(crate) fn visit(self) -> u64 {
        let low = u64::from(self.0.first.load(Ordering::Relaxed));
        let high = u64::from(self.0.second.load(Ordering::Relaxed));
        high << 32 | low
    }

    pub(crate) fn set_visit(self, number: u64) {
        self.0.first.store(number as u32, Ordering::Relaxed);
        self.0
            .second
            .store((number >> 32) as u32, Ordering::Relaxed);
    }
}

/// The record of a slab: a frame of equal kernel objects.
#[derive(Clone, Copy)]
pub(crate) struct SlabRecord<'a>(&'a FrameRecord);

impl SlabRecord<'_> {
    /// Returns the index of the next slab of the list.
    pub(crate) fn next(self) -> u32 {
        self.0.first.load(Ordering::Relaxed)
    }

    pub(crate) fn set_next(self, index: u32) {
        self.0.first.store(index, Ordering::Relaxed);
    }

    /// Returns the index of the slab before this one in the list.
    pub(crate) fn previous(self) -> u32 {
        self.0.second.load(Ordering::Relaxed)
    }

    pub(crate) fn set_previous(self, index: u32) {
        self.0.second.store(index, Ordering::Relaxed);
    }

    /// Returns the number of objects in use.
    pub(crate) fn live(self) -> u16 {
        self.0.fourth.load(Ordering::Relaxed)
    }

    pub(crate) fn set_live(self, objects: u16) {
        self.0.fourth.store(objects, Ordering::Relaxed);
    }

    /// Returns which object is the first free one.
    pub(crate) fn first_free(self) -> u16 {
        self.0.fifth.load(Ordering::Relaxed)
    }

    pub(crate) fn set_first_free(self, object: u16) {
        self.0.fifth.store(object, Ordering::Relaxed);
    }
}

/// The record of a page of private memory.
#[derive(Clone, Copy)]
pub(crate) struct PrivateRecord<'a>(&'a FrameRecord);

impl PrivateRecord<'_> {
    /// Returns which page the frame is. This finds every entry that maps it ([`crate::rmap`]).
    pub(crate) fn page(self) -> FamilyPage {
        let low = u64::from(self.0.second.load(Ordering::Relaxed));
        let high = u64::from(self.0.sixth.load(Ordering::Relaxed));
        FamilyPage {
            family: FamilyNo(self.0.first.load(Ordering::Relaxed)),
            page: PageNo(high << 32 | low),
        }
    }

    /// Records which page the frame is.
    #[inline]
    pub(crate) fn set_page(self, page: FamilyPage) {
        let FamilyPage { family, page } = page;
        self.0.first.store(family.0, Ordering::Relaxed);
        // User addresses end below 2^47 in every format, so page numbers below 2^35.
        self.0.second.store(page.0 as u32, Ordering::Relaxed);
        self.0.sixth.store((page.0 >> 32) as u8, Ordering::Relaxed);
    }

    /// Puts the frame into the swap cache with a slot, or takes it out. [`FrameRecord::slot`]
    /// returns the slot. The caller holds the cache's lock.
    pub(crate) fn set_slot(self, slot: Option<SlotNo>) {
        let stored = slot.map_or(0, |slot| slot.0 as u32 + 1);
        self.0.third.store(stored, Ordering::Relaxed);
    }
}

/// The record of a page of a file.
#[derive(Clone, Copy)]
pub(crate) struct FileRecord<'a>(&'a FrameRecord);

impl<'a> FileRecord<'a> {
    /// Returns the page of a file that the frame holds, or held before it left the cache.
    pub(crate) fn page(self) -> FilePage {
        FilePage {
            file: FileNo(self.0.first.load(Ordering::Relaxed)),
            index: self.0.second.load(Ordering::Relaxed),
        }
    }

    /// Records which page of which file the frame holds.
    pub(crate) fn set_page(self, page: FilePage) {
        self.0.first.store(page.file.0, Ordering::Relaxed);
        self.0.second.store(page.index, Ordering::Relaxed);
    }

    /// Returns the link to the next page of the chain: one more than its index, or 0. The caller
    /// holds the chain's lock.
    pub(crate) fn next_in_chain(self) -> &'a AtomicU32 {
        &self.0.third
    }

    /// Notes that the page was read by a caller that has no entry for it.
    pub(crate) fn note_use(self) {
        self.0.fifth.store(1, Ordering::Relaxed);
    }

    /// Returns whether such a read was noted since the last call of this function.
    pub(crate) fn take_use(self) -> bool {
        let used = self.0.fifth.load(Ordering::Relaxed) != 0;
        self.0.fifth.store(0, Ordering::Relaxed);
        used
    }
}

impl FrameRecord {
    /// Returns the record as that of a free frame.
    pub(super) fn free(&self) -> FreeRecord<'_> {
        FreeRecord(self)
    }

    /// Returns the record as that of a page table.
    #[inline]
    pub(crate) fn table(&self) -> TableRecord<'_> {
        TableRecord(self)
    }

    /// Returns the record as that of a slab.
    pub(crate) fn slab(&self) -> SlabRecord<'_> {
        SlabRecord(self)
    }

    /// Returns the record as that of a page of private memory.
    #[inline]
    pub(crate) fn private(&self) -> PrivateRecord<'_> {
        PrivateRecord(self)
    }

    /// Returns the record as that of a page of a file.
    pub(crate) fn file(&self) -> FileRecord<'_> {
        FileRecord(self)
    }
}

/// Pages of both kinds: how many threads wait for them, and how they are cached. Changes under the
/// lock of the cache that the page is in.
impl FrameRecord {
    /// Returns how many references, of those that [`FrameRecord::count`] counts, belong to threads
    /// that wait for the page.
    pub(crate) fn waiters(&self) -> u32 {
        u32::from(self.fourth.load(Ordering::Relaxed))
    }

    /// Returns how many references belong to others than waiters: to entries, to the cache and to a
    /// transfer. These are the ones that look at the contents or hold them.
    pub(crate) fn count_without_waiters(&self) -> u32 {
        self.count() - self.waiters()
    }

    /// Adds a waiter, together with its reference.
    pub(crate) fn add_waiter(&self) {
        self.add_reference();
        self.become_waiter();
    }

    /// Makes the holder of a reference a waiter.
    pub(crate) fn become_waiter(&self) {
        self.change_waiters(1);
    }

    /// Makes a waiter the holder of an ordinary reference, which it then drops.
    pub(crate) fn end_wait(&self) {
        self.change_waiters(-1);
    }

    fn change_waiters(&self, by: i16) {
        let waiters = self.fourth.load(Ordering::Relaxed);
        self.fourth
            .store(waiters.wrapping_add_signed(by), Ordering::Relaxed);
    }

    /// Returns whether the frame is a page of private memory that is not being transferred.
    pub(crate) fn is_page_at_rest(&self) -> bool {
        self.kind() == Kind::Anonymous
            && (self.slot().is_none() || matches!(self.cached(), Cached::Clean | Cached::Dirty))
    }

    /// Returns the slot with which the frame is in the swap cache. A frame that is no private page
    /// is in none. The slot changes under the cache's lock.
    #[inline]
    pub(crate) fn slot(&self) -> Option<SlotNo> {
        let stored = self.third.load(Ordering::Relaxed);
        let slot = SlotNo(u64::from(stored.checked_sub(1)?));
        (self.kind() != Kind::File).then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_page_is_kept_whole() {
        let record = FrameRecord::new();
        for page in [0, 0x3ff_ffff, 1 << 32, 0x7_ffff_fffd] {
            let page = FamilyPage {
                family: FamilyNo(7),
                page: PageNo(page),
            };
            record.private().set_page(page);
            assert_eq!(record.private().page(), page);
        }
    }
}
