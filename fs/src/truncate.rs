//! Freeing the blocks of a file, from its end to its beginning.
//!
//! The blocks of one file may be spread over more blocks of the bitmap than a transaction can
//! change. So the work is done in steps, each of which leaves a shorter but consistent file. On
//! disks below 200 MiB with a log of ordinary length, one step is always enough. Neighbours:
//! `files` and `names` above, `map` and `bitmap` below.

use abi::BLOCK_SIZE;
use zerocopy::little_endian::U32;

use crate::device::BlockDevice;
use crate::error::FsError;
use crate::inode::Inode;
use crate::layout::{DIRECT, INDIRECT};
use crate::volume::Volume;

/// The room that a step needs before it frees one more block: for that block's block of the bitmap,
/// and at the end for the indirect block, its block of the bitmap, and the inode's block.
const STEP_BLOCKS: usize = 4;

/// Whether a file has been emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Progress {
    /// The file has no blocks left.
    Done,
    /// The transaction is full. The caller commits it and continues.
    More,
}

impl<D: BlockDevice> Volume<D> {
    /// Frees as many blocks as fit into the transaction, the last ones first. The caller stores the
    /// inode.
    pub(crate) fn shorten(&mut self, inode: &mut Inode) -> Result<Progress, FsError> {
        self.emptied = Some(inode.number);
        let indirect = self.indirect_block(inode)?;
        if indirect != 0 {
            if self.shorten_indirect(inode, indirect)? == Progress::More {
                return Ok(Progress::More);
            }
            self.free_block(indirect)?;
            inode.record.addresses[DIRECT] = U32::ZERO;
        }
        for index in (0..DIRECT).rev() {
            let address = inode.record.addresses[index].get();
            let block = self.checked_address(inode, address)?;
            if block != 0 {
                if self.room() < STEP_BLOCKS {
                    return Ok(Progress::More);
                }
                self.free_block(block)?;
                inode.record.addresses[index] = U32::ZERO;
            }
            limit_size(inode, index);
        }
        Ok(Progress::Done)
    }

    /// Frees the blocks that the indirect block names.
    fn shorten_indirect(&mut self, inode: &mut Inode, indirect: u32) -> Result<Progress, FsError> {
        for index in (0..INDIRECT).rev() {
            let address = self.addresses(indirect)?[index].get();
            let block = self.checked_address(inode, address)?;
            if block != 0 {
                if self.room() < STEP_BLOCKS {
                    self.addresses_mut(indirect)?[index + 1..].fill(U32::ZERO);
                    return Ok(Progress::More);
                }
                self.free_block(block)?;
            }
            limit_size(inode, DIRECT + index);
        }
        Ok(Progress::Done)
    }
}

/// Limits the size of a file that no longer has block `index`.
fn limit_size(inode: &mut Inode, index: usize) {
    let limit = (index * BLOCK_SIZE) as u32;
    if inode.size() > limit {
        inode.record.size.set(limit);
    }
}
