//! The number of an inode, as a type of its own.
//!
//! Neighbours: [`crate::volume`] checks numbers against the disk; [`crate::inode`] reads the inode.

use core::fmt;

use crate::error::Place;

/// The number of an inode that the file system has returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeNo(u16);

impl InodeNo {
    /// The root directory.
    pub const ROOT: Self = Self(1);

    /// Returns the inode number for a number that has been checked against the disk.
    pub(crate) const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Returns the number, as in `Stat::inode`.
    pub const fn number(self) -> u32 {
        self.0 as u32
    }

    /// Returns the inode number for a number that [`InodeNo::number`] returned.
    ///
    /// # Panics
    ///
    /// If no inode can have it.
    pub const fn from_number(number: u32) -> Self {
        assert!(number <= u16::MAX as u32, "inode numbers have 16 bits");
        Self(number as u16)
    }

    /// Returns the number as it is stored in directory entries.
    pub(crate) const fn in_entry(self) -> u16 {
        self.0
    }

    /// Returns the inode as the place of a contradiction.
    pub(crate) const fn place(self) -> Place {
        Place::Inode(self.number())
    }
}

impl fmt::Display for InodeNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
