//! The errors, each as one clear line.
//!
//! [`FsError`] is the answer of an operation that did not happen. [`MountError`] says why a disk
//! cannot be used at all. Neighbours: every module.

use core::fmt;

/// The request that a device failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceOperation {
    /// A read that starts at this block.
    Read(u32),
    /// A write that starts at this block.
    Write(u32),
    /// A flush, which makes writes durable.
    Flush,
}

impl fmt::Display for DeviceOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(block) => write!(f, "reading block {block}"),
            Self::Write(block) => write!(f, "writing block {block}"),
            Self::Flush => write!(f, "flushing"),
        }
    }
}

/// The place of a contradiction in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// This inode.
    Inode(u32),
    /// This block.
    Block(u32),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inode(number) => write!(f, "inode {number}"),
            Self::Block(number) => write!(f, "block {number}"),
        }
    }
}

/// Why an operation failed. The operation changed nothing, with one exception: if the device failed
/// in the middle of its commit, this is [`FsError::Device`], and every later operation returns
/// [`FsError::Stopped`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FsError {
    /// A component of the path does not exist, or the directory has been removed.
    NotFound,
    /// A path uses something as a directory that is none.
    NotADirectory,
    /// The operation works on files only, and this is a directory.
    IsADirectory,
    /// The name exists already.
    Exists,
    /// The directory to be removed has entries.
    NotEmpty,
    /// No free block is left.
    NoSpace,
    /// No free inode is left.
    NoInodes,
    /// A file would get more than 268 blocks.
    TooLarge,
    /// An inode would get more than 32,767 names.
    TooManyLinks,
    /// The operation changes more blocks than the log holds. This should not happen, because every
    /// operation fits or is divided.
    TransactionTooLarge,
    /// The request is invalid, for this reason.
    Invalid(&'static str),
    /// The kernel has no memory for the operation.
    NoMemory,
    /// The device failed.
    Device(DeviceOperation),
    /// The device failed in the middle of an earlier commit. Only recovery tells what is on the
    /// disk, so every operation fails until the disk is mounted again.
    Stopped,
    /// The image contradicts itself.
    Corrupt {
        /// The contradiction.
        what: &'static str,
        /// The place of the contradiction.
        place: Place,
    },
}

impl fmt::Display for FsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => write!(f, "no such file or directory"),
            Self::NotADirectory => write!(f, "not a directory"),
            Self::IsADirectory => write!(f, "is a directory"),
            Self::Exists => write!(f, "the name exists already"),
            Self::NotEmpty => write!(f, "the directory is not empty"),
            Self::NoSpace => write!(f, "no free block is left on the disk"),
            Self::NoInodes => write!(f, "no free inode is left on the disk"),
            Self::TooLarge => write!(f, "a file can have at most 268 blocks"),
            Self::TooManyLinks => write!(f, "a file can have at most 32767 names"),
            Self::TransactionTooLarge => write!(f, "the operation does not fit into the log"),
            Self::Invalid(why) => write!(f, "invalid request: {why}"),
            Self::NoMemory => write!(f, "no memory for the file system"),
            Self::Device(operation) => write!(f, "the disk failed while {operation}"),
            Self::Stopped => write!(
                f,
                "stopped after the disk failed in a commit; mount it again to recover"
            ),
            Self::Corrupt { what, place } => {
                write!(
                    f,
                    "corrupt file system: {what} ({place}); check it with fsck"
                )
            }
        }
    }
}

impl core::error::Error for FsError {}

/// Why a disk cannot be mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountError {
    /// Block 1 is not a superblock of xv6.
    NotXv6 {
        /// The number in place of the magic number.
        magic: u32,
    },
    /// The device ends before the file system does.
    DeviceTooSmall {
        /// The blocks of the file system, by its superblock (0 if the device has none).
        needed: u32,
        /// The blocks of the device.
        present: u32,
    },
    /// The regions of the disk, by the superblock, overlap or leave the disk.
    Layout {
        /// What is wrong with the regions.
        what: &'static str,
    },
    /// The log is too small for one operation.
    LogTooSmall {
        /// The blocks of the log, its header included.
        blocks: u32,
        /// The least number of blocks.
        needed: u32,
    },
    /// The log's header was not written by a commit.
    BadLog {
        /// What is wrong with the header.
        what: &'static str,
        /// The number in the header.
        found: u32,
    },
    /// Inode 1 is not a directory.
    NoRoot,
    /// The inodes have a double-indirect block, as in xv6's file-system lab.
    DoubleIndirect,
    /// Recovering the log or reclaiming unlinked inodes failed.
    Failed(FsError),
}

impl From<FsError> for MountError {
    fn from(error: FsError) -> Self {
        Self::Failed(error)
    }
}

impl fmt::Display for MountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotXv6 { magic } => write!(
                f,
                "not an xv6 image: the superblock's magic number is {magic:#x}, not 0x10203040"
            ),
            Self::DeviceTooSmall { needed: 0, present } => write!(
                f,
                "not an xv6 image: the disk has {present} blocks and no superblock"
            ),
            Self::DeviceTooSmall { needed, present } => write!(
                f,
                "the superblock says {needed} blocks but the disk has {present}: the image is cut off"
            ),
            Self::Layout { what } => write!(f, "impossible superblock: {what}"),
            Self::LogTooSmall { blocks, needed } => write!(
                f,
                "the log has {blocks} blocks, at least {needed} are needed"
            ),
            Self::BadLog { what, found } => write!(f, "impossible log header: {what} ({found})"),
            Self::NoRoot => write!(f, "inode 1, the root, is not a directory"),
            Self::DoubleIndirect => write!(
                f,
                "its inodes have a double-indirect block, as in the file-system lab; \
                 only the usual ones (12 direct blocks and an indirect one) can be read"
            ),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for MountError {}
