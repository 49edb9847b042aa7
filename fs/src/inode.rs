//! Inodes: 64-byte records with a file's kind, size and blocks.
//!
//! They are read from and written to their blocks by value; there is no table of inodes in memory.
//! Invariant: an [`Inode`] has a kind that exists and a size within the limits, which were checked
//! when it was read. Neighbours: `map`, `directory` and every module above use [`Inode`]; `volume`
//! is below.

use abi::FileKind;
use zerocopy::{transmute_mut, transmute_ref};

use crate::device::BlockDevice;
use crate::error::FsError;
use crate::layout::{DiskInode, ENTRY_SIZE, INODES_PER_BLOCK, MAX_FILE_SIZE, MAX_LINKS};
use crate::number::InodeNo;
use crate::volume::Volume;

type InodeBlock = [DiskInode; INODES_PER_BLOCK as usize];

/// An inode in use, as it was read. [`Volume::store_inode`] writes changes to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inode {
    pub(crate) number: InodeNo,
    pub(crate) kind: FileKind,
    pub(crate) record: DiskInode,
}

impl Inode {
    /// Returns the size of the file, in bytes.
    pub(crate) fn size(&self) -> u32 {
        self.record.size.get()
    }

    /// Returns whether the inode has no names.
    pub(crate) fn is_unlinked(&self) -> bool {
        self.record.nlink.get() == 0
    }

    /// Counts one more name.
    pub(crate) fn add_link(&mut self) -> Result<(), FsError> {
        let links = self.record.nlink.get();
        if links >= MAX_LINKS {
            return Err(FsError::TooManyLinks);
        }
        self.record.nlink.set(links + 1);
        Ok(())
    }

    /// Counts one name less.
    pub(crate) fn remove_link(&mut self) -> Result<(), FsError> {
        let links = self.record.nlink.get();
        let Some(fewer) = links.checked_sub(1) else {
            return Err(self.corrupt("an inode has more names than its link count says"));
        };
        self.record.nlink.set(fewer);
        Ok(())
    }

    /// Returns the error that this inode contradicts itself.
    pub(crate) fn corrupt(&self, what: &'static str) -> FsError {
        FsError::Corrupt {
            what,
            place: self.number.place(),
        }
    }
}

impl<D: BlockDevice> Volume<D> {
    /// Returns the inode's record, in use or not.
    pub(crate) fn inode_record(&mut self, number: InodeNo) -> Result<DiskInode, FsError> {
        if !self.geometry().has_inode(number.number()) {
            return Err(FsError::Corrupt {
                what: "the disk has no such inode",
                place: number.place(),
            });
        }
        let (block, index) = self.geometry().inode_position(number.number());
        let records: &InodeBlock = transmute_ref!(self.metadata(block)?);
        Ok(records[index])
    }

    /// Returns an inode that must be in use.
    pub(crate) fn inode(&mut self, number: InodeNo) -> Result<Inode, FsError> {
        let record = self.inode_record(number)?;
        let corrupt = |what| FsError::Corrupt {
            what,
            place: number.place(),
        };
        if record.is_free() {
            return Err(corrupt("a name leads to a free inode"));
        }
        let kind = record
            .file_kind()
            .ok_or(corrupt("an inode has an unknown type"))?;
        let size = record.size.get();
        if size > MAX_FILE_SIZE {
            return Err(corrupt("an inode is larger than a file can be"));
        }
        if kind == FileKind::Directory && !(size as usize).is_multiple_of(ENTRY_SIZE) {
            return Err(corrupt(
                "the size of a directory is not a whole number of entries",
            ));
        }
        Ok(Inode {
            number,
            kind,
            record,
        })
    }

    /// Writes an inode's record in the transaction.
    pub(crate) fn store_inode(&mut self, inode: &Inode) -> Result<(), FsError> {
        self.store_record(inode.number, inode.record)
    }

    /// Makes an inode free in the transaction.
    pub(crate) fn free_inode(&mut self, number: InodeNo) -> Result<(), FsError> {
        self.store_record(number, DiskInode::FREE)
    }

    fn store_record(&mut self, number: InodeNo, record: DiskInode) -> Result<(), FsError> {
        let (block, index) = self.geometry().inode_position(number.number());
        let records: &mut InodeBlock = transmute_mut!(self.edit(block)?);
        records[index] = record;
        Ok(())
    }

    /// Returns a free inode. It gets the given kind when the transaction stores it. The search goes
    /// round, as the search for free blocks does.
    pub(crate) fn find_free_inode(&mut self, kind: FileKind) -> Result<Inode, FsError> {
        let end = self.geometry().inode_end;
        for number in (self.next_inode..end).chain(1..self.next_inode) {
            let number = InodeNo::new(number as u16);
            if self.inode_record(number)?.is_free() {
                self.next_inode = number.number() + 1;
                let mut record = DiskInode::FREE;
                record.kind.set(kind as u16);
                return Ok(Inode {
                    number,
                    kind,
                    record,
                });
            }
        }
        Err(FsError::NoInodes)
    }

    /// Returns how many inodes are free.
    pub(crate) fn count_free_inodes(&mut self) -> Result<u32, FsError> {
        let mut free = 0;
        for number in 1..self.geometry().inode_end {
            free += u32::from(self.inode_record(InodeNo::new(number as u16))?.is_free());
        }
        Ok(free)
    }
}
