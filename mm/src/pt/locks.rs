//! The locks of page tables that several spaces share.
//!
//! The lock of one space does not keep the others from a table that they share. The lock of the
//! table is held while its entries are copied, protected or replaced ([`crate::space`], `tables`).
//! A table that one space alone refers to needs none.
//!
//! Invariant: a thread holds the lock of one table at a time, because two tables may have one lock
//! in common.

use sync::LeafLock;

use crate::addr::FrameNo;

/// How many locks there are. Tables that have one in common wait for each other.
const LOCKS: usize = 64;

/// The locks. A table's follows from the number of its frame.
pub(crate) struct TableLocks([LeafLock<()>; LOCKS]);

impl TableLocks {
    /// Returns locks that nobody holds.
    pub(crate) fn new() -> Self {
        Self(core::array::from_fn(|_| LeafLock::new(())))
    }

    /// Returns the lock of the table in a frame.
    pub(crate) fn of(&self, table: FrameNo) -> &LeafLock<()> {
        &self.0[table.0 as usize % LOCKS]
    }
}
