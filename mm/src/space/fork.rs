//! Fork: a second address space that cannot be told from the first.
//!
//! [`ForkMode::Eager`] copies every page that is present, as xv6 does. [`ForkMode::CopyOnWrite`] copies the entries and shares the
//! pages: the write right goes from both entries, the copy-on-write mark stays, so that a page forked twice is still known as
//! one that may become writable, and a page of text never is. Pages of objects and files stay shared, by both. Pages in swap are shared by their slots in either mode.
//!
//! Invariants: all tickets are taken before anything is touched, so a fork that fails has changed nothing
//! (R5). The parent's stale write rights are flushed, on every hart that runs one of its threads, before the child
//! is handed out (R3); until then both see writes to the same frame, which nobody can tell from writes before the fork.

use abi::{ForkMode, MemCounter};
use sync::atomic::Ordering;

use super::AddressSpace;
use crate::addr::{FrameNo, PageNo, SlotNo};
use crate::commit::{Claim, NoMemory, Tickets};
use crate::frame::Kind;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::{ENTRIES, Entry, Format, Table, UserRange};
use crate::rmap::Member;
use crate::tlb::{Broken, Scope};

/// One fork under way.
struct Fork<'f, 'm, M: Machine> {
    memory: &'m Memory<M>,
    parent: &'f Member,
    family: u32,
    tickets: Tickets<'f>,
    mode: ForkMode,
    /// Page entries copied.
    entries: u64,
    /// The parent lost a write right.
    tightened: bool,
}

impl<'m, M: Machine> AddressSpace<'m, M> {
    /// The child's address space.
    pub fn fork(&mut self, mode: ForkMode) -> Result<Self, NoMemory> {
        let memory = self.memory;
        let pages = match mode {
            // Those in swap need none, but who knows which they are in a moment.
            ForkMode::Eager => self.pages,
            ForkMode::CopyOnWrite => 0,
        };
        let tickets = memory.take_tickets(self.tables + pages, Claim::Fork)?;
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
            tickets,
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
        // Some hart may still write a page that was evicted a moment ago, and that may even be back, read-only.
        let tightened = fork.tightened || self.context.member().has_stale_rights();
        if tightened {
            Broken::new((), Scope::Space)
                .flush(&self.context)
                .into_inner();
        }
        child.publish();
        if memory.files.cuts.any_since(cuts) {
            // What was cut off a file while nobody saw the child's entries.
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

/// The child's entry for a page of an object or a file. Without the right to write: a write-back of the page must see whoever has that, and
/// may not see the child yet.
fn of_shared<F: Format>(word: u64) -> u64 {
    word & !F::WRITABLE
}

impl<M: Machine> Fork<'_, '_, M> {
    /// Copies what is below the first `entries` entries of a table of `level` (above 0) that begins at `base`.
    fn upper(
        &mut self,
        from: Table<'_>,
        to: Table<'_>,
        level: usize,
        entries: usize,
        base: PageNo,
    ) {
        let lower = |index| match M::Format::decode(from.get(index), level) {
            Entry::Table(lower) => Some((index, lower)),
            _ => None,
        };
        // What follows the last one is not looked at.
        for (index, lower) in (0..entries).filter_map(lower).take(from.live()) {
            let source = self.memory.table(lower);
            let target = self.memory.allocate_table(&mut self.tickets);
            let base = base.plus((index as u64) << (9 * level));
            if level > 1 {
                self.upper(source, target, level - 1, ENTRIES, base);
            } else {
                match self.mode {
                    ForkMode::Eager => self.copy_pages(source, target, base),
                    // Nobody evicts a page between the look at its entry and the reference to its frame.
                    ForkMode::CopyOnWrite => {
                        let entries = &self.parent.entries;
                        entries.with(|()| self.share_pages(source, target));
                    }
                }
                target.note_filled(source.live());
                self.entries += source.live() as u64;
            }
            // The child's table is complete before its upper entry points to it.
            to.fill(index, M::Format::table(target.frame()));
        }
    }

    /// Copies the entries of a leaf table and shares the pages.
    fn share_pages(&mut self, from: Table<'_>, to: Table<'_>) {
        let mut left = from.live();
        for (source, target) in from.words().iter().zip(to.words()) {
            if left == 0 {
                break;
            }
            let word = source.load(Ordering::Relaxed);
            match M::Format::decode(word, 0) {
                // The reference is taken before the child's entry exists, and while the parent's keeps the frame alive.
                Entry::Page(frame) => self.memory.frames.record(frame).add_reference(),
                Entry::Swapped(slot) => self.share_slot(slot),
                Entry::Evicted => {}
                Entry::Empty | Entry::Table(_) => continue,
            }
            left -= 1;
            if word & M::Format::SHARED != 0 {
                target.store(of_shared::<M::Format>(word), Ordering::Relaxed);
                continue;
            }
            if word & M::Format::WRITABLE != 0 {
                // Atomic: the hardware may set the dirty bit at this moment.
                source.fetch_and(!M::Format::WRITABLE, Ordering::Relaxed);
                self.tightened = true;
            }
            // Nobody can see the child's table yet.
            target.store(word & !M::Format::WRITABLE, Ordering::Relaxed);
        }
    }

    /// A further reference to a page in swap.
    fn share_slot(&self, slot: SlotNo) {
        self.memory.slots.record(slot).add_reference();
    }

    /// Copies the pages of a leaf table that begins at `base`, and shares those in swap.
    fn copy_pages(&mut self, from: Table<'_>, to: Table<'_>, base: PageNo) {
        for (index, target) in to.words().iter().enumerate() {
            let (word, entry) = self.parent.entries.with(|()| {
                let word = from.get(index);
                let entry = M::Format::decode(word, 0);
                if let Entry::Page(frame) = entry {
                    // Evicted while it is copied, it stays where it is.
                    self.memory.frames.record(frame).add_reference();
                }
                (word, entry)
            });
            let copy = match entry {
                Entry::Page(_) if word & M::Format::SHARED != 0 => of_shared::<M::Format>(word),
                Entry::Page(frame) => self.copy_page(word, frame, base.plus(index as u64)),
                Entry::Evicted => word,
                Entry::Swapped(slot) => {
                    self.share_slot(slot);
                    word
                }
                Entry::Empty | Entry::Table(_) => continue,
            };
            target.store(copy, Ordering::Relaxed);
        }
    }

    /// Copies a page and gives up the reference to it.
    fn copy_page(&mut self, word: u64, frame: FrameNo, page: PageNo) -> u64 {
        let mut copy = self.memory.allocate(Kind::Anonymous, &mut self.tickets);
        copy.copy_from(frame);
        self.memory.drop_reference(frame);
        let copy = copy.into_reference();
        self.memory.frames.record(copy).set_owner(self.family, page);
        M::Format::with_frame(word, copy)
    }
}
