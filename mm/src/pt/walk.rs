//! The walk from a root to the entry of a page, and the tables on the way.
//!
//! Invariant: `live` in a table's frame record is the number of its entries that are not empty.

use sync::atomic::{AtomicWord, Ordering};

use super::ENTRIES;
use super::format::{Entry, Format};
use super::user::UserPage;
use crate::addr::FrameNo;
use crate::commit::Reservation;
use crate::frame::FrameRecord;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::phys;

/// A page table.
#[derive(Clone, Copy)]
pub(crate) struct Table<'m> {
    frame: FrameNo,
    words: &'m [AtomicWord; ENTRIES],
    record: &'m FrameRecord,
}

impl<'m> Table<'m> {
    /// Returns the frame that the table is in.
    pub(crate) fn frame(self) -> FrameNo {
        self.frame
    }

    /// Returns the word at an index.
    #[inline]
    pub(crate) fn get(self, index: usize) -> u64 {
        self.words[index].load(Ordering::Acquire)
    }

    /// Returns all words.
    pub(crate) fn words(self) -> &'m [AtomicWord; ENTRIES] {
        self.words
    }

    /// Returns how many entries are not empty.
    #[inline]
    pub(crate) fn live(self) -> usize {
        usize::from(self.record.live.load(Ordering::Relaxed))
    }

    /// Fills an empty entry. The store releases: hardware that finds the entry finds what it points
    /// to.
    #[inline]
    pub(crate) fn fill(self, index: usize, word: u64) {
        debug_assert_eq!(
            self.get(index),
            0,
            "an entry is emptied before it is filled"
        );
        self.words[index].store(word, Ordering::Release);
        self.record
            .live
            .store(self.live() as u16 + 1, Ordering::Relaxed);
    }

    /// Counts entries that the caller has filled through [`Table::words`]; all were empty.
    pub(crate) fn note_filled(self, entries: usize) {
        self.record
            .live
            .store((self.live() + entries) as u16, Ordering::Relaxed);
    }

    /// Empties an entry. Returns what it held, with the bits that the hardware set. The translation
    /// may live on in TLBs.
    #[inline]
    pub(crate) fn take(self, index: usize) -> u64 {
        let word = self.words[index].swap(0, Ordering::AcqRel);
        if word != 0 {
            self.record
                .live
                .store(self.live() as u16 - 1, Ordering::Relaxed);
        }
        word
    }

    /// Replaces a live entry by another one, if it is still `old`. Returns whether it did.
    #[inline]
    pub(crate) fn replace(self, index: usize, old: u64, new: u64) -> bool {
        debug_assert!(old != 0 && new != 0, "a live entry stays live");
        self.words[index]
            .compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Empties an entry, if it is still `old`. Returns whether it did. The translation may live on
    /// in TLBs.
    #[inline]
    pub(crate) fn take_if(self, index: usize, old: u64) -> bool {
        let taken = self.words[index]
            .compare_exchange(old, 0, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok();
        if taken {
            self.record
                .live
                .store(self.live() as u16 - 1, Ordering::Relaxed);
        }
        taken
    }
}

/// Where a walk ended.
pub(crate) enum Walk<'m> {
    /// At the leaf table, at this index.
    Leaf(Table<'m>, usize),
    /// At an empty entry of `table`, which is of `level` (above 0).
    Missing {
        /// The lowest table on the way to the page.
        table: Table<'m>,
        /// The level of that table.
        level: usize,
    },
}

impl Walk<'_> {
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
    pub(crate) fn table(&self, frame: FrameNo) -> Table<'_> {
        Table {
            frame,
            words: phys::table_words(&self.machine, frame),
            record: self.frames.record(frame),
        }
    }

    /// Walks from a root towards a page of the user half.
    #[inline]
    pub(crate) fn walk(&self, root: FrameNo, page: UserPage) -> Walk<'_> {
        self.walk_to(root, page, 0)
    }

    /// Walks from a root to the table of level `lowest`, which the answer calls the leaf.
    #[inline]
    pub(crate) fn walk_to(&self, root: FrameNo, page: UserPage, lowest: usize) -> Walk<'_> {
        let mut table = self.table(root);
        for level in (lowest + 1..M::Format::LEVELS).rev() {
            match M::Format::decode(table.get(M::Format::index(page, level)), level) {
                Entry::Table(frame) => table = self.table(frame),
                _ => return Walk::Missing { table, level },
            }
        }
        Walk::Leaf(table, M::Format::index(page, lowest))
    }

    /// Adds the tables that are missing after a walk that ended at `table` of `level`. Each uses
    /// one reserved frame. Returns the leaf table.
    pub(crate) fn extend<'m>(
        &'m self,
        mut table: Table<'m>,
        level: usize,
        page: UserPage,
        reservation: &mut Reservation<'_>,
    ) -> Table<'m> {
        for level in (1..=level).rev() {
            let lower = self.allocate_table(reservation);
            table.fill(
                M::Format::index(page, level),
                M::Format::table(lower.frame()),
            );
            table = lower;
        }
        table
    }
}
