//! The walk from a root to the entry of a page, and the tables on the way.
//!
//! Invariant: [`TableRecord::live`] is the number of its entries that are not empty.

use sync::atomic::Ordering;

use super::ENTRIES;
use super::format::{Entry, Format};
use super::pte::{AtomicPte, Pte};
use super::user::UserPage;
use crate::addr::FrameNo;
use crate::commit::Reservation;
use crate::frame::TableRecord;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::phys;

/// A page table.
#[derive(Clone, Copy)]
pub(crate) struct Table<'m, F: Format> {
    frame: FrameNo,
    entries: &'m [AtomicPte<F>; ENTRIES],
    record: TableRecord<'m>,
    /// Whether the entry that led here is marked: the table may have other referrers.
    shared: bool,
}

impl<'m, F: Format> Table<'m, F> {
    /// Returns the frame that the table is in.
    pub(crate) fn frame(self) -> FrameNo {
        self.frame
    }

    /// Returns whether the table may have other referrers, so that its entries are not its space's
    /// alone to change ([`crate::space`], `tables`).
    #[inline]
    pub(crate) fn is_shared(self) -> bool {
        self.shared
    }

    /// Returns the record of its frame.
    pub(crate) fn record(self) -> TableRecord<'m> {
        self.record
    }

    /// Returns the entry at an index.
    #[inline]
    pub(crate) fn get(self, index: usize) -> Pte<F> {
        self.entries[index].load(Ordering::Acquire)
    }

    /// Returns all entries.
    pub(crate) fn entries(self) -> &'m [AtomicPte<F>; ENTRIES] {
        self.entries
    }

    /// Returns how many entries are not empty.
    #[inline]
    pub(crate) fn live(self) -> usize {
        self.record.live()
    }

    /// Fills an empty entry. The store releases: hardware that finds the entry finds what it points
    /// to.
    #[inline]
    pub(crate) fn fill(self, index: usize, pte: Pte<F>) {
        debug_assert!(!self.shared, "a page would appear in other processes");
        debug_assert!(
            self.get(index).is_empty(),
            "an entry is emptied before it is filled"
        );
        self.entries[index].store(pte, Ordering::Release);
        self.record.set_live(self.live() + 1);
    }

    /// Counts entries that the caller has filled through [`Table::entries`]; all were empty.
    pub(crate) fn note_filled(self, entries: usize) {
        self.record.set_live(self.live() + entries);
    }

    /// Empties an entry. Returns what it held, with the bits that the hardware set. The translation
    /// may live on in TLBs.
    #[inline]
    pub(crate) fn take(self, index: usize) -> Pte<F> {
        debug_assert!(!self.shared, "a page would vanish from other processes");
        let taken = self.entries[index].swap(Pte::EMPTY, Ordering::AcqRel);
        if !taken.is_empty() {
            self.record.set_live(self.live() - 1);
        }
        taken
    }

    /// Replaces a live entry by another one, if it is still `old`. Returns whether it did.
    #[inline]
    pub(crate) fn replace(self, index: usize, old: Pte<F>, new: Pte<F>) -> bool {
        debug_assert!(
            !old.is_empty() && !new.is_empty(),
            "a live entry stays live"
        );
        self.entries[index].replace(old, new)
    }

    /// Empties an entry, if it is still `old`. Returns whether it did. The translation may live on
    /// in TLBs.
    #[inline]
    pub(crate) fn take_if(self, index: usize, old: Pte<F>) -> bool {
        debug_assert!(!self.shared, "a page would vanish from other processes");
        let taken = self.entries[index].replace(old, Pte::EMPTY);
        if taken {
            self.record.set_live(self.live() - 1);
        }
        taken
    }
}

/// The end of a walk.
pub(crate) enum Walk<'m, F: Format> {
    /// The leaf table, and the index of the page's entry.
    Leaf(Table<'m, F>, usize),
    /// An empty entry of `table`, whose level is `level` (above 0).
    Missing {
        /// The lowest table on the way to the page.
        table: Table<'m, F>,
        /// The level of that table.
        level: usize,
    },
}

impl<F: Format> Walk<'_, F> {
    /// Returns how many tables are missing on the way to the page.
    pub(crate) fn missing(&self) -> u64 {
        match self {
            Self::Leaf(..) => 0,
            Self::Missing { level, .. } => *level as u64,
        }
    }
}

impl<M: Machine> Memory<M> {
    /// Returns the table in a frame.
    #[inline]
    pub(crate) fn table(&self, frame: FrameNo) -> Table<'_, M::Format> {
        Table {
            frame,
            entries: phys::table_entries(&self.machine, frame),
            record: self.frames.record(frame).table(),
            shared: false,
        }
    }

    /// Walks from a root towards a page of the user half.
    #[inline]
    pub(crate) fn walk(&self, root: FrameNo, page: UserPage) -> Walk<'_, M::Format> {
        self.walk_to(root, page, 0)
    }

    /// Walks from a root to the table of level `lowest`. The answer calls that table the leaf.
    #[inline]
    pub(crate) fn walk_to(
        &self,
        root: FrameNo,
        page: UserPage,
        lowest: usize,
    ) -> Walk<'_, M::Format> {
        let table = |frame, entries, shared| Table {
            frame,
            entries,
            record: self.frames.record(frame).table(),
            shared,
        };
        // Records are looked for at the end alone.
        let (mut frame, mut shared) = (root, false);
        let mut entries = phys::table_entries(&self.machine, frame);
        for level in (lowest + 1..M::Format::LEVELS).rev() {
            let link: Pte<M::Format> =
                entries[M::Format::index(page, level)].load(Ordering::Acquire);
            let Entry::Table(lower) = link.decode(level) else {
                let table = table(frame, entries, false);
                return Walk::Missing { table, level };
            };
            (frame, shared) = (lower, link.is_shared());
            entries = phys::table_entries(&self.machine, frame);
        }
        let table = table(frame, entries, shared);
        Walk::Leaf(table, M::Format::index(page, lowest))
    }

    /// Adds the tables that are missing after a walk that ended at `table` of `level`. Each takes
    /// one reserved frame. Returns the leaf table.
    pub(crate) fn extend<'m>(
        &'m self,
        mut table: Table<'m, M::Format>,
        level: usize,
        page: UserPage,
        reservation: &mut Reservation<'_>,
    ) -> Table<'m, M::Format> {
        for level in (1..=level).rev() {
            let lower = self.allocate_table(reservation);
            table.fill(M::Format::index(page, level), Pte::table(lower.frame()));
            table = lower;
        }
        table
    }
}
