//! The format on the disk, which is xv6-riscv's: structures, limits, and where things are.
//!
//! ```text
//! | boot | superblock | log: header, copies | inodes | bitmap | data ... |
//!   0      1            logstart              inodestart  bmapstart
//! ```
//!
//! All numbers are little-endian. The structures are views of bytes (`zerocopy`), so reading one
//! from a block cannot fail and says nothing about its truth; [`Geometry`] is the superblock
//! after it has been checked, and every region it names lies on the disk and overlaps no other.

use abi::{BLOCK_SIZE, FileKind, NAME_MAX};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::MountError;

/// The contents of a block.
pub type Block = [u8; BLOCK_SIZE];

/// The magic number with which block 1 begins.
pub const MAGIC: u32 = 0x1020_3040;
/// The block that holds the superblock.
pub const SUPERBLOCK: u32 = 1;
/// The inode number of the root directory.
pub const ROOT_INODE: u32 = 1;
/// The number of block numbers in an inode.
pub const DIRECT: usize = 12;
/// The number of block numbers in an indirect block.
pub const INDIRECT: usize = BLOCK_SIZE / 4;
/// The most blocks of a file.
pub const MAX_FILE_BLOCKS: usize = DIRECT + INDIRECT;
/// The largest size of a file, in bytes.
pub const MAX_FILE_SIZE: u32 = (MAX_FILE_BLOCKS * BLOCK_SIZE) as u32;
/// The most names of an inode. xv6 keeps the count in a signed 16-bit number.
pub const MAX_LINKS: u16 = i16::MAX as u16;
/// The number of inodes in a block.
pub const INODES_PER_BLOCK: u32 = (BLOCK_SIZE / size_of::<DiskInode>()) as u32;
/// The number of blocks whose state one block of the bitmap holds.
pub const BITS_PER_BLOCK: u32 = (BLOCK_SIZE * 8) as u32;
/// The size of a directory entry, in bytes.
pub const ENTRY_SIZE: usize = size_of::<DirEntry>();
/// The number of directory entries in a block.
pub const ENTRIES_PER_BLOCK: u32 = (BLOCK_SIZE / ENTRY_SIZE) as u32;

/// The number of blocks of the log in Cowslip's own images, its header included.
pub const LOG_BLOCKS: u32 = 31;
/// The most blocks of one transaction, in any image, because kernels of xv6 recover no more.
pub const MAX_TRANSACTION: u32 = 30;
/// The smallest log that can be mounted. An operation that makes a directory and extends its parent
/// changes 8 blocks, and xv6 reckons with 10.
pub const MIN_LOG_BLOCKS: u32 = 11;
/// The most block numbers in the log's header.
pub const LOG_HEADER_CAPACITY: u32 = (BLOCK_SIZE / 4 - 1) as u32;

/// The superblock.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SuperBlock {
    /// [`MAGIC`].
    pub magic: U32,
    /// The number of blocks of the file system.
    pub size: U32,
    /// The number of blocks of the data region, which is the last.
    pub nblocks: U32,
    /// The number of inodes, including the unused inode 0.
    pub ninodes: U32,
    /// The number of blocks of the log, its header included.
    pub nlog: U32,
    /// The first block of the log: its header.
    pub logstart: U32,
    /// The first block of inodes.
    pub inodestart: U32,
    /// The first block of the bitmap.
    pub bmapstart: U32,
}

/// An inode.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct DiskInode {
    /// A [`FileKind`], or 0 for a free inode.
    pub kind: U16,
    /// The driver of a device file.
    pub major: U16,
    /// The device of the driver.
    pub minor: U16,
    /// The number of names.
    pub nlink: U16,
    /// The size, in bytes.
    pub size: U32,
    /// The block numbers: direct ones, then the indirect block. 0 means that there is no block.
    pub addresses: [U32; DIRECT + 1],
}

impl DiskInode {
    /// A free inode.
    pub const FREE: Self = Self {
        kind: U16::ZERO,
        major: U16::ZERO,
        minor: U16::ZERO,
        nlink: U16::ZERO,
        size: U32::ZERO,
        addresses: [U32::ZERO; DIRECT + 1],
    };

    /// Returns whether the inode is free.
    pub fn is_free(&self) -> bool {
        self.kind.get() == 0
    }

    /// Returns the inode's kind. Returns `None` for a free inode and for a number that is no kind.
    pub fn file_kind(&self) -> Option<FileKind> {
        FileKind::from_number(self.kind.get())
    }

    /// Returns how many blocks the size takes.
    pub fn size_in_blocks(&self) -> usize {
        (self.size.get() as usize).div_ceil(BLOCK_SIZE)
    }
}

/// An entry of a directory.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct DirEntry {
    /// The inode number. 0 means that the entry is unused.
    pub inode: U16,
    /// The name, padded with NULs. A name of 14 bytes has no NUL.
    pub name: [u8; NAME_MAX],
}

impl DirEntry {
    /// An unused entry.
    pub const UNUSED: Self = Self {
        inode: U16::ZERO,
        name: [0; NAME_MAX],
    };

    /// Returns an entry for `inode`, its name cut at 14 bytes.
    pub fn new(inode: u16, name: &[u8]) -> Self {
        let mut entry = Self {
            inode: inode.into(),
            name: [0; NAME_MAX],
        };
        let length = name.len().min(NAME_MAX);
        entry.name[..length].copy_from_slice(&name[..length]);
        entry
    }

    /// Returns the name without its padding.
    pub fn name(&self) -> &[u8] {
        let end = self.name.iter().position(|&byte| byte == 0);
        &self.name[..end.unwrap_or(NAME_MAX)]
    }
}

