//! Idle page tables: lent while frames run short, and made again when a page in their span is
//! touched.
//!
//! Promised memory, shared memory and file mappings get all their page tables when they are mapped.
//! A later touch then needs exactly one frame. A leaf table is *idle* if none of its pages was
//! touched yet, or if all of them belong to a file or a shared object and were evicted: the table
//! then holds nothing that is not known elsewhere. The frame of a *lent* table is free, but the
//! space keeps its place ([`crate::commit`]). A touch that needs the table again therefore finds a
//! frame for it, at worst by evicting a page.
//!
//! Invariant: outside an operation, [`AddressSpace::lent`] is the number of leaf tables that some
//! area needs and that are missing. Three functions alone change which tables those are:
//!
//! - [`AddressSpace::add_area`] adds every area. It makes the missing tables and then recounts. A
//!   lent table that is made again gets a place with its new frame, so the recount gives back the
//!   place that was kept for it.
//! - [`AddressSpace::unmap_with_room`] removes areas and recounts afterwards. This gives back the
//!   places of the lent tables that no area needs any more.
//! - Fork counts what the child's areas need, and takes places for it.
//!
//! An idle table that no area needs, because its memory is lazy, is freed together with its place.
//!
//! A table that spaces share is not lent: freeing it would gain nothing.
//!
//! Only the owner of a space removes its tables, so its own walks never meet a removed one.

use sync::atomic::Ordering;

use super::area::{Area, Areas, Backing};
use super::stretch::{Stretch, leaf_table_count};
use super::tables::{SPAN, span_of};
use super::{AddressSpace, Promise};
use crate::addr::PageNo;
use crate::commit::NoMemory;
use crate::machine::Machine;
use crate::pt::{Entry, Format, Table, UserPage, UserRange, Walk};
use crate::tlb::{Batch, Referent, Scope};

impl<M: Machine> AddressSpace<'_, M> {
    /// Frees the frames of idle tables. Returns how many.
    pub fn lend_idle_tables(&mut self) -> u64 {
        if !self.published {
            // Laying out an image needs its tables.
            return 0;
        }
        let context = self.context.clone();
        let mut batch = Batch::new(&context);
        let (mut idle, mut lent, mut evicted) = (0, 0, 0);
        for Stretch { pages, leaf, .. } in self.stretches(UserRange::all::<M::Format>()) {
            let (Some(table), Some(page)) = (leaf, pages.page(pages.start)) else {
                continue;
            };
            if table.is_shared() {
                continue;
            }
            let Some(unused) = evicted_if_idle(table) else {
                continue;
            };
            let upper = self.memory.walk_to(context.root(), page, 1);
            let Walk::Leaf(upper, index) = upper else {
                continue;
            };
            // The lock waits for walks of the reverse map; none is below the entry from here on.
            context.member().entries.with(|()| upper.take(index));
            let needed = is_needed(&self.areas, page);
            let referent = match needed {
                true => Referent::Lent(table.frame()),
                false => Referent::Frame(table.frame()),
            };
            batch.push(referent, Scope::Space);
            idle += 1;
            lent += u64::from(needed);
            evicted += unused;
        }
        batch.finish();
        self.tables -= idle;
        self.lent += lent;
        self.pages -= evicted;
        idle
    }

    /// Makes the leaf table of a page again if it is lent. Returns whether it was.
    pub(super) fn take_lent_table(&mut self, page: UserPage) -> Result<bool, NoMemory> {
        if self.lent == 0 || !is_needed(&self.areas, page) {
            return Ok(false);
        }
        let Walk::Missing { table, level } = self.walk(page) else {
            return Ok(false);
        };
        let mut reservation = self.memory.budget.take_for_placed_page(self.patience)?;
        self.memory.extend(table, level, page, &mut reservation);
        self.tables += 1;
        self.lent -= 1;
        Ok(true)
    }

    /// Gives back the places of lent tables that exist again or that no area needs any more.
    pub(super) fn recount_lent(&mut self) {
        if self.lent != 0 {
            let lent = self.missing_for(&self.areas);
            self.memory.budget.add_places(self.lent - lent);
            self.lent = lent;
        }
    }

    /// Returns how many leaf tables these areas need that do not exist.
    pub(super) fn missing_for(&self, areas: &Areas) -> u64 {
        let mut counted = PageNo(0);
        let needing = areas.iter().filter(|area| area.needs_tables());
        let missing = needing.map(|area| {
            // Adjacent areas may need one table in common, which is counted once.
            let pages = area.pages.from(counted);
            counted = counted.max(span_of(pages.end.plus(SPAN - 1)).start);
            let there = self.stretches(pages).filter(|part| part.leaf.is_some());
            leaf_table_count(pages) - there.count() as u64
        });
        missing.sum()
    }

    /// Returns the number of lent tables twice: as it is kept, and as counted now.
    pub(crate) fn lent_tables(&self) -> (u64, u64) {
        (self.lent, self.missing_for(&self.areas))
    }
}

/// Returns whether some area needs the leaf table of `page`.
fn is_needed(areas: &Areas, page: UserPage) -> bool {
    areas.within(span_of(*page)).any(Area::needs_tables)
}

impl Area {
    /// Returns whether the area needs its page tables even before its pages are touched. A lazy
    /// private area does not: it gets the tables for the pages that are touched.
    pub(super) fn needs_tables(&self) -> bool {
        self.promise == Promise::Charged || !matches!(self.backing, Backing::Own)
    }
}

/// If a leaf table is idle, returns how many of its entries stand for evicted pages; otherwise
/// `None`.
fn evicted_if_idle<F: Format>(table: Table<'_, F>) -> Option<u64> {
    let mut evicted = 0;
    let mut entries = table
        .entries()
        .iter()
        .map(|pte| pte.load(Ordering::Acquire).decode(0));
    let idle = table.live() == 0
        || entries.all(|entry| match entry {
            Entry::Empty => true,
            Entry::Evicted => {
                evicted += 1;
                true
            }
            _ => false,
        });
    idle.then_some(evicted)
}
