//! The names in a directory.
//!
//! A directory is a file of 16-byte entries. An entry whose inode number is 0 is unused, and is
//! taken again before the directory grows. Names are compared up to 14 bytes.
//!
//! Blocks after the first may be missing within the size; all their entries count as unused. The
//! reason is xv6's `mkfs`. If a root directory fills its blocks to the last entry, `mkfs` records
//! one block too many, and xv6 allocates that block when it reads there.
//!
//! Invariant: an [`Inode`] passed to these functions is a directory. Neighbours: `path` and `names`
//! above, `map` below.

use abi::{BLOCK_SIZE, FileKind, NAME_MAX};
use zerocopy::{transmute_mut, transmute_ref};

use crate::device::BlockDevice;
use crate::error::FsError;
use crate::inode::Inode;
use crate::layout::{Block, DirEntry, ENTRIES_PER_BLOCK, ENTRY_SIZE, MAX_FILE_SIZE};
use crate::log::Content;
use crate::number::InodeNo;
use crate::volume::Volume;

const PER_BLOCK: usize = ENTRIES_PER_BLOCK as usize;

type EntryBlock = [DirEntry; PER_BLOCK];

/// An entry that was found by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The inode that the entry names.
    pub(crate) inode: InodeNo,
    /// The index of the entry in the directory.
    position: usize,
}

/// Returns the part of a name that directories store: its first 14 bytes.
fn cut(name: &[u8]) -> &[u8] {
    &name[..name.len().min(NAME_MAX)]
}

impl<D: BlockDevice> Volume<D> {
    /// Returns the inode if it is a directory.
    pub(crate) fn directory(&mut self, number: InodeNo) -> Result<Inode, FsError> {
        let inode = self.inode(number)?;
        match inode.kind {
            FileKind::Directory => Ok(inode),
            FileKind::File | FileKind::Device => Err(FsError::NotADirectory),
        }
    }

    /// Returns the entry with this name.
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

    /// Returns whether the directory has no entries but `.` and `..`.
    pub(crate) fn is_empty_directory(&mut self, directory: &Inode) -> Result<bool, FsError> {
        let other = self.find_entry(directory, |entry| {
            entry.inode.get() != 0 && !matches!(entry.name(), b"." | b"..")
        })?;
        Ok(other.is_none())
    }

    /// Returns the first entry that satisfies `wanted`, and its position.
    fn find_entry(
        &mut self,
        directory: &Inode,
        wanted: impl Fn(&DirEntry) -> bool,
    ) -> Result<Option<(usize, DirEntry)>, FsError> {
        let count = directory.size() as usize / ENTRY_SIZE;
        for first in (0..count).step_by(PER_BLOCK) {
            let Some(block) = self.entry_block(directory, first / PER_BLOCK)? else {
                if wanted(&DirEntry::UNUSED) {
                    return Ok(Some((first, DirEntry::UNUSED)));
                }
                continue;
            };
            let entries: &EntryBlock = transmute_ref!(self.metadata(block)?);
            let present = &entries[..entries.len().min(count - first)];
            if let Some(index) = present.iter().position(&wanted) {
                return Ok(Some((first + index, present[index])));
            }
        }
        Ok(None)
    }

    /// Returns the block that holds block `index` of a directory. `index` is within the directory's
    /// size. Returns `None` if there is no such block; then none of its entries is used.
    pub(crate) fn entry_block(
        &mut self,
        directory: &Inode,
        index: usize,
    ) -> Result<Option<u32>, FsError> {
        match index {
            0 => self.map_existing(directory, 0).map(Some),
            _ => Ok(Some(self.map(directory, index)?).filter(|&block| block != 0)),
        }
    }

    /// Adds a name that is not in the directory, in the transaction. The caller stores the
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
            let index = position / PER_BLOCK;
            if self.entry_block(directory, index)?.is_none() {
                self.add_block(directory, index)?;
            }
            return self.put_entry(directory, position, entry);
        }
        let size = directory.size();
        if size >= MAX_FILE_SIZE {
            return Err(FsError::TooLarge);
        }
        if (size as usize).is_multiple_of(BLOCK_SIZE) {
            self.add_block(directory, size as usize / BLOCK_SIZE)?;
        }
        directory.record.size.set(size + ENTRY_SIZE as u32);
        self.put_entry(directory, size as usize / ENTRY_SIZE, entry)
    }

    /// Adds a block of unused entries.
    fn add_block(&mut self, directory: &mut Inode, index: usize) -> Result<(), FsError> {
        let block = self.map_or_allocate(directory, index)?;
        self.replace(block, Content::Metadata)?;
        Ok(())
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
        let block = self.map_existing(directory, position / PER_BLOCK)?;
        let contents: &mut Block = self.edit(block)?;
        let entries: &mut EntryBlock = transmute_mut!(contents);
        entries[position % PER_BLOCK] = entry;
        Ok(())
    }
}
