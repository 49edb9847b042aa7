//! Removing from an address space: part of it, the top of the heap, or everything.
//!
//! Invariants: nothing is removed before [`AddressSpace::part`] has allowed it. Removing needs
//! memory only to split an area, and that memory is reserved first (R5). Leaf entries are broken,
//! flushed and freed in batches. A table is freed only when no area overlaps the pages that it
//! spans, and after a fence of the whole identifier, because an upper-level entry changed (R3). A
//! table that other spaces share is left as it is: the space gives up its reference.

use sync::atomic::Ordering;

use super::area::Area;
use super::map::user_pages;
use super::usage::is_own;
use super::{AddressSpace, Ending, MapError, Promise};
use crate::addr::{PageNo, PageRange, VirtAddr};
use crate::commit::NoMemory;
use crate::frame::Kind;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::{ENTRIES, Entry, Format, Pte, Table, UserRange};
use crate::tlb::{Batch, Referent, Scope};

impl<'m, M: Machine> AddressSpace<'m, M> {
    /// Removes all mappings of the pages.
    pub fn unmap(&mut self, pages: PageRange, ending: &mut Ending) -> Result<(), MapError> {
        let pages = user_pages::<M>(pages)?;
        if !pages.is_empty() {
            self.part(pages, ending)?;
            self.make_room_to_remove(pages)?;
            self.unmap_with_room(pages);
        }
        Ok(())
    }

    /// Reserves the memory to split an area, which is needed if the pages lie inside one, and makes
    /// the tables own of which other pages stay.
    fn make_room_to_remove(&mut self, pages: UserRange) -> Result<(), NoMemory> {
        self.own_tables_at_ends(pages)?;
        if self.areas.have_around(*pages) {
            self.areas.reserve_hole(self.memory)?;
        }
        Ok(())
    }

    /// Moves the end of the heap down by `bytes`. Returns the old end. If the new end would be
    /// below 0, nothing changes.
    ///
    /// The pages removed are the top of the heap. They lie inside an area only if something was
    /// mapped directly above the heap and was joined with it.
    pub fn shrink(&mut self, bytes: u64, ending: &mut Ending) -> Result<VirtAddr, MapError> {
        let old = self.heap_break;
        if let Some(new) = old.0.checked_sub(bytes).map(VirtAddr) {
            let cut = PageRange::new(new.page_up(), old.page_up());
            let cut = UserRange::all::<M::Format>().intersect(cut);
            self.part(cut, ending)?;
            self.make_room_to_remove(cut)?;
            self.unmap_with_room(cut);
            self.heap_break = new;
        }
        Ok(old)
    }

    pub(super) fn unmap_with_room(&mut self, pages: UserRange) {
        let mut areas = core::mem::take(&mut self.areas);
        areas.remove(*pages, |piece| {
            self.unmap_piece(&piece);
            self.release(piece);
        });
        self.areas = areas;
        self.free_tables(pages);
        self.recount_lent();
    }

    /// Frees the frames of an area, or of a part of it, and the places that its promise still
    /// holds.
    fn unmap_piece(&mut self, piece: &Area) {
        let context = self.context.clone();
        let mut batch = Batch::new(&context);
        let (mut touched, mut own) = (0, 0);
        self.for_each_leaf(piece.pages, |table, index, page| {
            // All of a shared table goes, and its entries stay for the other sharers.
            let shared = table.is_shared();
            let pte = if shared {
                table.get(index)
            } else {
                table.take(index)
            };
            let entry = pte.decode(0);
            touched += u64::from(entry != Entry::Empty);
            own += u64::from(is_own(pte));
            let referent = match entry {
                Entry::Page(frame) | Entry::Table(frame) => Referent::Frame(frame),
                // The slot's page was evicted a moment ago, and may not have been flushed yet.
                Entry::Swapped(slot) => Referent::Slot(slot),
                Entry::Evicted => Referent::Nothing,
                Entry::Empty => return,
            };
            if shared {
                return;
            }
            batch.push(referent, Scope::Page(page.address()));
        });
        batch.finish();
        self.pages -= touched;
        if piece.promise == Promise::Charged {
            self.release_promise(piece.pages.len(), own);
        }
    }

    /// Gives back a promise of `pages` pages, of which `own` have used their places.
    fn release_promise(&self, pages: u64, own: u64) {
        self.memory
            .stats
            .promise(self.memory.machine.hart(), -(pages as i64));
        self.memory.budget.add_places(pages - own);
    }

