//! The bytes of files and directories.
//!
//! Whole blocks of a file move directly between the caller's buffer and the device, consecutive
//! ones in one request. Writes go through the log, as all changes do. Directories are read through
//! the cache. Neighbours: `files` above, `map` below.

use abi::{BLOCK_SIZE, FileKind};

use crate::device::BlockDevice;
use crate::error::FsError;
use crate::inode::Inode;
use crate::log::Content;
use crate::map::MAP_BLOCKS;
use crate::volume::Volume;

/// The most blocks that change when one block of a file is written: the block itself, the blocks
/// that say where it is, and the inode's.
const WRITE_BLOCKS: usize = 1 + MAP_BLOCKS + 1;

/// Splits an offset in a file into the block's index and the byte in the block.
fn split(offset: usize) -> (usize, usize) {
    (offset / BLOCK_SIZE, offset % BLOCK_SIZE)
}

impl<D: BlockDevice> Volume<D> {
    /// Reads from byte `offset` on until the buffer is full or the file ends. Returns how many
    /// bytes were read.
    pub(crate) fn read_inode(
        &mut self,
        inode: &Inode,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<usize, FsError> {
        let left = u64::from(inode.size()).saturating_sub(offset);
        let wanted = buffer.len().min(left as usize);
        let mut done = 0;
        while done < wanted {
            let (index, start) = split(offset as usize + done);
            let rest = &mut buffer[done..wanted];
            if inode.kind == FileKind::Directory {
                done += match self.entry_block(inode, index)? {
                    Some(block) => copy_part(self.metadata(block)?, start, rest),
                    None => copy_part(&[0; BLOCK_SIZE], start, rest),
                };
                continue;
            }
            let block = self.map_existing(inode, index)?;
            done += if start == 0 && rest.len() >= BLOCK_SIZE {
                let blocks = self.run_length(inode, index, block, rest.len() / BLOCK_SIZE)?;
                let whole = &mut rest[..blocks * BLOCK_SIZE];
                self.read_data(block, whole)?;
                whole.len()
            } else {
                copy_part(self.read_scratch(block)?, start, rest)
            };
        }
        Ok(wanted)
    }

    /// Writes as much of `bytes` as fits into the transaction, from byte `offset` on, and stores
    /// the inode if it changed. Returns how many bytes were written. The range must be within the
    /// largest file.
    ///
    /// # Errors
    ///
    /// Nothing was written. In particular, [`FsError::NoSpace`] means that there was no space for
    /// the first byte.
    pub(crate) fn write_inode(
        &mut self,
        inode: &mut Inode,
        offset: u32,
        bytes: &[u8],
    ) -> Result<usize, FsError> {
        let before = *inode;
        let mut done = 0;
        while done < bytes.len() && self.room() >= WRITE_BLOCKS {
            let place = offset as usize + done;
            match self.write_part(inode, place, &bytes[done..]) {
                Ok(written) => done += written,
                Err(FsError::NoSpace) if done > 0 => break,
                Err(error) => return Err(error),
            }
            let end = offset + done as u32;
            if end > inode.size() {
                inode.record.size.set(end);
            }
        }
        if *inode != before {
            self.store_inode(inode)?;
        }
        Ok(done)
    }

    /// Writes the bytes that belong to one block of the file, beginning at byte `place`.
    fn write_part(
        &mut self,
        inode: &mut Inode,
        place: usize,
        bytes: &[u8],
    ) -> Result<usize, FsError> {
        let (index, start) = split(place);
        let length = bytes.len().min(BLOCK_SIZE - start);
        let valid = (inode.size() as usize).saturating_sub(index * BLOCK_SIZE);
        let block = if valid == 0 {
            self.map_or_allocate(inode, index)?
        } else {
            self.map_existing(inode, index)?
        };
        let nothing_remains = start == 0 && length >= valid.min(BLOCK_SIZE);
        let contents = if nothing_remains {
            self.replace(block, Content::Data)?
        } else {
            self.edit_data(block)?
        };
        contents[start..start + length].copy_from_slice(&bytes[..length]);
        Ok(length)
    }
}

/// Copies bytes of `block` from byte `start` on, as many as `buffer` takes. Returns how many.
fn copy_part(block: &[u8; BLOCK_SIZE], start: usize, buffer: &mut [u8]) -> usize {
    let length = buffer.len().min(BLOCK_SIZE - start);
    buffer[..length].copy_from_slice(&block[start..start + length]);
    length
}
