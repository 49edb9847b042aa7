//! Fork: makes a child's address space with the same contents as its parent's.
//!
//! [`ForkMode::Eager`] copies every page that is present, as xv6 does. [`ForkMode::CopyOnWrite`]
//! copies the entries and shares the pages: both entries lose the write permission and keep the
//! copy-on-write mark. A page that was forked twice is therefore still known as one that may become
//! writable, and a page of text never is. [`ForkMode::SharedTables`] shares the leaf tables
//! ([`super::tables`]), but for those with few entries, and those of memory that several processes
//! write. Pages of shared objects and files stay shared in all modes. Pages in swap are shared by
//! their slots.
//!
//! Invariants: all frames are reserved before anything changes, so a fork that fails has changed
//! nothing (R5). The parent's stale write permissions are flushed, on every hart that runs one of
//! its threads, before the child is returned (R3). Writes of another thread before that flush reach
//! both processes, and count as writes before the fork.

use abi::{ForkMode, MemCounter};
use sync::atomic::Ordering;

use super::AddressSpace;
use super::area::{Area, Areas};
use super::tables::span_of;
use crate::addr::{FrameNo, PageNo};
use crate::commit::{Claim, NoMemory, Reservation};
use crate::frame::Kind;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::{ENTRIES, Entry, Format, Pte, Table, UserRange};
use crate::rmap::{FamilyNo, FamilyPage, Member};
use crate::tlb::{Broken, Scope};

/// A fork in progress.
struct Fork<'f, 'm, M: Machine> {
    memory: &'m Memory<M>,
    parent: &'f Member,
    family: FamilyNo,
    /// The parent's areas.
    areas: &'f Areas,
    /// Whether some of the areas must be in no shared table, once that was asked.
    has_unshareable: Option<bool>,
    reservation: Reservation<'f>,
    mode: ForkMode,
    /// The number of page entries copied.
    entries: u64,
    /// Whether an entry of the parent lost its write permission.
    tightened: bool,
}

impl<'m, M: Machine> AddressSpace<'m, M> {
    /// Returns the child's address space.
    pub fn fork(&mut self, mode: ForkMode) -> Result<Self, NoMemory> {
        let memory = self.memory;
        let pages = match mode {
            // Pages in swap need no frame, but a page may be swapped in or out at any moment, so
            // all are counted.
            ForkMode::Eager => self.pages,
            ForkMode::CopyOnWrite | ForkMode::SharedTables => 0,
        };
        let reservation = memory.reserve_frames(self.tables + pages, Claim::Fork)?;
        let family = self.context.member().family;
        let mut child = Self::in_family(memory, Claim::Fork, Some(family))?;
        child.areas.add_for_child(&self.areas, memory)?;
        if self.lent != 0 {
            let lent = self.missing_for(&child.areas);
            memory.budget.take_places(lent, Claim::Fork)?;
            child.lent = lent;
        }
        child.heap_break = self.heap_break;
        child.tables = self.tables;
        child.pages = self.pages;

        // Nothing can fail from here on.
        let cuts = memory.files.cuts.so_far();
        let mut fork = Fork {
            memory,
            parent: self.context.member(),
            family,
            areas: &self.areas,
            has_unshareable: None,
            reservation,
            mode,
            entries: 0,
            tightened: false,
        };
        let roots = (
            memory.table(self.context.root()),
            memory.table(child.context.root()),
        );
        fork.upper(
            roots.0,
            roots.1,
            M::Format::LEVELS - 1,
            M::Format::KERNEL_ROOT,
            PageNo(0),
        );
        // A hart may still be able to write a page that was evicted a moment ago, even if the page
        // is back already, read-only.
        let tightened = fork.tightened || self.context.member().has_stale_rights();
        if tightened {
            Broken::new((), Scope::Space)
                .flush(&self.context)
                .into_inner();
        }
        if mode == ForkMode::SharedTables {
            self.shares_tables = true;
            child.shares_tables = true;
        }
        child.publish();
        if memory.files.cuts.any_since(cuts) {
            // A file may have been truncated before the child's entries could be found.
            child.forget_gone(UserRange::all::<M::Format>());
        }
        memory.count(MemCounter::Forks, 1);
        memory.count(MemCounter::EntriesCopied, fork.entries as i64);
        if mode != ForkMode::Eager {
            memory.count(MemCounter::ReferencesTaken, fork.entries as i64);
        }
        Ok(child)
    }
}

/// Returns the child's entry for a page of an object or a file, without the write permission: a
/// write-back must find every writable entry, and cannot find the child's yet.
fn of_shared<F: Format>(pte: Pte<F>) -> Pte<F> {
    pte.read_only()
}

impl<M: Machine> Fork<'_, '_, M> {
    /// Copies everything below the first `entries` entries of a table of `level` (above 0), which
    /// begins at `base`.
    fn upper(
        &mut self,
        from: Table<'_, M::Format>,
        to: Table<'_, M::Format>,
        level: usize,
        entries: usize,
        base: PageNo,
    ) {
        let mut left = from.live();
        for (index, entry) in from.entries()[..entries].iter().enumerate() {
            // The rest of the table is empty.
            if left == 0 {
                break;
            }
            let link = entry.load(Ordering::Relaxed);
            let Entry::Table(lower) = link.decode(level) else {
                continue;
            };
            left -= 1;
            let base = base.plus((index as u64) << (9 * level));
            let source = self.memory.table(lower);
            if level == 1 && self.shares(link, source, base) {
                let link = self.reference(link, lower, |closed| {
                    let replaced = from.replace(index, link, closed);
                    debug_assert!(replaced, "only its owner changes a link");
                });
                to.fill(index, link);
                continue;
            }
            let target = self.memory.allocate_table(&mut self.reservation);
            if level > 1 {
                self.upper(source, target, level - 1, ENTRIES, base);
            } else {
                self.copy_entries(source, target, base, link.is_shared());
                self.entries += source.live() as u64;
            }
            // The child's table must be complete before its upper entry points to it.
            to.fill(index, Pte::table(target.frame()));
        }
    }

