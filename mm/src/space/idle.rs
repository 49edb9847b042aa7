//! Idle page tables: lent while frames run short, and made again when something is touched.
//!
//! Promised memory, shared memory and file mappings get all their page tables when they are mapped.
//! A later touch then needs exactly one frame. But where nothing was touched yet, or everything
//! belonged to a file or an object and has been evicted, a leaf table is *idle*: it says nothing
//! that is not known elsewhere. A *lent* table's frame is free while its place stays the space's
//! ([`crate::commit`]). So a touch that needs the table again finds a frame for it, at worst by
//! evicting a page.
//!
//! Invariant: outside an operation, [`AddressSpace::lent`] is the number of leaf tables that some
//! area needs and that are missing. An operation that adds an area makes the tables that are
//! missing for it, calls [`AddressSpace::recount_lent`], and then adds the area; one that removes
//! areas recounts afterwards, which gives up the places of tables that no area needs any more. An
//! idle table that no area needs, because its memory is lazy, is freed with its place.
//!
//! Only the owner of a space removes its tables, so a walk without a lock never meets one that is
//! gone.

use sync::atomic::Ordering;

use super::area::{Area, Areas, Backing};
use super::stretch::{Stretch, leaf_table_count};
use super::{AddressSpace, Promise};
use crate::addr::{PageNo, PageRange};
use crate::commit::NoMemory;
use crate::machine::Machine;
use crate::pt::{ENTRIES, Entry, Format, Table, UserPage, UserRange, Walk};
use crate::tlb::{Batch, Referent, Scope};

impl<M: Machine> AddressSpace<'_, M> {
    /// Lends idle tables: frees their frames. Returns how many.
    pub fn lend_idle_tables(&mut self) -> u64 {
        if !self.published {
            // An image that is being laid out needs its tables.
            return 0;
        }
        let context = self.context.clone();
        let mut batch = Batch::new(&context);
        let (mut idle, mut lent, mut evicted) = (0, 0, 0);
        for Stretch { pages, leaf, .. } in self.stretches(UserRange::all::<M::Format>()) {
            let (Some(table), Some(page)) = (leaf, pages.page(pages.start)) else {
                continue;
            };
            let Some(unused) = evicted_if_idle::<M::Format>(table) else {
                continue;
            };
            let upper = self.memory.walk_to(context.root(), page, 1);
            let Walk::Leaf(upper, index) = upper else {
                continue;
            };
            // Nobody walks below it any more.
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

    /// Makes the leaf table of a page again, if it was lent. Returns whether it was.
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

    /// Gives up the places of tables that are there again or that no area needs any more.
    pub(super) fn recount_lent(&mut self) {
        if self.lent != 0 {
            let lent = self.missing_for(&self.areas);
            self.memory.budget.add_places(self.lent - lent);
            self.lent = lent;
        }
    }

    /// Returns how many leaf tables that these areas need are missing.
    pub(super) fn missing_for(&self, areas: &Areas) -> u64 {
        let mut counted = PageNo(0);
        let needing = areas.iter().filter(|area| area.needs_tables());
        let missing = needing.map(|area| {
            // Neighbours may need the same table.
            let pages = area.pages.from(counted);
            counted = counted.max(span_of(pages.end.plus(SPAN - 1)).start);
            let there = self.stretches(pages).filter(|part| part.leaf.is_some());
            leaf_table_count(pages) - there.count() as u64
        });
        missing.sum()
    }

    /// Returns how many tables are lent, by the space's own count and by a look at the tables.
    pub(crate) fn lent_tables(&self) -> (u64, u64) {
        (self.lent, self.missing_for(&self.areas))
    }
}

/// How many pages a leaf table spans.
const SPAN: u64 = ENTRIES as u64;

/// Returns what the leaf table of a page spans.
fn span_of(page: PageNo) -> PageRange {
    let start = PageNo(page.0 - page.0 % SPAN);
    PageRange::new(start, start.plus(SPAN))
}

/// Returns whether an area counts on the leaf table of a page.
fn is_needed(areas: &Areas, page: UserPage) -> bool {
    areas.within(span_of(*page)).any(Area::needs_tables)
}

impl Area {
    /// Returns whether it counts on its page tables, which are made or lent with it. What is lazy
    /// gets those that it uses.
    fn needs_tables(&self) -> bool {
        self.promise == Promise::Charged || !matches!(self.backing, Backing::Own)
    }
}

/// If nothing is in a leaf table but what says that pages were evicted, how many those are.
fn evicted_if_idle<F: Format>(table: Table<'_>) -> Option<u64> {
    let mut evicted = 0;
    let mut words = table
        .words()
        .iter()
        .map(|word| word.load(Ordering::Acquire));
    let idle = table.live() == 0
        || words.all(|word| match F::decode(word, 0) {
            Entry::Empty => true,
            Entry::Evicted => {
                evicted += 1;
                true
            }
            _ => false,
        });
    idle.then_some(evicted)
}
