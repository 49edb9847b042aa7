//! Fork: makes a child's address space with the same contents as its parent's.
//!
//! [`ForkMode::Eager`] copies every page that is present, as xv6 does. [`ForkMode::CopyOnWrite`]
//! copies the entries and shares the pages: both entries lose the write permission and keep the
//! copy-on-write mark. A page that was forked twice is therefore still known as one that may become
//! writable, and a page of text never is. Pages of shared objects and files stay shared in both
//! modes. Pages in swap are shared by their slots.
//!
//! Invariants: all frames are reserved before anything changes, so a fork that fails has changed
//! nothing (R5). The parent's stale write permissions are flushed, on every hart that runs one of
//! its threads, before the child is returned (R3). Writes of another thread before that flush reach
//! both processes, and count as writes before the fork.

use abi::{ForkMode, MemCounter};
use sync::atomic::Ordering;

use super::AddressSpace;
use crate::addr::{FrameNo, PageNo, SlotNo};
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
            ForkMode::CopyOnWrite => 0,
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
        child.publish();
        if memory.files.cuts.any_since(cuts) {
            // A file may have been truncated before the child's entries could be found.
            child.forget_gone(UserRange::all::<M::Format>());
        }
        memory.count(MemCounter::Forks, 1);
        memory.count(MemCounter::EntriesCopied, fork.entries as i64);
        if mode == ForkMode::CopyOnWrite {
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
        let lower = |index| match from.get(index).decode(level) {
            Entry::Table(lower) => Some((index, lower)),
            _ => None,
        };
        // Stops after the last live entry: the rest of the table is empty.
        for (index, lower) in (0..entries).filter_map(lower).take(from.live()) {
            let source = self.memory.table(lower);
            let target = self.memory.allocate_table(&mut self.reservation);
            let base = base.plus((index as u64) << (9 * level));
            if level > 1 {
                self.upper(source, target, level - 1, ENTRIES, base);
            } else {
                match self.mode {
                    ForkMode::Eager => self.copy_pages(source, target, base),
                    // The lock keeps eviction from replacing an entry between its decoding and the
                    // reference to its frame.
                    ForkMode::CopyOnWrite => {
                        let entries = &self.parent.entries;
                        entries.with(|()| self.share_pages(source, target));
                    }
                }
                target.note_filled(source.live());
                self.entries += source.live() as u64;
            }
            // The child's table must be complete before its upper entry points to it.
            to.fill(index, Pte::table(target.frame()));
        }
    }

    /// Copies the entries of a leaf table and shares the pages.
    fn share_pages(&mut self, from: Table<'_, M::Format>, to: Table<'_, M::Format>) {
        let mut left = from.live();
        for (source, target) in from.entries().iter().zip(to.entries()) {
            if left == 0 {
                break;
            }
            let pte = source.load(Ordering::Relaxed);
            match pte.decode(0) {
                // The reference is taken before the child's entry exists, and while the parent's
                // entry keeps the frame alive.
                Entry::Page(frame) => self.memory.frames.record(frame).add_reference(),
                Entry::Swapped(slot) => self.share_slot(slot),
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
                self.tightened = true;
            }
            // No other thread can see the child's table yet.
            target.store(pte.read_only(), Ordering::Relaxed);
        }
    }

    /// Adds a reference to a page in swap.
    fn share_slot(&self, slot: SlotNo) {
        self.memory.slots.record(slot).add_reference();
    }

    /// Copies the pages of a leaf table that begins at `base`, and shares those in swap.
    fn copy_pages(&mut self, from: Table<'_, M::Format>, to: Table<'_, M::Format>, base: PageNo) {
        for (index, target) in to.entries().iter().enumerate() {
            let (pte, entry) = self.parent.entries.with(|()| {
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
                    self.share_slot(slot);
                    pte
                }
                Entry::Empty | Entry::Table(_) => continue,
            };
            target.store(copy, Ordering::Relaxed);
        }
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