    /// Returns whether the child shares a leaf table that begins at `base`.
    fn shares(&mut self, link: Pte<M::Format>, table: Table<'_, M::Format>, base: PageNo) -> bool {
        if self.mode != ForkMode::SharedTables {
            return false;
        }
        link.is_shared() || table.live() > M::COPIED_ENTRIES && !self.is_unshareable(base)
    }

    /// Returns whether the leaf table that begins at `base` has pages that several processes write.
    fn is_unshareable(&mut self, base: PageNo) -> bool {
        let areas = self.areas;
        // One look at all areas, instead of one at those of each table.
        let any = || areas.iter().any(Area::is_written_by_many);
        *self.has_unshareable.get_or_insert_with(any)
            && areas.within(span_of(base)).any(Area::is_written_by_many)
    }

    /// Adds a reference to a leaf table, and has the parent's link closed if it is not yet. Returns
    /// the child's link.
    fn reference(
        &mut self,
        link: Pte<M::Format>,
        table: FrameNo,
        close_parent: impl FnOnce(Pte<M::Format>),
    ) -> Pte<M::Format> {
        self.memory.frames.record(table).add_reference();
        self.reservation.keep_place();
        if link.is_shared() {
            return link;
        }
        let closed = Pte::closed_link(table);
        close_parent(closed);
        self.tightened = true;
        closed
    }

    /// Copies the entries of a leaf table, and the pages if the mode says so. `shared` says whether
    /// other spaces may share the table.
    fn copy_entries(
        &mut self,
        from: Table<'_, M::Format>,
        to: Table<'_, M::Format>,
        base: PageNo,
        shared: bool,
    ) {
        match self.mode {
            ForkMode::Eager => self.copy_pages(from, to, base, shared),
            ForkMode::CopyOnWrite | ForkMode::SharedTables => {
                let memory = self.memory;
                let tightened = || memory.share_pages(from, to);
                self.tightened |= self.keeping_entries(from, shared, tightened);
            }
        }
    }

    /// Does `body` while nobody replaces an entry of a leaf table, so that a reference is taken to
    /// what the entry refers to.
    fn keeping_entries<T>(
        &self,
        table: Table<'_, M::Format>,
        shared: bool,
        body: impl FnOnce() -> T,
    ) -> T {
        self.parent.entries.with(|()| {
            if shared {
                self.memory.tables.of(table.frame()).with(|()| body())
            } else {
                body()
            }
        })
    }

    /// Copies the pages of a leaf table that begins at `base`, and shares those in swap.
    fn copy_pages(
        &mut self,
        from: Table<'_, M::Format>,
        to: Table<'_, M::Format>,
        base: PageNo,
        shared: bool,
    ) {
        for (index, target) in to.entries().iter().enumerate() {
            let (pte, entry) = self.keeping_entries(from, shared, || {
                let pte = from.get(index);
                let entry = pte.decode(0);
                if let Entry::Page(frame) = entry {
                    // The reference keeps the frame if the page is evicted while it is copied.
                    self.memory.frames.record(frame).add_reference();
                }
                (pte, entry)
            });
            let copy = match entry {
                Entry::Page(_) if pte.is_shared() => of_shared(pte),
                Entry::Page(frame) => self.copy_page(pte, frame, base.plus(index as u64)),
                Entry::Evicted => pte,
                Entry::Swapped(slot) => {
                    self.memory.slots.record(slot).add_reference();
                    pte
                }
                Entry::Empty | Entry::Table(_) => continue,
            };
            target.store(copy, Ordering::Relaxed);
        }
        to.note_filled(from.live());
    }

    /// Copies a page and drops the reference to it. Returns the entry for the copy.
    fn copy_page(&mut self, pte: Pte<M::Format>, frame: FrameNo, page: PageNo) -> Pte<M::Format> {
        let mut copy = self.memory.allocate(Kind::Anonymous, &mut self.reservation);
        copy.copy_from(frame);
        self.memory.drop_reference(frame);
        let copy = copy.into_reference();
        let family = self.family;
        let record = self.memory.frames.record(copy);
        record.private().set_page(FamilyPage { family, page });
        pte.owning(copy)
    }
}

impl<M: Machine> Memory<M> {
    /// Copies the entries of a leaf table into an empty one and shares the pages. Nobody may
    /// replace an entry meanwhile. Returns whether one of `from` lost its right to write.
    pub(super) fn share_pages(&self, from: Table<'_, M::Format>, to: Table<'_, M::Format>) -> bool {
        let mut left = from.live();
        let mut tightened = false;
        for (source, target) in from.entries().iter().zip(to.entries()) {
            if left == 0 {
                break;
            }
            let pte = source.load(Ordering::Relaxed);
            match pte.decode(0) {
                // The reference is taken before the copy exists, and while the source keeps the
                // frame alive.
                Entry::Page(frame) => self.frames.record(frame).add_reference(),
                Entry::Swapped(slot) => self.slots.record(slot).add_reference(),
                Entry::Evicted => {}
                Entry::Empty | Entry::Table(_) => continue,
            }
            left -= 1;
            if pte.is_shared() {
                target.store(of_shared(pte), Ordering::Relaxed);
                continue;
            }
            if pte.is_writable() {
                source.make_read_only(Ordering::Relaxed);
                tightened = true;
            }
            // No other thread can see the new table yet.
            target.store(pte.read_only(), Ordering::Relaxed);
        }
        to.note_filled(from.live());
        tightened
    }
}
