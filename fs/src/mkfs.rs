//! Making images: an empty file system on any device, and a builder that fills one in memory.
//!
//! The layout is that of xv6's own `mkfs`, with a log of 31 blocks. The builder uses the ordinary
//! operations on a [`MemoryDisk`], so files are made in only one way. Neighbour: `xtask`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use abi::{BLOCK_SIZE, FileKind};
use zerocopy::{IntoBytes, transmute_mut};

use crate::device::{BlockDevice, DeviceError, MemoryDisk};
use crate::error::{DeviceOperation, FsError, MountError};
use crate::filesystem::FileSystem;
use crate::layout::{
    BITS_PER_BLOCK, Block, DirEntry, DiskInode, ENTRY_SIZE, INODES_PER_BLOCK, LOG_BLOCKS, MAGIC,
    ROOT_INODE, SUPERBLOCK, SuperBlock,
};
use crate::names::NewNode;
use crate::number::InodeNo;

/// The most inodes of an image, inode 0 included, because directory entries have 16 bits for the
/// number.
pub const MAX_INODES: u32 = 1 << 16;

/// The number of blocks of metadata that are cached while an image is built.
const CACHE_BLOCKS: usize = 256;

/// Why an image cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// The number of inodes is not between 2 and 65,536.
    Inodes(u32),
    /// The regions before the data region leave no block for it.
    TooSmall {
        /// The blocks that were asked for.
        blocks: u32,
        /// The least number of blocks.
        needed: u32,
    },
    /// The device failed.
    Device(DeviceOperation),
    /// The new file system cannot be mounted.
    Mount(MountError),
    /// An entry cannot be added.
    Entry {
        /// The entry's path.
        path: String,
        /// The reason.
        error: FsError,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inodes(inodes) => {
                write!(f, "an image has 2 to {MAX_INODES} inodes, not {inodes}")
            }
            Self::TooSmall { blocks, needed } => write!(
                f,
                "{blocks} blocks are too few for an image with so many inodes: \
                 it takes at least {needed}"
            ),
            Self::Device(operation) => write!(f, "the disk failed while {operation}"),
            Self::Mount(error) => write!(f, "the new image cannot be mounted: {error}"),
            Self::Entry { path, error } => write!(f, "cannot add {path} to the image: {error}"),
        }
    }
}

impl core::error::Error for BuildError {}

/// Makes an empty file system of `blocks` blocks with the inodes from 1 up to, but without,
/// `inodes`.
///
/// # Errors
///
/// The sizes are impossible, or the device fails.
pub fn format(device: &mut impl BlockDevice, blocks: u32, inodes: u32) -> Result<(), BuildError> {
    if !(ROOT_INODE + 1..=MAX_INODES).contains(&inodes) {
        return Err(BuildError::Inodes(inodes));
    }
    let log_start = SUPERBLOCK + 1;
    let inode_start = log_start + LOG_BLOCKS;
    let bitmap_start = inode_start + inodes / INODES_PER_BLOCK + 1;
    let data_start = bitmap_start + blocks / BITS_PER_BLOCK + 1;
    if blocks <= data_start {
        return Err(BuildError::TooSmall {
            blocks,
            needed: data_start + 1,
        });
    }
    let root_block = data_start;
    let mut write = |number: u32, contents: &Block| {
        device
            .write(number, contents)
            .map_err(|DeviceError| BuildError::Device(DeviceOperation::Write(number)))
    };

    for number in (0..SUPERBLOCK).chain(log_start..bitmap_start) {
        write(number, &[0; BLOCK_SIZE])?;
    }
    write(
        SUPERBLOCK,
        &with_prefix(
            SuperBlock {
                magic: MAGIC.into(),
                size: blocks.into(),
                nblocks: (blocks - data_start).into(),
                ninodes: inodes.into(),
                nlog: LOG_BLOCKS.into(),
                logstart: log_start.into(),
                inodestart: inode_start.into(),
                bmapstart: bitmap_start.into(),
            }
            .as_bytes(),
        ),
    )?;
    write(inode_start, &root_inode_block(root_block))?;
    for number in bitmap_start..data_start {
        let first = (number - bitmap_start) * BITS_PER_BLOCK;
        write(number, &bitmap_block(first, root_block))?;
    }
    let entries = [b".".as_slice(), b".."].map(|name| DirEntry::new(ROOT_INODE as u16, name));
    write(root_block, &with_prefix(entries.as_bytes()))?;
    device
        .flush()
        .map_err(|DeviceError| BuildError::Device(DeviceOperation::Flush))
}

