//! Shared page tables (fork mode 2). `docs/shared-tables.md` has the protocol, whose steps have the
//! same names here.
//!
//! A *link* is the entry of level 1 that points to a leaf table. A fork that shares a leaf table
//! gives the child a link to it and marks both links ([`Pte::is_shared`]). Invariants:
//!
//! - A link without the mark is the only reference to its table. All other code changes tables
//!   through such links alone: [`AddressSpace::own_table`] comes first.
//! - Through a marked link, the hardware can write nothing. The link is *closed*, or the table is
//!   protected: its summary ([`crate::frame::TableRecord::is_protected`]) says that no entry in it
//!   is writable. RISC-V has no upper entry without the right to write, so a closed link lets
//!   nothing through there, and the first read protects the table and opens the link for reading.
//! - What changes in a table behind marked links is the same for all sharers: protection, eviction,
//!   the accessed bits. It changes under the lock of the table. So the number of its live entries
//!   stands still.
//! - A table with `n` referrers keeps `n - 1` places beside its frame's, one for each sharer that
//!   may need a table of its own ([`crate::commit`]). Unsharing takes one and a frame; leaving
//!   gives one back.
//! - No area that overlaps a shared table maps memory that several processes write
//!   ([`super::area::Area::is_written_by_many`]).
//!
//! Only leaf tables are shared: there is one for 2 MiB, and the next level would save 1 link in 512
//! of what is left. Neighbours: [`super::fork`] shares, [`super::fault`] and every operation that
//! changes entries unshare, [`super::unmap`] leaves, [`crate::rmap`] visits each table once.

use abi::{MemCounter, ProcCounter};
use sync::atomic::Ordering;

use super::area::{Area, Backing};
use super::fault::Attempt;
use super::{Access, AddressSpace};
use crate::addr::{FrameNo, PageNo, PageRange};
use crate::commit::NoMemory;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::{ENTRIES, Entry, Format, Pte, Table, UserPage, UserRange, Walk};
use crate::tlb::{Broken, Scope};

/// A marked link, where it is, and the table behind it.
struct Link<'m, F: Format> {
    upper: Table<'m, F>,
    index: usize,
    pte: Pte<F>,
    table: FrameNo,
}

impl<'m, M: Machine> AddressSpace<'m, M> {
    /// Returns the marked link of a page, if it has one.
    fn shared_link(&self, page: UserPage) -> Option<Link<'m, M::Format>> {
        let root = self.context.root();
        let Walk::Leaf(upper, index) = self.memory.walk_to(root, page, 1) else {
            return None;
        };
        let pte = upper.get(index);
        match pte.decode(1) {
            Entry::Table(table) if pte.is_shared() => Some(Link {
                upper,
                index,
                pte,
                table,
            }),
            _ => None,
        }
    }

    /// Makes an attempt to resolve a fault on a page of a shared table, whose entry is `pte`. If
    /// the page is there and is only read, the table stays shared. Otherwise it is made the space's
    /// own. Returns `None` if the table is not in the way.
    #[cold]
    pub(super) fn resolve_table(
        &mut self,
        page: UserPage,
        pte: Pte<M::Format>,
        access: Access,
    ) -> Result<Option<Attempt<'m, M>>, NoMemory> {
        let reads = access != Access::Write && matches!(pte.decode(0), Entry::Page(_));
        if reads {
            return Ok(self.open_for_reading(page).then_some(Attempt::Resolved));
        }
        self.own_table(page)?;
        Ok(Some(Attempt::Again))
    }

    /// Lets the hardware read through a closed link, after pushing the protection down. Returns
    /// whether the link was closed for reading. Needs no fence (R4).
    fn open_for_reading(&mut self, page: UserPage) -> bool {
        let Some(link) = self
            .shared_link(page)
            .filter(|link| !link.pte.is_followed())
        else {
            return false;
        };
        self.memory.protect_table(link.table);
        link.replace(Pte::protected_link(link.table));
        self.note_table_fault();
        true
    }

    /// Makes the leaf table of a page the space's own, if it has one that may be shared.
    pub(super) fn own_table(&mut self, page: UserPage) -> Result<(), NoMemory> {
        let Some(link) = self.shared_link(page) else {
            return Ok(());
        };
        if self.memory.frames.record(link.table).is_sole() {
            self.reopen(&link);
        } else {
            self.unshare(&link)?;
        }
        self.note_table_fault();
        Ok(())
    }

    /// Opens the link of the only process that is left. The count cannot rise meanwhile: only a
    /// holder of a reference adds one, and `&mut self` keeps the only one from others.
    fn reopen(&self, link: &Link<'m, M::Format>) {
        // The summary goes before the first entry becomes writable.
        self.memory.table(link.table).record().set_protected(false);
        link.replace(Pte::table(link.table));
        if link.pte.is_followed() {
            self.context.loosen(Scope::Space);
        }
    }

    /// Gives the space a copy of a shared table.
    fn unshare(&self, link: &Link<'m, M::Format>) -> Result<(), NoMemory> {
        let memory = self.memory;
        let mut reservation = memory.budget.take_for_placed_page(self.patience)?;
        let own = memory.allocate_table(&mut reservation);
        let member = self.context.member();
        // The lock of the entries makes copy and link one step for walks of the reverse map: they
        // find each page either through the old table or through the new one.
        let tightened = member.entries.with(|()| {
            memory.tables.of(link.table).with(|()| {
                let shared = memory.table(link.table);
                memory.share_pages(shared, own);
                shared.record().set_protected(true);
            });
            link.replace(Pte::table(own.frame()));
            // An evictor that comes through another sharer does not find this space any more.
            member.note_tightened()
        });
        let old = Broken::new(link.table, Scope::Space).flush(&self.context);
        member.note_flushed(tightened);
        memory.drop_table_reference(old.into_inner());
        memory.count(MemCounter::TableUnshares, 1);
        Ok(())
    }

    fn note_table_fault(&mut self) {
        self.faults[ProcCounter::TableFaults as usize] += 1;
    }

    /// Makes all leaf tables of the pages the space's own.
    pub(super) fn own_tables(&mut self, pages: UserRange) -> Result<(), NoMemory> {
        if !self.shares_tables {
            return Ok(());
        }
        for stretch in self.stretches(pages) {
            let first = stretch.pages.page(stretch.pages.start);
            if let (Some(table), Some(page)) = (stretch.leaf, first)
                && table.is_shared()
            {
                self.own_table(page)?;
            }
        }
        Ok(())
    }

    /// Makes the leaf tables at both ends of the pages the space's own where other pages need them
    /// too. The tables in between are left as they are, when the pages are unmapped.
    pub(super) fn own_tables_at_ends(&mut self, pages: UserRange) -> Result<(), NoMemory> {
        if !self.shares_tables {
            return Ok(());
        }
        let last = PageNo(pages.end.0.saturating_sub(1));
        for page in [pages.start, last]
            .into_iter()
            .filter_map(|at| pages.page(at))
        {
            let span = span_of(*page);
            let rest = [
                PageRange::new(span.start, pages.start.max(span.start)),
                PageRange::new(pages.end.min(span.end), span.end),
            ];
            if rest.into_iter().any(|rest| self.areas.overlaps(rest)) {
                self.own_table(page)?;
            }
        }
        Ok(())
    }
}