    /// Frees the tables for these pages that no area needs any more.
    fn free_tables(&mut self, pages: UserRange) {
        if pages.is_empty() {
            return;
        }
        let context = self.context.clone();
        let mut batch = Batch::new(&context);
        let root = self.memory.table(context.root());
        self.free_tables_below(root, M::Format::LEVELS - 1, 0, pages, &mut batch);
        batch.finish();
    }

    /// Frees the unneeded tables below a table of `level` (above 0) that begins at page `base`.
    fn free_tables_below(
        &mut self,
        table: Table<'m, M::Format>,
        level: usize,
        base: u64,
        pages: UserRange,
        batch: &mut Batch<'_, 'm, M>,
    ) {
        let span = 1 << (9 * level);
        let start = pages.start.0.max(base);
        let end = pages.end.0.min(base + span * ENTRIES as u64);
        for page in (start / span..end.div_ceil(span)).map(|n| n * span) {
            let index = ((page - base) / span) as usize;
            let link = table.get(index);
            let Entry::Table(lower) = link.decode(level) else {
                continue;
            };
            if level > 1 {
                self.free_tables_below(self.memory.table(lower), level - 1, page, pages, batch);
            }
            if !self
                .areas
                .overlaps(PageRange::new(PageNo(page), PageNo(page + span)))
            {
                debug_assert!(
                    link.is_shared() || self.memory.table(lower).live() == 0,
                    "a table is empty when its areas are gone"
                );
                // The lock waits for walks of the reverse map; none is below the entry from here
                // on.
                let member = self.context.member();
                member.entries.with(|()| table.take(index));
                let referent = if link.is_shared() {
                    // An evictor that comes through another sharer does not find this space any
                    // more.
                    member.note_tightened();
                    Referent::SharedTable(lower)
                } else {
                    Referent::Frame(lower)
                };
                batch.push(referent, Scope::Space);
                self.tables -= 1;
            }
        }
    }

    fn release_all_promises(&self) {
        for area in self
            .areas
            .iter()
            .filter(|area| area.promise == Promise::Charged)
        {
            self.release_promise(area.pages.len(), self.own_pages(area.pages));
        }
    }
}

impl<M: Machine> Drop for AddressSpace<'_, M> {
    /// Needs no fence: no hart uses the space, and its identifier's next space begins with one (see
    /// [`super::Context`]).
    fn drop(&mut self) {
        assert!(
            !self.context.is_active(),
            "an address space was dropped while a hart used it"
        );
        if self.published {
            self.memory.families.leave(self.context.member());
        }
        self.release_all_promises();
        self.memory.budget.note_spaces(-1);
        self.memory.budget.add_places(self.lent);
        let root = self.memory.table(self.context.root());
        self.memory
            .free_below(root, M::Format::LEVELS - 1, M::Format::KERNEL_ROOT);
        while let Some(area) = self.areas.pop() {
            self.release(area);
        }
    }
}

impl<M: Machine> Memory<M> {
    /// Frees everything below the first `entries` entries of a table of `level`. No hart may use
    /// the tree, and no walk of the reverse map finds it.
    pub(super) fn free_below(&self, table: Table<'_, M::Format>, level: usize, entries: usize) {
        let mut left = table.live();
        for entry in &table.entries()[..entries] {
            // The rest of the table is empty.
            if left == 0 {
                break;
            }
            let pte = entry.load(Ordering::Relaxed);
            if pte.is_empty() {
                continue;
            }
            left -= 1;
            entry.store(Pte::EMPTY, Ordering::Relaxed);
            let frame = match pte.decode(level) {
                Entry::Empty | Entry::Evicted => continue,
                Entry::Swapped(slot) => {
                    self.drop_slot(slot);
                    continue;
                }
                Entry::Page(frame) => frame,
                Entry::Table(frame) if pte.is_shared() => {
                    self.leave_table(frame);
                    continue;
                }
                Entry::Table(frame) => {
                    debug_assert_eq!(self.frames.record(frame).kind(), Kind::Table);
                    self.free_below(self.table(frame), level - 1, ENTRIES);
                    frame
                }
            };
            self.drop_reference(frame);
        }
        table.record().set_live(left);
    }
}
