//! Pages of files: one cache under `read`, `write`, `exec` and `mmap`.
//!
//! This room knows a file as a number and its pages by their places in it. It does no I/O: the
//! kernel reads a page into the cache with a [`FileRead`] and writes a changed one back with a
//! [`WriteBack`]; how files lie on a disk is its business. A mapping of a file is an area like any
//! other whose pages come from here; [`FileMap`] says which.
//!
//! The *cache* is a hash table without a table: the record of each frame has room for the head of
//! one chain, and the chain goes through the records of the cached frames (an inverted page table;
//! Chang and Mergen, "801 Storage", 1988). So it grows with memory and takes none. The cache's
//! frames have no places ([`crate::commit`]): they give way to whoever was promised one.
//!
//! A *mapping* says where a file is mapped: by one call of `mmap` or `exec`, in one family, at one
//! address. All areas that came from that call share it, and it is in the list of its file until
//! the last of them has gone. So a page's mappings lead to every entry that can map it
//! ([`crate::rmap`]).
//!
//! Dirty pages: hardware may write a page only through an entry whose owner has made the page dirty
//! here first, in the same breath as the entry writable (both under [`crate::rmap::Member`]'s lock
//! of entries). A write-back takes that right from every entry, flushes, and only then lets the
//! device have the bytes. So a page that is not dirty is writable for nobody. A forked entry begins
//! without the right, for its table may not be seen by a write-back yet.
//!
//! The kernel keeps these rules: contents move between a file and the cache only under its
//! file-system lock (a read, a write-back, [`update_file`](crate::Memory::update_file) after a
//! write, [`cut_file`](crate::Memory::cut_file) after a truncation), so that the two cannot
//! disagree; and a mapping keeps its file from being freed, which is why
//! [`take_departed`](crate::Memory::take_departed) says when one has gone.
//!
//! Invariants:
//! - a page of a file is in at most one frame of the cache; the cache has a reference to it, each
//!   entry another;
//! - a frame that has left the cache ([`Cached::Gone`](crate::frame::Cached)) is never found again,
//!   and no new entry maps it;
//! - an entry for such a page says that it is shared ([`Pte::is_shared`](crate::pt::Pte)), and may
//!   be writable only in a shared mapping while the page is dirty.
//!
//! Locks: a chain's lock is a leaf. Of the lists of mappings: see [`crate::list`]; a family's list
//! is taken inside.

mod cache;
mod mapping;
mod transfer;

use core::ops::Range;

pub(crate) use cache::{Dirtied, FileCache, Lookup};
pub(crate) use mapping::Mapped;
pub use transfer::{FileRead, PinnedPage, WriteBack};

use crate::addr::PageNo;
use crate::pt::Permissions;

/// A file, as a number that the kernel gives it (its inode number).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileNo(pub u32);

/// A page of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePage {
    /// The file.
    pub file: FileNo,
    /// The index of the page in the file, counted from 0.
    pub index: u32,
}

/// The part of a file to map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMap {
    /// The first page.
    pub first: FilePage,
    /// What happens to stores to the pages.
    pub sharing: Sharing,
}

/// What happens to stores to the pages of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// They stay private to the process.
    Private,
    /// They stay private to the process, and the file is the program that the process runs
    /// ([`Memory::is_running`](crate::Memory::is_running)).
    Program,
    /// They go to the file, where other processes see them.
    Shared,
    /// There are none: the pages are the file's own, and can never be made writable, because the
    /// file was not opened for writing.
    SharedReadOnly,
}

impl Sharing {
    /// Returns whether the pages are the file's own, which other processes see.
    pub fn is_shared(self) -> bool {
        matches!(self, Self::Shared | Self::SharedReadOnly)
    }

    /// Returns whether pages of the mapping may have these permissions.
    pub fn permits(self, permissions: Permissions) -> bool {
        self != Self::SharedReadOnly || !permissions.contains(Permissions::WRITE)
    }
}

/// Pages of one file that are mapped shared. `msync` writes them back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedPages {
    /// The first page.
    pub first: FilePage,
    /// The number of pages.
    pub count: u32,
    /// The page of the address space at which the search for more continues.
    pub next: PageNo,
}

impl SharedPages {
    /// Returns the indices of the pages in the file.
    pub fn indices(self) -> Range<u32> {
        self.first.index..self.first.index + self.count
    }
}
