//! The mapping from the blocks of a file to the blocks of the disk.
//!
//! The inode names twelve blocks, and the indirect block 256 more.
//!
//! Invariants: whenever a block number is read, it is checked to lie in the data region. All blocks
//! of a file within its size exist (there are no holes, except in directories, see `directory`).
//! Blocks beyond the size may exist, because xv6 leaves some when a write is broken off.
//!
//! Neighbours: `data` and `directory` above, `bitmap` below.

use zerocopy::little_endian::U32;
use zerocopy::{transmute_mut, transmute_ref};

use crate::device::BlockDevice;
use crate::error::FsError;
use crate::inode::Inode;
use crate::layout::{Block, DIRECT, INDIRECT, MAX_FILE_BLOCKS};
use crate::log::Content;
use crate::volume::Volume;

/// The block numbers in an indirect block.
pub(crate) type Addresses = [U32; INDIRECT];

/// The most blocks that [`Volume::map_or_allocate`] changes: two of the bitmap, and the indirect
/// block.
pub(crate) const MAP_BLOCKS: usize = 3;

impl<D: BlockDevice> Volume<D> {
    /// Returns the numbers in an indirect block.
    pub(crate) fn addresses(&mut self, block: u32) -> Result<&Addresses, FsError> {
        Ok(transmute_ref!(self.metadata(block)?))
    }

    /// Returns the numbers in an indirect block, for changing them in the transaction.
    pub(crate) fn addresses_mut(&mut self, block: u32) -> Result<&mut Addresses, FsError> {
        let contents: &mut Block = self.edit(block)?;
        Ok(transmute_mut!(contents))
    }

    /// Returns a block number of an inode or an indirect block, after a check that it is in the
    /// data region or 0, which means that there is no block.
    pub(crate) fn checked_address(&self, inode: &Inode, address: u32) -> Result<u32, FsError> {
        if address == 0 || self.geometry().is_data(address) {
            Ok(address)
        } else {
            Err(inode.corrupt("a block number lies outside the data region"))
        }
    }

    /// Returns the inode's indirect block, or 0 if it has none.
    pub(crate) fn indirect_block(&self, inode: &Inode) -> Result<u32, FsError> {
        self.checked_address(inode, inode.record.addresses[DIRECT].get())
    }

    /// Returns the block that holds block `index` of the file, or 0 if there is none.
    pub(crate) fn map(&mut self, inode: &Inode, index: usize) -> Result<u32, FsError> {
        let address = if index < DIRECT {
            inode.record.addresses[index].get()
        } else {
            match self.indirect_block(inode)? {
                0 => 0,
                indirect => self.addresses(indirect)?[index - DIRECT].get(),
            }
        };
        self.checked_address(inode, address)
    }

    /// Returns the block that holds block `index` of the file. `index` is within the file's size.
    pub(crate) fn map_existing(&mut self, inode: &Inode, index: usize) -> Result<u32, FsError> {
        match self.map(inode, index)? {
            0 => Err(inode.corrupt("a block within the size of a file is missing")),
            block => Ok(block),
        }
    }

    /// Returns the block that holds block `index` of the file. If there is none, allocates it in
    /// the transaction, with arbitrary contents. The caller stores the inode.
    ///
    /// # Errors
    ///
    /// With [`FsError::NoSpace`] neither the transaction nor the inode has changed.
    pub(crate) fn map_or_allocate(
        &mut self,
        inode: &mut Inode,
        index: usize,
    ) -> Result<u32, FsError> {
        if index >= MAX_FILE_BLOCKS {
            return Err(FsError::TooLarge);
        }
        let present = self.map(inode, index)?;
        if present != 0 {
            return Ok(present);
        }
        if index < DIRECT {
            let block = self.allocate_block()?;
            inode.record.addresses[index].set(block);
            return Ok(block);
        }
        let mut indirect = self.indirect_block(inode)?;
        let block = self.allocate_block()?;
        if indirect == 0 {
            indirect = match self.allocate_block() {
                Ok(indirect) => indirect,
                Err(error) => {
                    self.free_block(block)?;
                    return Err(error);
                }
            };
            self.replace(indirect, Content::Metadata)?;
            inode.record.addresses[DIRECT].set(indirect);
        }
        self.addresses_mut(indirect)?[index - DIRECT].set(block);
        Ok(block)
    }

    /// Returns how many blocks of the disk, from `block` on, hold consecutive blocks of the file
    /// from `index` on, up to `most`. One request can read all of them.
    pub(crate) fn run_length(
        &mut self,
        inode: &Inode,
        index: usize,
        block: u32,
        most: usize,
    ) -> Result<usize, FsError> {
        let mut length = 1;
        while length < most && self.map(inode, index + length)? == block + length as u32 {
            length += 1;
        }
        Ok(length)
    }
}