/// The header of the log. It describes the transaction that is committed but perhaps not installed.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct LogHeader {
    /// The number of blocks in the log. 0 means that there is nothing to recover.
    pub count: U32,
    /// The blocks of the disk to which they belong.
    pub targets: [U32; LOG_HEADER_CAPACITY as usize],
}

impl LogHeader {
    /// Returns the blocks of the disk to which the log's blocks belong, after a check that they
    /// can.
    ///
    /// # Errors
    ///
    /// What is wrong, as [`MountError::BadLog`].
    pub fn checked_targets(&self, geometry: &Geometry) -> Result<&[U32], MountError> {
        let count = self.count.get();
        if count > LOG_HEADER_CAPACITY.min(geometry.log_blocks - 1) {
            return Err(MountError::BadLog {
                what: "it counts more blocks than the log has",
                found: count,
            });
        }
        let targets = &self.targets[..count as usize];
        let on_disk = geometry.inode_start..geometry.size;
        match targets.iter().find(|to| !on_disk.contains(&to.get())) {
            Some(target) => Err(MountError::BadLog {
                what: "it names a block outside the inodes, the bitmap and the data",
                found: target.get(),
            }),
            None => Ok(targets),
        }
    }
}

/// The regions of a disk whose superblock has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// The number of blocks of the file system.
    pub size: u32,
    /// The first number above those of usable inodes, which begin at 1. It is at most 65,536, even
    /// if the disk has more inodes, because directory entries have 16 bits for the number.
    pub inode_end: u32,
    /// The header of the log.
    pub log_start: u32,
    /// The number of blocks of the log, its header included.
    pub log_blocks: u32,
    /// The first block of inodes.
    pub inode_start: u32,
    /// The first block of the bitmap.
    pub bitmap_start: u32,
    /// The first block of the data region, which extends to `size`.
    pub data_start: u32,
}

impl Geometry {
    /// Checks the superblock in `block` against a device of `device_blocks` blocks.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn check(block: &Block, device_blocks: u32) -> Result<Self, MountError> {
        let (superblock, _) =
            SuperBlock::ref_from_prefix(block).map_err(|_| MountError::NotXv6 { magic: 0 })?;
        let magic = superblock.magic.get();
        if magic != MAGIC {
            return Err(MountError::NotXv6 { magic });
        }
        let size = superblock.size.get();
        if size > device_blocks {
            return Err(MountError::DeviceTooSmall {
                needed: size,
                present: device_blocks,
            });
        }
        let geometry = Self {
            size,
            inode_end: superblock.ninodes.get().min(1 << 16),
            log_start: superblock.logstart.get(),
            log_blocks: superblock.nlog.get(),
            inode_start: superblock.inodestart.get(),
            bitmap_start: superblock.bmapstart.get(),
            data_start: size.saturating_sub(superblock.nblocks.get()),
        };
        let inode_blocks = superblock.ninodes.get().div_ceil(INODES_PER_BLOCK);
        geometry.check_regions(inode_blocks)?;
        if geometry.log_blocks < MIN_LOG_BLOCKS {
            return Err(MountError::LogTooSmall {
                blocks: geometry.log_blocks,
                needed: MIN_LOG_BLOCKS,
            });
        }
        if geometry.inode_end <= ROOT_INODE {
            return Err(MountError::Layout {
                what: "there is no inode for the root directory",
            });
        }
        Ok(geometry)
    }

    fn check_regions(&self, inode_blocks: u32) -> Result<(), MountError> {
        let bitmap_blocks = self.size.div_ceil(BITS_PER_BLOCK);
        let regions = [
            (
                SUPERBLOCK,
                1,
                "the log overlaps the superblock",
                self.log_start,
            ),
            (
                self.log_start,
                self.log_blocks,
                "the log overlaps the inodes",
                self.inode_start,
            ),
            (
                self.inode_start,
                inode_blocks,
                "the inodes overlap the bitmap",
                self.bitmap_start,
            ),
            (
                self.bitmap_start,
                bitmap_blocks,
                "the bitmap overlaps the data",
                self.data_start,
            ),
            (self.data_start, 1, "there are no data blocks", self.size),
        ];
        for (start, blocks, what, next) in regions {
            if u64::from(start) + u64::from(blocks) > u64::from(next) {
                return Err(MountError::Layout { what });
            }
        }
        Ok(())
    }

    /// Returns the most blocks of one transaction.
    pub fn transaction_blocks(&self) -> usize {
        MAX_TRANSACTION.min(self.log_blocks - 1) as usize
    }

    /// Returns whether an inode with this number can be in use.
    pub fn has_inode(&self, number: u32) -> bool {
        (1..self.inode_end).contains(&number)
    }

    /// Returns the block that holds an inode, and the inode's index in the block.
    pub fn inode_position(&self, number: u32) -> (u32, usize) {
        (
            self.inode_start + number / INODES_PER_BLOCK,
            (number % INODES_PER_BLOCK) as usize,
        )
    }

    /// Returns whether a block is in the data region, where files and directories have their
    /// blocks.
    pub fn is_data(&self, block: u32) -> bool {
        (self.data_start..self.size).contains(&block)
    }

    /// Returns the block of the bitmap that holds a block's bit, and the index of the bit.
    pub fn bitmap_position(&self, block: u32) -> (u32, u32) {
        (
            self.bitmap_start + block / BITS_PER_BLOCK,
            block % BITS_PER_BLOCK,
        )
    }
}
