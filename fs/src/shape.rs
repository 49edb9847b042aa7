//! Telling whose inodes these are: the usual ones, or those of xv6's file-system lab.
//!
//! The lab gives up one direct block for a double-indirect one, so the same 13 numbers mean
//! something else: 11 direct blocks, an indirect block, a double-indirect block. No field says so.
//! What gives the lab's shape away is a file of more than 12 blocks:
//!
//! - With 13 to 267 blocks its last number is 0, because the double-indirect block is not needed
//!   yet. A usual file of that length has its indirect block there.
//! - With more than 268 blocks it is longer than a usual file can be.
//!
//! Either could also be damage. So the twelfth number must, besides, lead to an indirect block: one
//! whose numbers are 0 or lie in the data region, and are not 0 within the size of the file.
//! Neighbour: `filesystem` asks when it mounts, before it changes anything but what the log
//! recovers.

use abi::FileKind;

use crate::device::BlockDevice;
use crate::error::FsError;
use crate::layout::{DIRECT, DiskInode, INDIRECT, MAX_FILE_BLOCKS};
use crate::number::InodeNo;
use crate::volume::Volume;

/// The index of the indirect block in an inode of the lab, which is that of a usual inode's last
/// direct block.
const LAB_INDIRECT: usize = DIRECT - 1;
/// The index of the double-indirect block in an inode of the lab, which is that of a usual inode's
/// indirect block.
const LAB_DOUBLE: usize = DIRECT;
/// The most blocks of a file of the lab without a double-indirect block.
const LAB_WITHOUT_DOUBLE: usize = LAB_INDIRECT + INDIRECT;

impl<D: BlockDevice> Volume<D> {
    /// Returns whether the inodes of this disk have a double-indirect block. The first file decides
    /// that is long enough, and undamaged in one of the two shapes. Without such a file the inodes
    /// count as usual ones, because short files look alike.
    pub(crate) fn has_double_indirect(&mut self) -> Result<bool, FsError> {
        for number in 1..self.geometry().inode_end {
            let record = self.inode_record(InodeNo::new(number as u16))?;
            if record.file_kind() != Some(FileKind::File) {
                continue;
            }
            let blocks = record.size_in_blocks();
            let usual = record.addresses[LAB_DOUBLE].get() != 0;
            match blocks {
                ..=DIRECT | MAX_FILE_BLOCKS => {}
                ..=LAB_WITHOUT_DOUBLE if usual => return Ok(false),
                _ if self.lists_blocks(&record, blocks)? => return Ok(true),
                _ => {}
            }
        }
        Ok(false)
    }

    /// Returns whether a file of `blocks` blocks has an indirect block where the lab's inodes have
    /// it.
    fn lists_blocks(&mut self, record: &DiskInode, blocks: usize) -> Result<bool, FsError> {
        let geometry = *self.geometry();
        let indirect = record.addresses[LAB_INDIRECT].get();
        if !geometry.is_data(indirect) {
            return Ok(false);
        }
        let within = (blocks - LAB_INDIRECT).min(INDIRECT);
        let (present, rest) = self.addresses(indirect)?.split_at(within);
        let is_data = |number: u32| geometry.is_data(number);
        Ok(present.iter().all(|number| is_data(number.get()))
            && rest
                .iter()
                .all(|number| number.get() == 0 || is_data(number.get())))
    }
}
