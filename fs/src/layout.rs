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

/// What block 1 begins with.
pub const MAGIC: u32 = 0x1020_3040;
/// The block of the superblock.
pub const SUPERBLOCK: u32 = 1;
/// The inode of the root directory.
pub const ROOT_INODE: u32 = 1;
/// Blocks an inode names itself.
pub const DIRECT: usize = 12;
/// Blocks an indirect block names.
pub const INDIRECT: usize = BLOCK_SIZE / 4;
/// Most blocks of a file.
pub const MAX_FILE_BLOCKS: usize = DIRECT + INDIRECT;
/// Most bytes of a file.
pub const MAX_FILE_SIZE: u32 = (MAX_FILE_BLOCKS * BLOCK_SIZE) as u32;
/// Most names of an inode: xv6 keeps the count in a signed 16-bit number.
pub const MAX_LINKS: u16 = i16::MAX as u16;
/// Inodes in a block.
pub const INODES_PER_BLOCK: u32 = (BLOCK_SIZE / size_of::<DiskInode>()) as u32;
/// Blocks whose state one block of the bitmap holds.
pub const BITS_PER_BLOCK: u32 = (BLOCK_SIZE * 8) as u32;
/// Bytes of a directory entry.
pub const ENTRY_SIZE: usize = size_of::<DirEntry>();
/// Directory entries in a block.
pub const ENTRIES_PER_BLOCK: u32 = (BLOCK_SIZE / ENTRY_SIZE) as u32;

/// Blocks of the log in images we make, its header included.
pub const LOG_BLOCKS: u32 = 31;
/// Most blocks of one transaction, in any image: kernels of xv6 recover no more.
pub const MAX_TRANSACTION: u32 = 30;
/// The smallest log we mount: an operation that makes a directory and extends its parent
/// changes 8 blocks, and xv6 reckons with 10.
pub const MIN_LOG_BLOCKS: u32 = 11;
/// Most block numbers in the log's header.
pub const LOG_HEADER_CAPACITY: u32 = (BLOCK_SIZE / 4 - 1) as u32;

/// The superblock.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SuperBlock {
    /// [`MAGIC`].
    pub magic: U32,
    /// Blocks of the file system.
    pub size: U32,
    /// Blocks of its data region, which is the last.
    pub nblocks: U32,
    /// Inodes, the unused inode 0 included.
    pub ninodes: U32,
    /// Blocks of the log, its header included.
    pub nlog: U32,
    /// First block of the log: its header.
    pub logstart: U32,
    /// First block of inodes.
    pub inodestart: U32,
    /// First block of the bitmap.
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
    /// Driver of a device file.
    pub major: U16,
    /// Device of the driver.
    pub minor: U16,
    /// Names that lead here.
    pub nlink: U16,
    /// Bytes.
    pub size: U32,
    /// The blocks: direct ones, then the indirect block; 0 is none.
    pub addresses: [U32; DIRECT + 1],
}

impl DiskInode {
    /// An inode nobody uses.
    pub const FREE: Self = Self {
        kind: U16::ZERO,
        major: U16::ZERO,
        minor: U16::ZERO,
        nlink: U16::ZERO,
        size: U32::ZERO,
        addresses: [U32::ZERO; DIRECT + 1],
    };

    /// Returns whether nobody uses the inode.
    pub fn is_free(&self) -> bool {
        self.kind.get() == 0
    }

    /// Returns what the inode is; `None` for a free one and for a number that means nothing.
    pub fn file_kind(&self) -> Option<FileKind> {
        FileKind::from_number(self.kind.get())
    }

    /// Returns how many blocks its size takes.
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
    /// The inode; 0 is an unused entry.
    pub inode: U16,
    /// The name, filled up with NULs; a name of 14 bytes has none.
    pub name: [u8; NAME_MAX],
}

impl DirEntry {
    /// An entry that is not in use.
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

/// The header of the log: the transaction that is committed but perhaps not installed.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct LogHeader {
    /// How many blocks the log holds; 0 when there is nothing to recover.
    pub count: U32,
    /// Where each of them belongs.
    pub targets: [U32; LOG_HEADER_CAPACITY as usize],
}

impl LogHeader {
    /// The blocks the log holds belong here, after a check that it can be so.
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

/// Where things are on a disk whose superblock has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Blocks of the file system.
    pub size: u32,
    /// Inodes that can be used are 1 up to and without this one. Directory entries have 16 bits
    /// for it, so it is at most 65,536 even if the disk has more.
    pub inode_end: u32,
    /// The header of the log.
    pub log_start: u32,
    /// Blocks of the log, its header included.
    pub log_blocks: u32,
    /// First block of inodes.
    pub inode_start: u32,
    /// First block of the bitmap.
    pub bitmap_start: u32,
    /// First block of the data region, which extends to `size`.
    pub data_start: u32,
}

impl Geometry {
    /// Checks the superblock in `block` against a device of `device_blocks` blocks.
    ///
    /// # Errors
    ///
    /// What is wrong with it, one thing at a time.
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

    /// Most blocks of one transaction.
    pub fn transaction_blocks(&self) -> usize {
        MAX_TRANSACTION.min(self.log_blocks - 1) as usize
    }

    /// Returns whether an inode with this number can be in use.
    pub fn has_inode(&self, number: u32) -> bool {
        (1..self.inode_end).contains(&number)
    }

    /// Returns the block an inode is in, and its place among the block's inodes.
    pub fn inode_position(&self, number: u32) -> (u32, usize) {
        (
            self.inode_start + number / INODES_PER_BLOCK,
            (number % INODES_PER_BLOCK) as usize,
        )
    }

    /// Returns whether a file or directory can own this block.
    pub fn is_data(&self, block: u32) -> bool {
        (self.data_start..self.size).contains(&block)
    }

    /// Returns the block of the bitmap that holds a block's bit, and which bit it is.
    pub fn bitmap_position(&self, block: u32) -> (u32, u32) {
        (
            self.bitmap_start + block / BITS_PER_BLOCK,
            block % BITS_PER_BLOCK,
        )
    }
}