impl<F: Format> Link<'_, F> {
    /// Puts another link in its place. Only the owner of the space changes its links.
    fn replace(&self, new: Pte<F>) {
        let replaced = self.upper.replace(self.index, self.pte, new);
        debug_assert!(replaced, "only its owner changes a link");
    }
}

/// The number of pages that a leaf table spans.
pub(super) const SPAN: u64 = ENTRIES as u64;

/// Returns the pages that the leaf table of `page` spans.
pub(super) fn span_of(page: PageNo) -> PageRange {
    let start = PageNo(page.0 - page.0 % SPAN);
    PageRange::new(start, start.plus(SPAN))
}

impl Area {
    /// Returns whether several processes may write its pages. Their entries stay writable when a
    /// table is protected, so they are in no shared table.
    pub(super) fn is_written_by_many(&self) -> bool {
        match &self.backing {
            Backing::Own => false,
            Backing::Object(_) => true,
            Backing::File(mapped) => mapped.map().sharing.is_shared(),
        }
    }
}

impl<M: Machine> Memory<M> {
    /// Pushes the protection down into a shared table. Nothing is flushed: no link to the table
    /// lets the hardware through, and what it remembered was flushed by the fork.
    fn protect_table(&self, frame: FrameNo) {
        let table = self.table(frame);
        self.tables.of(frame).with(|()| {
            if table.record().is_protected() {
                return;
            }
            let mut left = table.live();
            for entry in table.entries() {
                if left == 0 {
                    break;
                }
                let pte = entry.load(Ordering::Relaxed);
                left -= usize::from(!pte.is_empty());
                if pte.is_writable() {
                    entry.make_read_only(Ordering::Relaxed);
                }
            }
            table.record().set_protected(true);
        });
    }

    /// Leaves a shared table: gives up a reference and a place.
    pub(crate) fn leave_table(&self, frame: FrameNo) {
        self.drop_table_reference(frame);
        self.budget.add_places(1);
    }

    /// Drops a reference to a table that may be shared. The last one frees all that is in it; its
    /// place is the caller's. Dropping and seeing that it was the last is one atomic operation, so
    /// that of two sharers one does it.
    fn drop_table_reference(&self, frame: FrameNo) {
        if self.frames.record(frame).drop_reference() == 0 {
            self.free_below(self.table(frame), 0, ENTRIES);
            self.give_back(frame);
        }
    }
}
