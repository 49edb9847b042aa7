//! Names in a directory.
//!
//! A directory is a file of 16-byte entries; one whose inode is 0 is unused and taken again
//! before the directory grows. Names are compared up to 14 bytes. Invariant: an [`Inode`] given
//! to these functions is a directory. Neighbours: `path` and `names` above, `map` below.

use abi::{BLOCK_SIZE, FileKind, NAME_MAX};
use zerocopy::{transmute_mut, transmute_ref};

use crate::device::BlockDevice;
use crate::error::FsError;
use crate::inode::{Inode, InodeNo};
use crate::layout::{Block, DirEntry, ENTRIES_PER_BLOCK, ENTRY_SIZE, MAX_FILE_SIZE};
use crate::log::Content;
use crate::volume::Volume;

type EntryBlock = [DirEntry; ENTRIES_PER_BLOCK as usize];

/// A name that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// What it leads to.
    pub(crate) inode: InodeNo,
    /// Which entry of the directory it is.
    position: usize,
}

/// A name as directories hold it: its first 14 bytes.
fn cut(name: &[u8]) -> &[u8] {
    &name[..name.len().min(NAME_MAX)]
}

impl<D: BlockDevice> Volume<D> {
    /// The inode if it is a directory.
    pub(crate) fn directory(&mut self, number: InodeNo) -> Result<Inode, FsError> {
        let inode = self.inode(number)?;
        match inode.kind {
            FileKind::Directory => Ok(inode),
            FileKind::File | FileKind::Device => Err(FsError::NotADirectory),
        }
    }

    /// The entry with this name.
    pub(crate) fn find_name(
        &mut self,
        directory: &Inode,
        name: &[u8],
    ) -> Result<Option<Found>, FsError> {
        let name = cut(name);
        let found = self.find_entry(directory, |entry| {
            entry.inode.get() != 0 && entry.name() == name
        })?;
        let Some((position, entry)) = found else {
            return Ok(None);
        };
        let number = entry.inode.get();
        if !self.geometry().has_inode(number.into()) {
            return Err(directory.corrupt("a directory names an inode the disk does not have"));
        }
        Ok(Some(Found {
            inode: InodeNo::new(number),
            position,
        }))
    }

    /// Whether the directory has no entries but `.` and `..`.
    pub(crate) fn is_empty_directory(&mut self, directory: &Inode) -> Result<bool, FsError> {
        let other = self.find_entry(directory, |entry| {
            entry.inode.get() != 0 && !matches!(entry.name(), b"." | b"..")
        })?;
        Ok(other.is_none())
    }

    /// The first entry that satisfies `wanted`, and its position.
    fn find_entry(
        &mut self,
        directory: &Inode,
        wanted: impl Fn(&DirEntry) -> bool,
    ) -> Result<Option<(usize, DirEntry)>, FsError> {
        let count = directory.size() as usize / ENTRY_SIZE;
        for first in (0..count).step_by(ENTRIES_PER_BLOCK as usize) {
            let block = self.map_existing(directory, first * ENTRY_SIZE / BLOCK_SIZE)?;
            let entries: &EntryBlock = transmute_ref!(self.metadata(block)?);
            let present = &entries[..entries.len().min(count - first)];
            if let Some(index) = present.iter().position(&wanted) {
                return Ok(Some((first + index, present[index])));
            }
        }
        Ok(None)
    }

    /// Adds a name that the directory does not have, in the transaction. The caller stores the
    /// directory, which may have grown.
    pub(crate) fn add_name(
        &mut self,
        directory: &mut Inode,
        name: &[u8],
        inode: InodeNo,
    ) -> Result<(), FsError> {
        let entry = DirEntry::new(inode.in_entry(), name);
        let unused = self.find_entry(directory, |entry| entry.inode.get() == 0)?;
        if let Some((position, _)) = unused {
            return self.put_entry(directory, position, entry);
        }
        let size = directory.size();
        if size >= MAX_FILE_SIZE {
            return Err(FsError::TooLarge);
        }
        if (size as usize).is_multiple_of(BLOCK_SIZE) {
            let block = self.map_or_allocate(directory, size as usize / BLOCK_SIZE)?;
            self.replace(block, Content::Metadata)?;
        }
        directory.record.size.set(size + ENTRY_SIZE as u32);
        self.put_entry(directory, size as usize / ENTRY_SIZE, entry)
    }

    /// Removes a name in the transaction.
    pub(crate) fn remove_name(&mut self, directory: &Inode, found: Found) -> Result<(), FsError> {
        self.put_entry(directory, found.position, DirEntry::UNUSED)
    }

    fn put_entry(
        &mut self,
        directory: &Inode,
        position: usize,
        entry: DirEntry,
    ) -> Result<(), FsError> {
        let per_block = ENTRIES_PER_BLOCK as usize;
        let block = self.map_existing(directory, position / per_block)?;
        let contents: &mut Block = self.edit(block)?;
        let entries: &mut EntryBlock = transmute_mut!(contents);
        entries[position % per_block] = entry;
        Ok(())
    }
}