fn with_prefix(prefix: &[u8]) -> Block {
    let mut block = [0; BLOCK_SIZE];
    block[..prefix.len()].copy_from_slice(prefix);
    block
}

fn root_inode_block(root_block: u32) -> Block {
    let mut block = [0; BLOCK_SIZE];
    let inodes: &mut [DiskInode; INODES_PER_BLOCK as usize] = transmute_mut!(&mut block);
    let root = &mut inodes[ROOT_INODE as usize];
    root.kind.set(FileKind::Directory as u16);
    root.nlink.set(1);
    root.size.set(2 * ENTRY_SIZE as u32);
    root.addresses[0].set(root_block);
    block
}

/// Returns the block of the bitmap whose first bit is that of block `first`, with all blocks up to
/// `last_used` in use.
fn bitmap_block(first: u32, last_used: u32) -> Block {
    let mut block = [0; BLOCK_SIZE];
    for used in (first..=last_used).take(BITS_PER_BLOCK as usize) {
        let bit = used - first;
        block[(bit / 8) as usize] |= 1 << (bit % 8);
    }
    block
}

/// An image, and the operations to fill it.
#[derive(Debug)]
pub struct ImageBuilder {
    files: FileSystem<MemoryDisk>,
}

impl ImageBuilder {
    /// Returns an empty image of `blocks` blocks with the inodes from 1 up to, but without,
    /// `inodes`.
    ///
    /// # Errors
    ///
    /// The sizes are impossible.
    pub fn new(blocks: u32, inodes: u32) -> Result<Self, BuildError> {
        let mut disk = MemoryDisk::new(blocks);
        format(&mut disk, blocks, inodes)?;
        let files = FileSystem::mount(disk, CACHE_BLOCKS).map_err(BuildError::Mount)?;
        Ok(Self { files })
    }

    /// Adds a file with these bytes.
    ///
    /// # Errors
    ///
    /// The file does not fit (then part of it is in the image), the path exists, or its directory
    /// does not.
    pub fn add_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), BuildError> {
        named(path, self.try_add_file(path.as_bytes(), bytes))
    }

    fn try_add_file(&mut self, path: &[u8], bytes: &[u8]) -> Result<(), FsError> {
        if let Ok(existing) = self.files.lookup(InodeNo::ROOT, path) {
            self.files.release(existing)?;
            return Err(FsError::Exists);
        }
        let inode = self.files.create(InodeNo::ROOT, path, NewNode::File)?;
        let written = self.files.write_at(inode, 0, bytes);
        self.files.release(inode)?;
        if written? < bytes.len() {
            return Err(FsError::NoSpace);
        }
        Ok(())
    }

    /// Adds an empty directory.
    ///
    /// # Errors
    ///
    /// Those of [`ImageBuilder::add_file`].
    pub fn add_directory(&mut self, path: &str) -> Result<(), BuildError> {
        named(path, self.files.mkdir(InodeNo::ROOT, path.as_bytes()))
    }

    /// Adds a device file.
    ///
    /// # Errors
    ///
    /// Those of [`ImageBuilder::add_file`].
    pub fn add_device(&mut self, path: &str, major: u16, minor: u16) -> Result<(), BuildError> {
        let path_bytes = path.as_bytes();
        named(
            path,
            self.files.mknod(InodeNo::ROOT, path_bytes, major, minor),
        )
    }

    /// Returns the finished image.
    ///
    /// # Errors
    ///
    /// None occur with a disk in memory.
    pub fn finish(self) -> Result<Vec<u8>, BuildError> {
        let disk = self.files.unmount();
        let disk = disk.map_err(|error| BuildError::Mount(error.into()))?;
        Ok(disk.into_bytes())
    }
}

fn named(path: &str, result: Result<(), FsError>) -> Result<(), BuildError> {
    result.map_err(|error| BuildError::Entry {
        path: path.to_string(),
        error,
    })
}
